import { bodyOf, byteCount, checkFields, checkName, checkNumber, checkPosition, dataOf, timerMax } from './checks.js';
import { outcome, RealtimeError, until } from './errors.js';
import { Inbox } from './inbox.js';
import { checkOptions } from './options.js';
import { Room } from './room.js';
import { Session } from './session.js';

/**
 * Client of the protocol `realtime.json.v1`: one connection, kept open. The types in realtime.d.ts say the rest.
 * @implements {ClientType}
 * @typedef {import('../realtime.d.ts').RealtimeClient} ClientType
 */
export class RealtimeClient {
  #session;
  /** One object for each name that is in use. @type {Map<string, WeakRef<Room>>} */
  #rooms = new Map();
  #unused = new FinalizationRegistry((/** @type {string} */ name) => { if (!this.#rooms.get(name)?.deref()) this.#rooms.delete(name); });

  /** @param {import('../realtime.d.ts').RealtimeOptions} options */
  constructor(options) { this.#session = new Session(checkOptions(options)); }

  get status() { return this.#session.connection.status; }

  get transport() { return this.#session.connection.transport; }

  get rooms() { return this.#session.rooms.names.map(name => this.room(name)); }

  get inboxPosition() { return this.#session.inbox?.position ?? null; }

  /** @type {(name: string) => any} */
  room(name) {
    checkName(name, 'room');
    let room = this.#rooms.get(name)?.deref();
    if (room === undefined) {
      room = new Room(this.#session, name);
      this.#rooms.set(name, new WeakRef(room));
      this.#unused.register(room, name);
    }
    return room;
  }

  /** @type {ClientType['on']} */
  on(event, listener) { return this.#listen(event, listener, false); }

  /** @type {ClientType['once']} */
  once(event, listener) { return this.#listen(event, listener, true); }

  /** @type {ClientType['off']} */
  off(event, listener) { this.#session.events.off(event, listener); }

  #listen(/** @type {any} */ event, /** @type {any} */ listener, /** @type {boolean} */ once) {
    this.#session.events.on(event, listener, once);
    return () => this.off(event, listener);
  }

  /** @type {ClientType['connect']} */
  connect(options = {}) {
    return outcome('connect', undefined, () => {
      checkFields('connect', options, ['signal']);
      return until(options.signal, () => this.#session.connection.connect());
    });
  }

  retryNow() { this.#session.connection.retryNow(); }

  close() { this.#session.connection.close(); }

  /** @type {ClientType['inbox']} */
  inbox(options = {}) {
    return outcome('inbox', undefined, () => {
      checkFields('inbox', options, ['since', 'signal']);
      const { since, signal } = options;
      if (since !== undefined && since !== null) checkPosition(since);
      return until(signal, () => {
        const session = this.#session;
        if (!session.inbox) {
          session.inbox = new Inbox(session, since ? { epoch: since.epoch, seq: since.seq } : null);
          if (session.connection.isOnline) session.inbox.ask();
        }
        return session.inbox.answer();
      });
    });
  }

  /** @type {ClientType['sendTo']} */
  sendTo(user, message, options = {}) {
    return outcome('sendTo', undefined, () => {
      checkName(user, 'user');
      checkFields('sendTo', options, ['timeout', 'signal']);
      const { outbox, requests } = this.#session;
      return outbox.add({ to: user }, requests.newId(), bodyOf(message), options)
        .then((/** @type {any} */ { connections, epoch, seq }) => epoch === undefined ? { connections } : { connections, epoch, seq });
    });
  }

  /** @type {ClientType['call']} */
  call(method, data, options = {}) {
    return outcome('call', undefined, () => {
      checkName(method, 'method');
      checkFields('call', options, ['timeout', 'signal']);
      const { options: { answerTimeout, messageBytes }, requests } = this.#session;
      const { timeout = answerTimeout, signal } = options;
      checkNumber('timeout', timeout, 1, timerMax);
      const bytes = byteCount(dataOf(data));
      if (bytes > messageBytes) throw new RealtimeError('too_big', `The call's data has ${bytes} bytes; its frame may have ${messageBytes} (the option 'messageBytes').`);
      return until(signal, () => requests.ask({ type: 'call', method, data }, timeout)).then(answer => answer.data);
    });
  }

  /** @type {ClientType['onCall']} */
  onCall(method, handler) {
    checkName(method, 'method');
    return this.#session.calls.add(method, handler);
  }

  /** @type {ClientType['ping']} */
  ping(options = {}) {
    const start = performance.now();
    return outcome('ping', undefined, () => this.#pong('ping', options).then(() => performance.now() - start));
  }

  /** @type {ClientType['connectionId']} */
  connectionId(options = {}) { return outcome('connectionId', undefined, () => this.#pong('connectionId', options).then(({ connection }) => connection)); }

  #pong(/** @type {string} */ call, /** @type {{signal?: AbortSignal}} */ options) {
    checkFields(call, options, ['signal']);
    return until(options.signal, () => this.#session.requests.ask({ type: 'ping' }));
  }
}
