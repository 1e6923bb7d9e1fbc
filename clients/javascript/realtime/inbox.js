import { backoff } from './backoff.js';
import { passingErrors } from './errors.js';

/** Connections on which a join may stay without an answer before it is given up: more of the same would not help. */
export const joinTries = 3;

/**
 * The inbox that the application has asked for: asked for again after each reconnect, from the last position.
 * @typedef {import('../realtime.d.ts').Position} Position
 * @typedef {{resolve: (value: any) => void, reject: (error: Error) => void}} Waiting
 */
export class Inbox {
  #session;
  /** Of the last message that was handed out. @type {Position|null} */
  position;
  /** The server's answer, while the connection has it. @type {import('../realtime.d.ts').Inbox|null} */
  joined = null;
  /** The question whose answer counts. @type {string|null} */
  #id = null;
  /** Questions that have failed in a row, for reasons that pass. */
  #attempt = 0;
  /** Those that got no answer in time, each on a connection of its own. */
  #unanswered = 0;
  /** Callers of `inbox`. @type {Waiting[]} */
  #waiting = [];

  /** @param {import('./session.js').Session} session @param {Position|null} position */
  constructor(session, position) {
    this.#session = session;
    this.position = position;
  }

  /** @returns {Promise<import('../realtime.d.ts').Inbox>} */
  answer() { return this.joined ? Promise.resolve(this.joined) : new Promise((resolve, reject) => this.#waiting.push({ resolve, reject })); }

  /** Asks, unless it has done so. */
  ask() {
    if (this.#id !== null) return;
    const { requests, connection, options } = this.#session;
    const id = this.#id = requests.newId();
    requests.send(id, { type: 'inbox', ...this.position }).catch(error => {
      // A lost connection asks again by itself.
      if (this.#id !== id || this.#session.inbox !== this) return;
      this.#id = null;
      if (error.code === 'timeout' && ++this.#unanswered < joinTries) return connection.lost(0, 'The server did not answer for the inbox.');
      if (passingErrors.has(error.code)) return connection.later(backoff(this.#attempt++, options.retryBase, options.retryMax), () => { if (this.#session.inbox === this) this.ask(); });
      this.#session.inbox = null;
      // The one who called inbox hears of it there; a refusal on the way back has no such caller.
      if (this.#waiting.length === 0) this.#session.events.emit('error', error);
      this.reject(error);
    });
  }

  /** The connection is gone. */
  lost() { this.joined = this.#id = null; }

  reject(/** @type {Error} */ error) { for (const { reject } of this.#waiting.splice(0)) reject(error); }

  /** The answer; without an id, messages are lost and the server says where it goes on. @param {any} frame */
  answered({ type: _, id, ...joined }) {
    if (id === undefined ? this.joined === null : id !== this.#id) return;
    const before = this.position;
    const position = { epoch: joined.epoch, seq: joined.seq };
    // After a resume the position moves with the messages that follow.
    if (joined.recovered !== true) this.position = position;
    this.joined = joined;
    this.#attempt = this.#unanswered = 0;
    for (const { resolve } of this.#waiting.splice(0)) resolve(joined);
    if (joined.recovered === false) this.#missed(before, position);
  }

  /** Whether a message that has a place in the inbox is handed out; what it skips is told. @param {Position} place */
  isNext({ epoch, seq }) {
    const before = this.position;
    const isNext = before === null || (before.epoch === epoch && seq === before.seq + 1);
    // Before the answer it comes to this connection as to one that has not asked: what does not follow comes again after the answer.
    if (!isNext && (!this.joined || (before.epoch === epoch && seq <= before.seq))) return false;
    if (!isNext) this.#missed(before, { epoch, seq: seq - 1 });
    // Without a position the inbox begins with the answer; what comes before that is no part of it yet.
    if (before !== null) this.position = { epoch, seq };
    return true;
  }

  /** @param {any} frame */
  dropped({ epoch, to }) {
    const before = this.position;
    if (!this.joined || (before !== null && before.epoch === epoch && to <= before.seq)) return;
    this.position = { epoch, seq: to };
    this.#missed(before, { epoch, seq: to }, { dropped: true });
  }

  #missed(/** @type {Position|null} */ since, /** @type {Position} */ position, more = {}) { this.#session.events.emit('inboxMissed', { since, ...position, ...more }); }
}
