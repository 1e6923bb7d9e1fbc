import { byteCount, checkNumber, timerMax } from './checks.js';
import { passingErrors, RealtimeError, until } from './errors.js';

/**
 * Messages without an answer, in the order of sending. A message to a room goes out again under its id, which the server deduplicates,
 * until its time is over; a direct one, which nothing deduplicates, does not.
 *
 * @typedef {object} Outgoing
 * @property {string} id
 * @property {string} frame
 * @property {number} bytes
 * @property {string|null} room  Null for a direct message.
 * @property {boolean} silent    It has no echo.
 * @property {boolean} sent      By the connection that is open now.
 * @property {boolean} tried     By any.
 * @property {import('./backoff.js').Timer} timer
 * @property {(value: any) => void} resolve
 * @property {(error: Error) => void} reject
 */
export class Outbox {
  #options;
  #connection;
  #rooms;
  /** @type {Map<string, Outgoing>} */
  #items = new Map();
  #bytes = 0;

  /**
   * @param {ReturnType<typeof import('./options.js').checkOptions>} options
   * @param {import('./connection.js').Connection} connection @param {import('./rooms.js').Rooms} rooms
   */
  constructor(options, connection, rooms) {
    this.#options = options;
    this.#connection = connection;
    this.#rooms = rooms;
  }

  /** Whether an answer is outstanding. */
  get isBusy() { return [...this.#items.values()].some(({ sent }) => sent); }

  /**
   * Queues a message; its promise settles with the answer, or when its time is over.
   * @param {{room?: string, [field: string]: any}} target @param {string} id
   * @param {string} body  `"content":..,"data":..`, written out: what is sent again under an id must be the same.
   * @param {{timeout?: number, signal?: AbortSignal}} options
   * @param {boolean} [silent]
   * @returns {Promise<any>}
   */
  add(target, id, body, { timeout = this.#options.publishTimeout, signal }, silent = false) {
    checkNumber('timeout', timeout, 1, timerMax);
    const room = target.room ?? null;
    const key = keyOf(room, id);
    if (this.#items.has(key)) throw new TypeError(`The id '${id}' belongs to a message that waits for its answer; a new message needs a new id.`);
    const frame = `${JSON.stringify({ id, type: 'message', ...target }).slice(0, -1)},${body}}`;
    const bytes = byteCount(frame);
    const { queueMessages, queueBytes, messageBytes } = this.#options;
    if (bytes > messageBytes)
      throw new RealtimeError('too_big', `The message has ${bytes} bytes as a frame; it may have ${messageBytes} (the option 'messageBytes').`);
    if (this.#connection.status.state === 'offline') throw this.#connection.offline();
    if (this.#items.size >= queueMessages) throw new RealtimeError('queue_full', `${queueMessages} messages wait for an answer already.`);
    if (this.#bytes + bytes > queueBytes)
      throw new RealtimeError('queue_full', `The message has ${bytes} bytes and ${this.#bytes} wait for an answer already; together ${queueBytes} may.`);
    /** @type {Outgoing} */
    let item;
    return until(signal, () => new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.take(item).reject(new RealtimeError('timeout', item.tried
          ? `There was no answer within ${timeout} ms; the message may have arrived.`
          : `There was no connection to send the message by within ${timeout} ms.`));
      }, timeout);
      item = { id, frame, bytes, room, silent, sent: false, tried: false, timer, resolve, reject };
      this.#items.set(key, item);
      this.#bytes += bytes;
      this.flush(room);
    }), () => this.take(item));
  }

  /** Sends what has been waiting for a room, or for a connection (null). @param {string|null} name */
  flush(name) {
    if (name === null ? !this.#connection.isOnline : !this.#rooms.get(name)?.mayPublish) return;
    for (const item of this.#items.values()) {
      if (item.room !== name || item.sent) continue;
      item.sent = item.tried = true;
      this.#connection.write(item.frame);
    }
  }

  /** Whether messages to this room are under way of which no echo comes: the answer to each tells which number it has. @param {string} name */
  awaitsOwn(name) { return [...this.#items.values()].some(({ silent, sent, room }) => silent && sent && room === name); }

  /** The message that an answer is about. Of errors that name no room the id alone tells. @param {{id?: string, room?: string}} answer */
  find({ id, room }) {
    const found = this.#items.get(keyOf(room ?? null, id ?? ''));
    return found ?? (room === undefined ? [...this.#items.values()].find(item => item.id === id) : undefined);
  }

  /** Takes a message out of the queue, to settle it. @param {Outgoing} item */
  take(item) {
    clearTimeout(item.timer);
    if (this.#items.delete(keyOf(item.room, item.id))) this.#bytes -= item.bytes;
    if (item.silent) this.#rooms.get(/** @type {string} */ (item.room))?.releaseHeld();
    return item;
  }

  /** The answer to one; false when it is to none. @param {any} frame */
  acknowledged(frame) {
    const item = this.find(frame);
    if (!item) return false;
    if (item.room !== null) this.#rooms.get(item.room)?.kept(frame, item.silent);
    this.take(item).resolve(frame);
    return true;
  }

  /** One was refused; when the room could not be reached it goes out again under its id, with what is written meanwhile behind it. @param {any} frame @param {RealtimeError} error */
  failed(frame, error) {
    const item = this.find(frame);
    if (!item) return false;
    if (item.room !== null && passingErrors.has(error.code)) {
      item.sent = false;
      this.#rooms.get(item.room)?.pausePublishing(Math.min(error.retryAfter ?? 0, this.#options.retryMax));
    } else this.take(item).reject(error);
    return true;
  }

  /** The connection was lost. */
  lost() {
    for (const item of this.#items.values()) {
      if (!item.sent) continue;
      item.sent = false;
      if (item.room === null)
        this.take(item).reject(new RealtimeError('unconfirmed', 'The connection was lost before the server answered; it may have arrived.'));
    }
  }

  /** The server found a message too large: of those under way the largest is one such, the others may not be. @param {string} reason */
  refuseLargest(reason) {
    let largest;
    for (const item of this.#items.values())
      if (item.sent && item.bytes > (largest?.bytes ?? 0)) largest = item;
    if (largest) this.take(largest).reject(new RealtimeError('too_big', reason || 'The message is too large for the server.', { room: largest.room ?? undefined }));
  }

  /** Rejects all, or those of a room. @param {RealtimeError} error @param {string} [room] */
  rejectAll(error, room) {
    for (const item of this.#items.values()) if (room === undefined || item.room === room) this.take(item).reject(error);
  }
}

/** Ids are per room; no name has a line end. */
function keyOf(/** @type {string|null} */ room, /** @type {string} */ id) { return `${room ?? ''}\n${id}`; }
