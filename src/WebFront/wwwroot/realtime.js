/**
 * Client of the protocol `realtime.json.v1`: one WebSocket, kept open.
 *
 *     const client = new RealtimeClient({ url: '/ws', user: 'alice' });
 *     client.on('message', m => console.log(m.seq, m.from, m.content));
 *     client.connect();
 *     await client.join('lobby');
 *     const { seq } = await client.publish('lobby', 'hello');   // resolves when the room has kept it
 *
 * What it takes care of:
 * - It reconnects with full jitter, joins its rooms again and resumes each from its last position. The server then
 *   sends what was missed, or says that it cannot; that is the event `missed`.
 * - Room messages come once and in order: one that was already seen is dropped by its position.
 * - A room publish without an answer is sent again after a reconnect under the same id, which the server deduplicates.
 *   A direct message is not, as nothing deduplicates it: its promise is rejected with the code `unconfirmed`.
 * - A connection that has gone silent is noticed by a ping and replaced.
 *
 * No dependency, no DOM: it runs where `WebSocket` is global, and elsewhere with the option `WebSocket`.
 *
 * @typedef {'connecting'|'online'|'reconnecting'|'offline'} State
 *   `connecting`: the first attempt. `reconnecting`: trying or waiting to try again. `offline`: not trying.
 *
 * @typedef {object} StateEvent
 * @property {State} state
 * @property {number} attempt        Attempts that have failed in a row.
 * @property {number|null} retryAt   When the next attempt starts (Unix ms); null while one is under way or none will be.
 * @property {number} code           Close code of the last connection; 0 when there was none.
 * @property {string} reason         Its reason, as the server gave it.
 *
 * @typedef {object} Position        A place in a room.
 * @property {string} epoch
 * @property {number} seq
 *
 * @typedef {object} RoomMessage
 * @property {string} room
 * @property {string} [from]
 * @property {string} [content]
 * @property {any} [data]
 * @property {string} epoch
 * @property {number} seq
 * @property {number} timestamp      Unix ms.
 *
 * @typedef {object} DirectMessage
 * @property {string} to
 * @property {string} [from]
 * @property {string} [content]
 * @property {any} [data]
 * @property {number} [timestamp]    Unix ms.
 *
 * @typedef {object} Joined
 * @property {string} room
 * @property {string} epoch
 * @property {number} seq
 * @property {number} members
 * @property {boolean} [recovered]   Only on a resume: true when everything missed follows, false when it cannot.
 *
 * @typedef {object} Events
 * @property {StateEvent} state
 * @property {RoomMessage} message                    A message in a room.
 * @property {DirectMessage} direct                   A message to this user.
 * @property {Joined} joined                          In a room, for the first time or again.
 * @property {{room: string, error: RealtimeError}} left  Out of a room without having asked for it.
 * @property {{room: string}} missed                  Messages of the room are lost to this client.
 * @property {{room: string, from: string}} join      A user came into a room.
 * @property {{room: string, from: string}} leave     A user went out of a room.
 * @property {{room: string, members: number}} presence  How many are in a room too large for `join` and `leave`.
 * @property {RealtimeError} error                    An error that answers no request of this client.
 * @property {string|ArrayBuffer} raw                 A frame in an application's own format.
 */

/** The subprotocol that this client asks for. */
export const subprotocol = 'realtime.json.v1';

/** Full jitter: half a second on average at first, so that a blip is short, and never above half a minute. */
const backoffBase = 500;
const backoffCap = 30_000;
/** A connection that lived this long was a good one: the next loss starts the back-off afresh. */
const stableAfter = 5_000;
/** How long an opening handshake may take. */
const openTimeout = 10_000;
/** Silence after which the client asks whether anybody is there. Below the 60 s at which proxies cut. */
const pingAfter = 25_000;
/** How long the answer to that may take. */
const pongTimeout = 10_000;
/** Unanswered messages held at once; more means that nobody is listening. */
const outboxLimit = 1_000;

/** Close codes after which coming back by itself would only repeat the refusal. */
const finalCodes = new Map([
  [1008, 'The server ended the connection for a breach of its rules.'],
  [4001, 'This connection was replaced by a newer one.'],
  [4002, 'The server disconnected you.'],
  [4003, 'Your sign-in has expired.'],
]);
/** Close codes that blame what was sent (RFC 6455 section 7.4.1): sending it again would end the same way. */
const blameCodes = new Set([1002, 1003, 1007, 1008, 1009]);
/** Error codes of a join that may pass by themselves. */
const passingErrors = new Set(['unavailable', 'internal']);

/** An error in words, with the code of the wire protocol or `offline`, `unconfirmed`, `queue_full`, `left`. */
export class RealtimeError extends Error {
  /** @param {string} code @param {string} message @param {string} [room] */
  constructor(code, message, room) {
    super(message);
    this.name = 'RealtimeError';
    this.code = code;
    this.room = room;
  }
}

/**
 * Milliseconds to wait before attempt `attempt` (0, 1, 2 ...): uniform in 0 .. min(30 s, 0.5 s * 2^(attempt + 1)),
 * so that clients that were cut off together do not come back together.
 * @param {number} attempt @param {() => number} [random]
 */
export function backoff(attempt, random = Math.random) {
  return random() * Math.min(backoffCap, backoffBase * 2 ** (attempt + 1));
}

export class RealtimeClient {
  /** @type {{url: string, user?: string, token?: string|(() => string|Promise<string>), WebSocket: typeof globalThis.WebSocket}} */
  #options;
  /** @type {Map<string, Set<(detail: any) => void>>} */
  #listeners = new Map();
  /** @type {StateEvent} */
  #status = { state: 'offline', attempt: 0, retryAt: null, code: 0, reason: '' };

  /** @type {WebSocket|null} */
  #socket = null;
  /** Counts sockets: what a former one still reports is ignored. */
  #generation = 0;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #retryTimer;
  /** @type {ReturnType<typeof setTimeout>|undefined} */
  #watchdog;
  #onlineSince = 0;
  /** When the last frame arrived. */
  #heard = 0;

  /**
   * The rooms that the application wants to be in.
   * @type {Map<string, {position: Position|null, joined: Joined|null, attempt: number, waiting: {resolve: Function, reject: Function}[]}>}
   */
  #rooms = new Map();
  /** Rooms that were left and whose answer is not there yet. @type {Set<string>} */
  #leaving = new Set();
  /**
   * Messages without an answer, in the order of sending. A null room is a direct message.
   * @type {Map<string, {frame: object, room: string|null, sent: boolean, resolve: Function, reject: Function}>}
   */
  #outbox = new Map();
  /**
   * Questions that die with their connection.
   * @type {Map<string, {resolve: Function, reject: Function}>}
   */
  #requests = new Map();
  /** Ids are unique across clients of one user, because the server deduplicates by user and id. */
  #idPrefix = randomPrefix();
  #nextId = 1;

  /**
   * @param {object} options
   * @param {string} options.url      The endpoint: `/ws`, `https://host/ws` or `wss://host/ws`.
   * @param {string} [options.user]   Name in Development, where the server believes it.
   * @param {string|(() => string|Promise<string>)} [options.token]  JWT, or a function asked before each attempt.
   * @param {typeof globalThis.WebSocket} [options.WebSocket]  Where there is no global one.
   */
  constructor({ url, user, token, WebSocket = globalThis.WebSocket }) {
    this.#options = { url, user, token, WebSocket };
  }

  /** The connection now, as in the event `state`. */
  get status() { return this.#status; }

  /** The rooms that this client is in or keeps trying to be in. */
  get rooms() { return [...this.#rooms.keys()]; }

  /**
   * Calls `listener` at each event of that kind; returns a function that ends it.
   * @template {keyof Events} K
   * @param {K} event @param {(detail: Events[K]) => void} listener
   */
  on(event, listener) {
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set.add(listener));
    return () => { set.delete(listener); };
  }

  /** Starts to connect and to stay connected. Repeating it changes nothing. */
  connect() {
    if (this.#status.state !== 'offline') return;
    globalThis.addEventListener?.('online', this.retryNow);
    this.#open({ state: 'connecting', attempt: 0 });
  }

  /** Ends the wait before the next attempt. */
  retryNow = () => {
    if (this.#status.retryAt !== null) this.#open({ state: 'reconnecting' });
  };

  /** Ends the connection and all attempts; what has no answer yet is rejected with the code `offline`. */
  close() {
    this.#stop(1000, '');
  }

  /**
   * Enters a room and stays in it across reconnects, until `leave`.
   * @param {string} room
   * @returns {Promise<Joined>} Rejected when the server refuses.
   */
  join(room) {
    let entry = this.#rooms.get(room);
    if (!entry) {
      entry = { position: null, joined: null, attempt: 0, waiting: [] };
      this.#rooms.set(room, entry);
      // A room on the way out cannot be entered before it has been left.
      if (this.#isOnline && !this.#leaving.has(room)) this.#sendJoin(room);
    } else if (entry.joined) {
      return Promise.resolve(entry.joined);
    }
    return new Promise((resolve, reject) => entry.waiting.push({ resolve, reject }));
  }

  /**
   * Leaves a room. Its messages that have no answer yet are rejected with the code `left`.
   * @param {string} room
   */
  async leave(room) {
    if (!this.#rooms.has(room)) return;
    this.#dropRoom(room, new RealtimeError('left', `You left ${room}.`, room));
    if (!this.#isOnline) return;
    const left = this.#ask({ type: 'leave', room });
    this.#leaving.add(room);
    try {
      await left;
    } finally {
      this.#leaving.delete(room);
      if (this.#isOnline && this.#rooms.get(room)?.joined === null) this.#sendJoin(room);
    }
  }

  /**
   * Sends a message to a room that was joined. Without a connection it waits for one.
   * @param {string} room @param {string} [content] @param {any} [data]
   * @returns {Promise<Position & {room: string}>} The receipt, once the message is in the room's log.
   */
  publish(room, content, data) {
    const entry = this.#rooms.get(room);
    if (!entry)
      return Promise.reject(new RealtimeError('not_joined', `Join ${room} before you send to it.`, room));
    return this.#enqueue({ type: 'message', room, content, data }, room, entry.joined !== null);
  }

  /**
   * Sends a message to all connections of a user. Without a connection it waits for one.
   * @param {string} user @param {string} [content] @param {any} [data]
   * @returns {Promise<{connections: number}>} How many connections it reached.
   */
  sendTo(user, content, data) {
    return this.#enqueue({ type: 'message', to: user, content, data }, null, this.#isOnline);
  }

  /**
   * A page of the users in a room, in ordinal order.
   * @param {string} room @param {{after?: string, limit?: number}} [page]
   * @returns {Promise<{users: string[], total: number, next?: string}>} `next` is the `after` of the next page.
   */
  async members(room, page = {}) {
    const answer = await this.#ask({ type: 'members', room, ...page });
    return { users: answer.users, total: answer.members, next: answer.next };
  }

  /** Asks the server for a sign of life; resolves to the milliseconds that it took. */
  async ping() {
    const start = performance.now();
    await this.#ask({ type: 'ping' });
    return performance.now() - start;
  }

  get #isOnline() { return this.#status.state === 'online'; }

  // --- the connection ---

  /** @param {Partial<StateEvent>} status */
  async #open(status) {
    clearTimeout(this.#retryTimer);
    const generation = ++this.#generation;
    this.#setStatus({ ...status, retryAt: null });
    let socket;
    try {
      const url = await this.#address();
      if (generation !== this.#generation) return;
      socket = new this.#options.WebSocket(url, subprotocol);
    } catch (error) {
      if (generation === this.#generation) this.#stop(0, error instanceof Error ? error.message : String(error));
      return;
    }
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    this.#watch(openTimeout, () => this.#lost(0, 'The server did not answer in time.'));
    socket.onopen = () => { if (generation === this.#generation) this.#opened(); };
    socket.onmessage = event => { if (generation === this.#generation) this.#received(event.data); };
    socket.onclose = event => { if (generation === this.#generation) this.#lost(event.code, event.reason); };
  }

  async #address() {
    const { url, user, token } = this.#options;
    const address = new URL(url, globalThis.location?.href);
    address.protocol = address.protocol.replace(/^http/, 'ws');
    if (user !== undefined) address.searchParams.set('user', user);
    const bearer = typeof token === 'function' ? await token() : token;
    if (bearer) address.searchParams.set('access_token', bearer);
    return address.href;
  }

  #opened() {
    this.#onlineSince = this.#heard = Date.now();
    this.#listen();
    this.#setStatus({ state: 'online', code: 0, reason: '' });
    for (const room of this.#rooms.keys()) this.#sendJoin(room);
    this.#flush(null);
  }

  /** The connection is gone: decide what happens to what was under way, and whether to come back. */
  #lost(/** @type {number} */ code, /** @type {string} */ reason) {
    const wasOnline = this.#isOnline;
    this.#dropSocket();
    if (finalCodes.has(code) && !(code === 4003 && typeof this.#options.token === 'function'))
      return this.#stop(code, reason || finalCodes.get(code) || '');

    const attempt = wasOnline && Date.now() - this.#onlineSince >= stableAfter ? 0 : this.#status.attempt;
    const wait = backoff(attempt);
    this.#setStatus({ state: 'reconnecting', attempt: attempt + 1, retryAt: Date.now() + wait, code, reason });
    this.#retryTimer = setTimeout(() => this.#open({ state: 'reconnecting' }), wait);

    for (const entry of this.#rooms.values()) entry.joined = null;
    const gone = new RealtimeError('offline', 'The connection was lost before the server answered.');
    this.#rejectAll(this.#requests, gone);
    for (const [id, item] of this.#outbox) {
      if (!item.sent) continue;
      item.sent = false;
      const error = blameCodes.has(code)
        ? new RealtimeError('refused', reason || `The server closed the connection (${code}).`, item.room ?? undefined)
        : item.room === null
          ? new RealtimeError('unconfirmed', 'The connection was lost before the server answered; it may have arrived.')
          : null;
      if (!error) continue;
      this.#outbox.delete(id);
      item.reject(error);
    }
  }

  #stop(/** @type {number} */ code, /** @type {string} */ reason) {
    globalThis.removeEventListener?.('online', this.retryNow);
    clearTimeout(this.#retryTimer);
    this.#dropSocket();
    this.#setStatus({ state: 'offline', attempt: 0, retryAt: null, code, reason });
    for (const entry of this.#rooms.values()) entry.joined = null;
    const error = new RealtimeError('offline', reason || 'Not connected.');
    this.#rejectAll(this.#requests, error);
    this.#rejectAll(this.#outbox, error);
    for (const entry of this.#rooms.values())
      for (const { reject } of entry.waiting.splice(0)) reject(error);
  }

  /** Forgets the socket; a half-open one is closed, whatever it says later is ignored. */
  #dropSocket() {
    this.#generation++;
    clearTimeout(this.#watchdog);
    const socket = this.#socket;
    this.#socket = null;
    if (socket && socket.readyState <= 1) socket.close(1000);
  }

  /** After a long silence, asks whether the server is there. */
  #listen() {
    const silence = Date.now() - this.#heard;
    if (silence < pingAfter) return this.#watch(pingAfter - silence, () => this.#listen());
    this.#write({ type: 'ping' });
    this.#watch(pongTimeout, () => {
      if (Date.now() - this.#heard < pingAfter) this.#listen();
      else this.#lost(0, 'The server fell silent.');
    });
  }

  #watch(/** @type {number} */ wait, /** @type {() => void} */ then) {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(then, wait);
  }

  // --- what is sent ---

  #id() { return `${this.#idPrefix}-${this.#nextId++}`; }

  #write(/** @type {object} */ frame) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame));
  }

  #sendJoin(/** @type {string} */ room) {
    const entry = this.#rooms.get(room);
    if (!entry) return;
    const id = this.#id();
    this.#requests.set(id, {
      resolve: () => { entry.attempt = 0; },
      reject: (/** @type {RealtimeError} */ error) => {
        // A lost connection joins again by itself; a room that was left meanwhile is nobody's any more.
        if (error.code === 'offline' || this.#rooms.get(room) !== entry) return;
        if (!passingErrors.has(error.code)) {
          // The one who called join hears of it there; a refusal on the way back has no such caller.
          if (entry.waiting.length === 0) this.#emit('left', { room, error });
          return this.#dropRoom(room, error);
        }
        setTimeout(() => {
          if (this.#isOnline && !entry.joined && this.#rooms.get(room) === entry) this.#sendJoin(room);
        }, backoff(entry.attempt++));
      },
    });
    this.#write({ type: 'join', id, room, ...entry.position });
  }

  #dropRoom(/** @type {string} */ room, /** @type {RealtimeError} */ error) {
    const entry = this.#rooms.get(room);
    this.#rooms.delete(room);
    for (const { reject } of entry?.waiting.splice(0) ?? []) reject(error);
    for (const [id, item] of this.#outbox) {
      if (item.room !== room) continue;
      this.#outbox.delete(id);
      item.reject(error);
    }
  }

  /** @returns {Promise<any>} */
  #enqueue(/** @type {object} */ message, /** @type {string|null} */ room, /** @type {boolean} */ now) {
    if (this.#status.state === 'offline')
      return Promise.reject(new RealtimeError('offline', 'Not connected.', room ?? undefined));
    if (this.#outbox.size >= outboxLimit)
      return Promise.reject(new RealtimeError('queue_full',
        `${outboxLimit} messages wait for an answer already.`, room ?? undefined));
    return new Promise((resolve, reject) => {
      const id = this.#id();
      const frame = { ...message, id };
      this.#outbox.set(id, { frame, room, sent: now, resolve, reject });
      if (now) this.#write(frame);
    });
  }

  /** Sends what has been waiting for a room, or for a connection (null). */
  #flush(/** @type {string|null} */ room) {
    for (const item of this.#outbox.values()) {
      if (item.room !== room || item.sent) continue;
      item.sent = true;
      this.#write(item.frame);
    }
  }

  /** @returns {Promise<any>} */
  #ask(/** @type {object} */ frame) {
    if (!this.#isOnline) return Promise.reject(new RealtimeError('offline', 'Not connected.'));
    return new Promise((resolve, reject) => {
      const id = this.#id();
      this.#requests.set(id, { resolve, reject });
      this.#write({ ...frame, id });
    });
  }

  // --- what arrives ---

  #received(/** @type {string|ArrayBuffer} */ data) {
    this.#heard = Date.now();
    const frame = typeof data === 'string' ? parse(data) : null;
    if (!frame) return this.#emit('raw', data);
    switch (frame.type) {
      case 'message': return frame.room === undefined ? this.#emit('direct', frame) : this.#roomMessage(frame);
      case 'joined': return this.#joined(frame);
      case 'ack':
      case 'left':
      case 'members':
      case 'pong': return void this.#take(frame.id)?.resolve(frame);
      case 'error': return this.#failed(frame);
      case 'join':
      case 'leave':
      case 'presence': return this.#emit(frame.type, frame);
      // Anything else is from a server newer than this client.
    }
  }

  #roomMessage(/** @type {RoomMessage} */ message) {
    const entry = this.#rooms.get(message.room);
    if (!entry) return;
    if (entry.position?.epoch === message.epoch) {
      if (message.seq <= entry.position.seq) return;
    } else if (entry.position) {
      this.#emit('missed', { room: message.room });
    }
    entry.position = { epoch: message.epoch, seq: message.seq };
    this.#emit('message', message);
  }

  /** The answer to a join; without an id the server has put the room's position right by itself. */
  #joined(/** @type {Joined & {id?: string}} */ frame) {
    this.#take(frame.id)?.resolve(frame);
    const entry = this.#rooms.get(frame.room);
    if (!entry) return;
    // When recovered, the position moves with the missed messages: a cut among them then resumes where it was.
    if (frame.recovered !== true) entry.position = { epoch: frame.epoch, seq: frame.seq };
    entry.joined = frame;
    this.#emit('joined', frame);
    if (frame.recovered === false) this.#emit('missed', { room: frame.room });
    for (const { resolve } of entry.waiting.splice(0)) resolve(frame);
    this.#flush(frame.room);
  }

  #failed(/** @type {{id?: string, code: string, content?: string, room?: string}} */ frame) {
    const error = new RealtimeError(frame.code, frame.content ?? frame.code, frame.room);
    const waiting = this.#take(frame.id);
    if (waiting) waiting.reject(error);
    else this.#emit('error', error);
  }

  /** Who waits for the answer with this id. */
  #take(/** @type {string|undefined} */ id) {
    if (id === undefined) return undefined;
    const waiting = this.#requests.get(id) ?? this.#outbox.get(id);
    this.#requests.delete(id);
    this.#outbox.delete(id);
    return waiting;
  }

  #rejectAll(/** @type {Map<string, {reject: Function}>} */ waiting, /** @type {RealtimeError} */ error) {
    const all = [...waiting.values()];
    waiting.clear();
    for (const { reject } of all) reject(error);
  }

  #setStatus(/** @type {Partial<StateEvent>} */ change) {
    this.#status = { ...this.#status, ...change };
    this.#emit('state', this.#status);
  }

  #emit(/** @type {keyof Events} */ event, /** @type {any} */ detail) {
    for (const listener of this.#listeners.get(event) ?? []) listener(detail);
  }
}

/** A frame of the protocol is a JSON object with a type; anything else is an application's own. */
function parse(/** @type {string} */ text) {
  try {
    const value = JSON.parse(text);
    return typeof value?.type === 'string' ? value : null;
  } catch {
    return null;
  }
}

function randomPrefix() {
  // 48 bits: two clients of one user within a dedupe window of minutes will not meet. Not a secret.
  return [...crypto.getRandomValues(new Uint8Array(6))].map(byte => byte.toString(16).padStart(2, '0')).join('');
}
