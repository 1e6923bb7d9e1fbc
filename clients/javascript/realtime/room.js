import { bodyOf, byteCount, checkEpoch, checkFields, checkFlag, checkId, checkName, checkNumber, checkPosition, checkWhole, copyOf, dataOf, timerMax } from './checks.js';
import { outcome, RealtimeError, until } from './errors.js';
import { Emitter, roomEvents } from './events.js';
import { pageOf } from './pages.js';

/** How long (ms) a key of a room's state may live. */
const ttlMin = 100;
const ttlMax = 365 * 24 * 3_600_000;
/** Names and messages on a page. */
const membersPage = 1_000;
const historyPage = 100;
const lastMax = 100;

/**
 * A room by its name, whether this client is in it or not. What is known of it stands in the session, so that it costs nothing to have many.
 * The types in realtime.d.ts say the rest.
 * @implements {RoomType}
 * @typedef {import('../realtime.d.ts').Room} RoomType
 * @typedef {import('../realtime.d.ts').Position} Position
 */
export class Room {
  #session;
  #name;

  /** @param {import('./session.js').Session} session @param {string} name */
  constructor(session, name) {
    this.#session = session;
    this.#name = name;
  }

  get name() { return this.#name; }

  get joined() { return this.#membership?.joined ?? null; }

  get position() { return this.#membership?.position ?? null; }

  get state() { return this.#membership?.wanted.state?.entries ?? null; }

  /** @type {RoomType['on']} */
  on(event, listener) { return this.#listen(event, listener, false); }

  /** @type {RoomType['once']} */
  once(event, listener) { return this.#listen(event, listener, true); }

  /** @type {RoomType['off']} */
  off(event, listener) {
    const { roomEvents: all } = this.#session;
    const own = all.get(this.#name) ?? new Emitter(roomEvents);
    own.off(event, listener);
    if (own.isEmpty) all.delete(this.#name);
  }

  #listen(/** @type {any} */ event, /** @type {any} */ listener, /** @type {boolean} */ once) {
    const { roomEvents: all } = this.#session;
    const own = all.get(this.#name) ?? new Emitter(roomEvents);
    own.on(event, listener, once);
    all.set(this.#name, own);
    return () => this.off(event, listener);
  }

  /** @type {RoomType['join']} */
  join(options = {}) {
    return this.#outcome('join', () => {
      checkFields('join', options, ['since', 'last', 'echo', 'data', 'presence', 'state', 'signal']);
      const { since, last, echo = true, presence, state = false, signal } = options;
      checkFlag('echo', echo);
      checkFlag('state', state);
      const data = copyOf(options.data);
      if (presence !== undefined && presence !== 'members' && presence !== 'count') throw new TypeError("The option 'presence' of join must be 'members' or 'count'.");
      if (since !== undefined && since !== null) checkPosition(since);
      if (last !== undefined && (!Number.isInteger(last) || last < 1 || last > lastMax)) throw new TypeError(`The option 'last' of join must be a whole number from 1 to ${lastMax}.`);
      if (signal?.aborted) return Promise.reject(signal.reason);
      return this.#session.rooms.enter(this.#name, since ? { epoch: since.epoch, seq: since.seq } : null, { echo, data, presence, last, state }, signal);
    });
  }

  /** @type {RoomType['leave']} */
  leave(options = {}) {
    return this.#outcome('leave', () => {
      checkFields('leave', options, ['signal']);
      return until(options.signal, () => this.#session.rooms.leave(this.#name));
    });
  }

  /** @type {RoomType['update']} */
  update(data, options = {}) {
    return this.#outcome('update', () => {
      checkFields('update', options, ['signal']);
      const shown = copyOf(data);
      if (shown === undefined) throw new TypeError("'data' is missing; it is what the others see.");
      const membership = this.#needMembership('show something there');
      return until(options.signal, () => membership.show(shown));
    });
  }

  /** @param {import('../realtime.d.ts').Message} message @param {import('../realtime.d.ts').PublishOptions} [options] @returns {Promise<any>} */
  publish(message, options = {}) {
    return this.#outcome('publish', () => {
      checkFields('publish', options, ['id', 'timeout', 'ephemeral', 'key', 'echo', 'signal']);
      const body = bodyOf(message);
      const room = this.#name;
      const { outbox, requests } = this.#session;
      const { id = requests.newId(), ephemeral = false, key, echo } = options;
      checkId(id);
      checkFlag('ephemeral', ephemeral);
      if (echo !== undefined) checkFlag('echo', echo);
      if (key !== undefined) checkId(key, 'key');
      if (ephemeral ? options.id !== undefined : key !== undefined)
        throw new TypeError("A message is 'ephemeral', and may have a 'key', or it is kept, and may have an 'id'.");
      const { wanted } = this.#needMembership('send to it');
      if (ephemeral) return this.#sendEphemeral({ room, ephemeral, key, echo }, body, options);
      return outbox.add({ room, echo }, id, body, options, !(echo ?? wanted.echo)).then((/** @type {Position} */ { epoch, seq }) => ({ room, epoch, seq }));
    });
  }

  /** Neither queued nor sent again: later it would be of no use. @param {object} target @param {string} body @param {{timeout?: number, signal?: AbortSignal}} options */
  #sendEphemeral(target, body, { timeout, signal }) {
    const { options: { messageBytes }, requests } = this.#session;
    if (timeout !== undefined) checkNumber('timeout', timeout, 1, timerMax);
    const bytes = byteCount(body);
    if (bytes > messageBytes) throw new RealtimeError('too_big', `The message has ${bytes} bytes; its frame may have ${messageBytes} (the option 'messageBytes').`);
    return until(signal, () => requests.ask({ type: 'message', ...target, ...JSON.parse(`{${body}}`) }, timeout)).then(() => ({ room: this.#name }));
  }

  /** @type {RoomType['set']} */
  set(key, data, options = {}) {
    return this.#outcome('set', () => {
      checkFields('set', options, ['if', 'ttl', 'id', 'timeout', 'echo', 'signal']);
      if (data === undefined) throw new TypeError("'data' is missing; `remove` deletes a key.");
      if (options.ttl !== undefined) checkWhole("'ttl'", options.ttl, ttlMin, ttlMax);
      return this.#change(key, dataOf(data), options);
    });
  }

  /** @type {RoomType['remove']} */
  remove(key, options = {}) {
    return this.#outcome('remove', () => {
      checkFields('remove', options, ['if', 'id', 'timeout', 'echo', 'signal']);
      return this.#change(key, '"deleted":true', options);
    });
  }

  /** @param {string} key @param {string} body @param {import('../realtime.d.ts').SetOptions} options */
  #change(key, body, options) {
    const room = this.#name;
    const { outbox, requests } = this.#session;
    const { if: version, ttl, id = requests.newId(), echo } = options;
    checkId(key, 'key');
    checkId(id);
    if (version !== undefined) checkWhole("'if'", version, 0, Number.MAX_SAFE_INTEGER);
    if (echo !== undefined) checkFlag('echo', echo);
    const membership = this.#needMembership('send to it');
    const silent = !(echo ?? membership.wanted.echo);
    return outbox.add({ room, key, if: version, ttl, echo }, id, body, options, silent).then((/** @type {Position} */ { epoch, seq }) => {
      // Without an echo the answer is all that comes of it.
      if (silent && membership.position?.epoch === epoch)
        membership.wanted.state?.change({ key, seq, timestamp: Date.now(), ...JSON.parse(`{${body}}`), ...(ttl !== undefined && { expires: Date.now() + ttl }) });
      return { room, epoch, seq };
    });
  }

  /** @type {RoomType['members']} */
  members(page = {}) {
    return this.#outcome('members', () => {
      checkFields('members', page, ['after', 'limit', 'signal']);
      const { after, limit, signal } = page;
      if (after !== undefined && after !== '') checkName(after, "'after'");
      if (limit !== undefined) checkWhole("'limit'", limit, 1, membersPage);
      return until(signal, () => this.#session.requests.ask({ type: 'members', room: this.#name, after, limit })).then(pageOf);
    });
  }

  /** @type {RoomType['history']} */
  history(page = {}) {
    return this.#outcome('history', () => {
      checkFields('history', page, ['before', 'limit', 'epoch', 'signal']);
      const { before, limit, epoch, signal } = page;
      if (before !== undefined) checkWhole("'before'", before, 1, Number.MAX_SAFE_INTEGER);
      if (limit !== undefined) checkWhole("'limit'", limit, 1, historyPage);
      if (epoch !== undefined) checkEpoch(epoch);
      return until(signal, () => this.#session.requests.ask({ type: 'history', room: this.#name, before, limit, epoch }))
        .then(({ messages, more, epoch: of }) => ({ room: this.#name, epoch: of, messages, more }));
    });
  }

  get #membership() { return this.#session.rooms.get(this.#name); }

  #needMembership(/** @type {string} */ purpose) {
    const membership = this.#membership;
    if (!membership) throw new RealtimeError('not_joined', `Join ${this.#name} before you ${purpose}.`);
    return membership;
  }

  /** @template T @param {import('../realtime.d.ts').Operation} operation @param {() => Promise<T>} call */
  #outcome(operation, call) { return outcome(operation, this.#name, call); }
}
