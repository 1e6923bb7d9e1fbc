/**
 * Notices a connection that is not answered: one that takes too long to open, and one that has gone silent.
 * @typedef {import('./backoff.js').Timer} Timer
 */
export class Liveness {
  #options;
  #ping;
  #onDead;
  /** @type {Timer} */
  #timer;
  /** When the last frame arrived. Of the steady clock, as are all times here that are compared. */
  #heard = 0;
  /** Whether it waits for a sign of life. */
  #asked = false;

  /**
   * @param {{openTimeout: number, pingAfter: number, pongTimeout: number}} options
   * @param {() => void} ping  Asks the server for a sign of life. @param {(why: string) => void} onDead
   */
  constructor(options, ping, onDead) {
    this.#options = options;
    this.#ping = ping;
    this.#onDead = onDead;
  }

  /** An attempt begins. */
  opening() { this.#watch(this.#options.openTimeout, () => this.#onDead('The server did not answer in time.')); }

  opened() {
    this.#heard = performance.now();
    this.#asked = false;
    this.#listen();
  }

  /** A frame has come. Whatever the server says is an answer. */
  heard() {
    this.#heard = performance.now();
    if (!this.#asked) return;
    this.#asked = false;
    this.#listen();
  }

  end() { clearTimeout(this.#timer); }

  /** After a long silence, asks whether the server is there. */
  #listen() {
    const { pingAfter, pongTimeout } = this.#options;
    const silence = performance.now() - this.#heard;
    if (silence < pingAfter) return this.#watch(pingAfter - silence, () => this.#listen());
    this.#asked = true;
    this.#ping();
    this.#watch(pongTimeout, () => this.#onDead('The server fell silent.'));
  }

  #watch(/** @type {number} */ wait, /** @type {() => void} */ then) {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(then, wait);
  }
}
