/** Calls listeners of events with these names and no other. */
export class Emitter {
  #names;
  /** By event the listeners, and whether each is to be called once. @type {Map<string, Map<Function, boolean>>} */
  #listeners = new Map();

  /** @param {string[]} names */
  constructor(names) { this.#names = names; }

  get isEmpty() { return this.#listeners.size === 0; }

  /** @param {string} event @param {any} listener @param {boolean} [once] */
  on(event, listener, once = false) {
    const listeners = this.#of(event) ?? new Map();
    if (typeof listener !== 'function') throw new TypeError(`The listener of '${event}' must be a function.`);
    this.#listeners.set(event, listeners.set(listener, once && (listeners.get(listener) ?? true)));
  }

  /** @param {string} event @param {any} listener */
  off(event, listener) {
    const listeners = this.#of(event);
    if (listeners?.delete(listener) && listeners.size === 0) this.#listeners.delete(event);
  }

  /** @param {string} event @param {any} detail */
  emit(event, detail) {
    for (const [listener, once] of this.#listeners.get(event) ?? []) {
      if (once) this.off(event, listener);
      try {
        listener(detail);
      } catch (error) {
        // A listener's failure is the application's, reported as any uncaught one, and no other listener's.
        queueMicrotask(() => { throw error; });
      }
    }
  }

  #of(/** @type {string} */ event) {
    if (!this.#names.includes(event)) throw new TypeError(`There is no event '${event}'; there are ${this.#names.join(', ')}.`);
    return this.#listeners.get(event);
  }
}

/** Of a room; the client tells of all of them. */
export const roomEvents = ['message', 'ephemeral', 'state', 'expired', 'joined', 'left', 'missed', 'join', 'leave', 'update', 'presence', 'members'];
export const clientEvents = ['status', ...roomEvents, 'direct', 'inboxMissed', 'dropped', 'error', 'raw'];
