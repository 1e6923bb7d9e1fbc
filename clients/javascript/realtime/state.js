import { timerMax } from './checks.js';

/** Versions of deleted keys that are kept while older changes may come yet. */
const deletedMax = 1_000;

/** @typedef {import('../realtime.d.ts').RoomEntry} RoomEntry */

/** A room's state as this client knows it, by key. What has expired goes by itself. */
export class StateCopy {
  /** @type {Map<string, RoomEntry>} @readonly */
  entries = new Map();
  /** All of it came, and what has changed since then. */
  isComplete = false;
  /** What has come of a state that is on its way. @type {RoomEntry[]} */
  #pages = [];
  /** What has changed while it is: it is newer than that. @type {any[]} */
  #late = [];
  /** The number of the message that is the last one in it; -1 while that is not known. */
  #of = -1;
  /** Versions at which keys were deleted. @type {Map<string, number>} */
  #deleted = new Map();
  /** @type {import('./backoff.js').Timer} */
  #timer;
  #onExpired;

  /** @param {(key: string) => void} onExpired */
  constructor(onExpired) { this.#onExpired = onExpired; }

  /** It is about to come anew, as it is after the message with this number. */
  begin(of = -1) {
    this.isComplete = false;
    this.#pages = [];
    this.#late = [];
    this.#of = of;
  }

  /** Nobody wants it any more. */
  end() { clearTimeout(this.#timer); }

  /** Takes a part; true when that was the last one. @param {RoomEntry[]} entries @param {boolean} more */
  replace(entries, more) {
    this.#pages.push(...entries);
    if (more) return false;
    this.entries.clear();
    for (const entry of this.#pages) this.entries.set(entry.key, entry);
    const late = this.#late;
    this.begin(this.#of);
    this.isComplete = true;
    this.#deleted.clear();
    for (const change of late) this.change(change);
    this.#watch();
    return true;
  }

  /** A message has set or deleted a key. @param {any} message */
  change(message) {
    if (!this.isComplete && this.#of >= 0) this.#late.push(message);
    const { type: _, room: __, epoch: ___, deleted, ...entry } = message;
    const { key, seq } = entry;
    if (seq <= this.#of) return;
    const known = this.entries.get(key)?.seq ?? this.#deleted.get(key) ?? 0;
    if (seq < known) return;
    this.#deleted.delete(key);
    if (!deleted) this.entries.set(key, entry);
    else {
      this.entries.delete(key);
      this.#deleted.set(key, seq);
      if (this.#deleted.size > deletedMax) this.#deleted.delete(/** @type {string} */ (this.#deleted.keys().next().value));
    }
    this.#watch();
  }

  #watch() {
    clearTimeout(this.#timer);
    let next = Infinity;
    for (const { expires = Infinity } of this.entries.values()) next = Math.min(next, expires);
    if (next === Infinity) return;
    this.#timer = setTimeout(() => this.#expire(), Math.min(Math.max(next - Date.now(), 0) + 1, timerMax));
    /** @type {any} */ (this.#timer).unref?.(); // it keeps no process
  }

  #expire() {
    const gone = [...this.entries.values()].filter(({ expires = Infinity }) => expires <= Date.now());
    for (const { key } of gone) this.entries.delete(key);
    this.#watch();
    for (const { key } of gone) this.#onExpired(key);
  }
}
