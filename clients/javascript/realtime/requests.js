import { RealtimeError } from './errors.js';

/**
 * Questions that die with their connection.
 * @typedef {{resolve: (value: any) => void, reject: (error: Error) => void}} Waiting
 */
export class Requests {
  #connection;
  #timeout;
  /** By id. @type {Map<string, Waiting>} */
  #waiting = new Map();
  /** Ids are unique across clients of one user, because the server deduplicates by user and id. */
  #prefix = randomPrefix();
  #next = 1;

  /** @param {import('./connection.js').Connection} connection @param {number} timeout  Of an answer, unless a call says another. */
  constructor(connection, timeout) {
    this.#connection = connection;
    this.#timeout = timeout;
  }

  newId() { return `${this.#prefix}-${this.#next++}`; }

  /** Asks on the connection that is open. @param {object} frame @param {number} [timeout] @returns {Promise<any>} */
  async ask(frame, timeout) {
    if (!this.#connection.isOnline) throw this.#connection.offline();
    return this.send(this.newId(), frame, timeout);
  }

  /** @param {string} id @param {object} frame @returns {Promise<any>} */
  send(id, frame, timeout = this.#timeout) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.take(id)?.reject(new RealtimeError('timeout', `There was no answer within ${timeout} ms.`)), timeout);
      this.#waiting.set(id, {
        resolve: value => { clearTimeout(timer); resolve(value); },
        reject: error => { clearTimeout(timer); reject(error); },
      });
      // The id first: an error about anything behind it can name this request.
      this.#connection.write(JSON.stringify({ id, ...frame }));
    });
  }

  /** Who waits for the answer with this id. @param {string|undefined} id */
  take(id) {
    const waiting = this.#waiting.get(/** @type {string} */ (id));
    this.#waiting.delete(/** @type {string} */ (id));
    return waiting;
  }

  /** Takes all out, to be rejected when the rest is in order. */
  takeAll() {
    const all = [...this.#waiting.values()];
    this.#waiting.clear();
    return all;
  }
}

function randomPrefix() {
  // 64 bits: two clients of one user within a dedupe window of minutes will not meet. Not a secret.
  return [...crypto.getRandomValues(new Uint8Array(8))].map(byte => byte.toString(16).padStart(2, '0')).join('');
}
