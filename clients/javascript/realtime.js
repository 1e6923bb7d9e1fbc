/**
 * Client of the protocol `realtime.json.v1`: one WebSocket, kept open.
 *
 *     const client = new RealtimeClient({ url: '/ws', token: () => fetchToken() });
 *     client.on('message', m => console.log(m.seq, m.from, m.content));
 *     await client.connect();
 *     await client.join('lobby');
 *     const { seq } = await client.publish('lobby', 'hello');   // resolves when the room has kept it
 *
 * What it takes care of:
 * - It reconnects with full jitter, joins its rooms again and resumes each from its last position. The server then
 *   sends what was missed, or says that it cannot; that is the event `missed`.
 * - Room messages come once and in order: one that was already seen is dropped by its position, and a hole in the
 *   numbers has the room joined again from before the hole.
 * - The state of a room that is joined with `state` is kept up to date, by key.
 * - Ephemeral messages have no position: they are sent once, and come by the event `ephemeral`.
 * - What it shows of itself in a room is shown again after each reconnect, as it was last.
 * - A room that the server puts this client into is like one that was joined: it is told by `joined` with `by`, and joined again after a reconnect.
 * - The inbox, once asked for, is resumed in the same way; the event is `inboxMissed`.
 * - A room publish without an answer is sent again under the same id, which the server deduplicates, until a time
 *   limit. A direct message is not, as nothing deduplicates it: its promise is rejected with the code `unconfirmed`.
 * - A token from a function is renewed on the open connection before it runs out; with one that could not be, it reconnects.
 * - A connection that has gone silent is noticed by a ping and replaced.
 * - Where something on the way cuts WebSockets, frames come by server-sent events and go by posts; now and then it looks whether that has passed.
 * - What the server would refuse is refused here, before it is sent. How a call ends may be left unread: only wrong
 *   arguments (TypeError, RangeError) are reported as unhandled.
 *
 * No dependency, no DOM: it runs where `WebSocket` is global, and elsewhere with the option `WebSocket`. What the
 * types do not say here stands in realtime.d.ts.
 *
 * @typedef {import('./realtime.d.ts').RealtimeEvents} Events
 * @typedef {import('./realtime.d.ts').StateEvent} StateEvent
 * @typedef {import('./realtime.d.ts').Position} Position
 * @typedef {import('./realtime.d.ts').RoomMessage} RoomMessage
 * @typedef {import('./realtime.d.ts').EphemeralMessage} EphemeralMessage
 * @typedef {import('./realtime.d.ts').RoomEntry} RoomEntry
 * @typedef {import('./realtime.d.ts').Joined} Joined
 * @typedef {import('./realtime.d.ts').Inbox} InboxAnswer
 *
 * @typedef {{resolve: (value: any) => void, reject: (error: Error) => void}} Waiting
 *
 * A room that the application wants to be in.
 * @typedef {object} Room
 * @property {string} name
 * @property {Position|null} position  Of the last message that was handed out.
 * @property {boolean} echo            Whether this client gets what it publishes there, unless a publish says otherwise.
 * @property {Set<number>} own         Numbers after `position` of messages of this client's that it gets no echo of.
 * @property {any[]} held              Frames that wait until it is known whether a hole before them is such a number.
 * @property {any} data                What this client shows of itself there, undefined for nothing; each join brings it.
 * @property {any} shown               The same as the server has taken it last.
 * @property {'members'|'count'|undefined} presence  What it wants to know of the others.
 * @property {StateCopy|null} state    The room's state; null where it was not asked for.
 * @property {number|undefined} last   How many of the newest messages a join brings that resumes nothing.
 * @property {Joined|null} joined      The server's answer, while the connection is in the room.
 * @property {string|null} joinId      The join whose answer counts; one for an earlier stay does not.
 * @property {number} attempt          Joins that have failed in a row, for reasons that pass.
 * @property {number} unanswered       Joins in a row that got no answer in time, each on a connection of its own.
 * @property {number} rawSeen          The connection's count of unwrapped frames at `position`.
 * @property {string} repaired         The hole that was last repaired: a second try would not do better.
 * @property {boolean} paused          Publishes were refused for a reason that passes; none goes out until the pause ends.
 * @property {number} publishAttempt   Such pauses in a row.
 * @property {Waiting[]} waiting       Callers of `join`.
 * @property {boolean} isPut           The server has put this client there, and it has not joined by itself since then.
 * @property {any} had         What held before a join that asks for more in a room that this client is in; null when there is none.
 *
 * The inbox that the application has asked for; the fields as those of a room.
 * @typedef {{position: Position|null, joined: InboxAnswer|null, joinId: string|null, attempt: number, unanswered: number, waiting: Waiting[]}} Inbox
 *
 * A message without an answer. A null room is a direct message.
 * @typedef {{id: string, frame: string, bytes: number, room: string|null, silent: boolean, sent: boolean, tried: boolean, timer: Timer, resolve: Function, reject: Function}} Outgoing
 *   `silent`: it has no echo; `sent`: by the connection that is open now; `tried`: by any.
 *
 * @typedef {ReturnType<typeof setTimeout>|undefined} Timer
 */

/** The subprotocol that this client asks for. */
export const subprotocol = 'realtime.json.v1';
/** Before the token among the subprotocols, by which it is in no address and so in no log of one. The server agrees on the other one. */
const bearerPrefix = 'realtime.bearer.';

/** What holds unless the options say otherwise; times in ms. Each one's range is in `checkOptions`. */
const defaults = {
  /** Full jitter: half a second on average at first, so that a blip is short ... */
  retryBase: 1_000,
  /** ... and never above half a minute, so that nobody waits long for a server that is back. */
  retryMax: 30_000,
  /** How long the token and the opening handshake may take together. */
  openTimeout: 10_000,
  /** Silence after which the client asks whether anybody is there. Below the 60 s at which proxies cut. */
  pingAfter: 25_000,
  /** How long the answer to that may take. */
  pongTimeout: 10_000,
  /** How long any other answer may take. A front gives up on a room or user sooner, and says so. */
  answerTimeout: 60_000,
  /** How long a message is tried. Well within the 5 minutes for which a server knows ids by default. */
  publishTimeout: 60_000,
  /** Unanswered messages held at once; more means that nobody is listening. */
  queueMessages: 1_000,
  /** Their size together. */
  queueBytes: 4 * 1024 * 1024,
  /** How long it does without WebSockets, where they were cut, before it looks whether they pass again. */
  webSocketAgain: 300_000,
  /** The longest message, as a frame: what a server takes by default (`Connections:MaxMessageSize`). */
  messageBytes: 160 * 1024,
};

/** A connection that lived this long (ms) was a good one: the next loss starts the back-off afresh. */
const stableAfter = 5_000;
/** What "after a while" is at the least (ms), after close codes by which the server says that it is in trouble. */
const whileMin = 1_000;
/** The close code of a server that stops; its reason ends with how long to stay away, so that its clients do not all come at once. */
const goingAway = 1001;
/** The longest such wait (ms) that is heeded: twice the longest time over which a server closes its connections. */
const hintMax = 20 * 60_000;
/** The longest wait of a timer (ms): browsers and Node take a longer one for none. */
const timerMax = 2 ** 31 - 1;
/** The bounds of the server, in bytes of UTF-8. */
const nameBytes = 128;
const idBytes = 128;
/** How long (ms) a key of a room's state may live. */
const ttlMin = 100;
const ttlMax = 365 * 24 * 3_600_000;
/** The part of a token's life after which a new one is asked for, less up to a twentieth, so that those who came together do not renew together. */
const renewAt = 0.8;
const renewJitter = 0.05;
/** The shortest wait (ms) before the token function is asked again. */
const renewMin = 1_000;
/** How deep arrays and objects may lie in each other in `data`. */
const dataDepth = 60;
/** Names and messages on a page. */
const membersPage = 1_000;
const historyPage = 100;
/** Connections on which a join may stay without an answer before it is given up: more of the same would not help. */
const joinTries = 3;

/** In the place of the id of a join, where the server has joined. */
const byServer = 'by the server';
/** WebSockets in a row that were cut before they had lived for `stableAfter`, after which it is done without. */
const cutTries = 3;
/** About how soon (ms) it looks for the first time whether WebSockets pass. */
const firstLook = 10_000;
/** The most of a post to a session without a WebSocket: frames, and characters but for the last one. */
const postFrames = 256;
const postLength = 128 * 1024;
/** How often a post is tried, which is recognised when it was taken. */
const postTries = 6;

/** Versions of deleted keys that are kept while older changes may come yet. */
const deletedMax = 1_000;
/** Numbers of messages without an echo that are kept while others before them may come yet. */
const ownMax = 1_000;
/** Frames that have their place in the order of a room. */
const heldTypes = new Set(['message', 'excluded', 'joined', 'state', 'dropped', 'join', 'leave', 'update', 'members', 'presence']);

/** Close codes after which coming back by itself would only repeat the refusal, with words for those that have no reason. */
const finalCodes = new Map([
  [1000, 'The server has ended the connection.'],
  [1002, 'The server says that this client broke the WebSocket protocol.'],
  [1003, 'The server does not take such data.'],
  [1007, 'The server says that a text was not UTF-8.'],
  [1008, 'The server ended the connection for a breach of its rules.'],
  [4001, 'This connection was replaced by a newer one.'],
  [4002, 'The server disconnected you.'],
  [4003, 'Your sign-in has expired.'],
]);
const tooBig = 1009;
const tokenExpired = 4003;
/** The server failed, cannot take this now, or had too much of us: come back after a while. */
const whileCodes = new Set([1011, 1013, 4006]);
/** Error codes that may pass by themselves. */
const passingErrors = new Set(['unavailable', 'internal', 'rate_limited']);

/** An error in words, with a code: one of the wire protocol, or one of this client. */
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
 * Milliseconds to wait before attempt `attempt` (0, 1, 2 ...): uniform in 0 .. min(max, base * 2^attempt), so that
 * clients that were cut off together do not come back together.
 * @param {number} attempt @param {number} base @param {number} max @param {() => number} [random]
 */
export function backoff(attempt, base, max, random = Math.random) {
  return random() * Math.min(max, base * 2 ** attempt);
}

export class RealtimeClient {
  #options;
  /** @type {Map<string, Set<(detail: any) => void>>} */
  #listeners = new Map();
  /** @type {StateEvent} */
  #status = { state: 'offline', attempt: 0, retryAt: null, code: 0, reason: '' };
  /** Callers of `connect`. @type {Waiting[]} */
  #connecting = [];

  /** @type {WebSocket|EventSocket|null} */
  #socket = null;
  /** Where a session without a WebSocket is; null where there is none. */
  #sessions;
  /** WebSockets in a row that something on the way has cut. */
  #cut = 0;
  /** @type {Timer} */
  #again;
  /** Whether a WebSocket beside the session was cut as well. */
  #looked = false;
  /** Counts sockets: what a former one still reports is ignored. */
  #generation = 0;
  /** @type {Timer} */
  #retryTimer;
  /** @type {Timer} */
  #watchdog;
  /** @type {Timer} */
  #renewal;
  #onlineSince = 0;
  /** When the last frame arrived. Of the steady clock, as are all times here that are compared. */
  #heard = 0;
  /** Whether the client waits for a sign of life. */
  #asked = false;
  /** Unwrapped frames that this connection has brought. */
  #raw = 0;

  /** @type {Map<string, Room>} */
  #rooms = new Map();
  /** @type {Inbox|null} */
  #inbox = null;
  /** Rooms that were left and whose answer is not there yet. @type {Set<string>} */
  #leaving = new Set();
  /** In the order of sending. @type {Map<string, Outgoing>} */
  #outbox = new Map();
  #outboxBytes = 0;
  /** Questions that die with their connection. @type {Map<string, Waiting>} */
  #requests = new Map();
  /** What the server may call. @type {Map<string, (data: any) => any>} */
  #methods = new Map();
  /** Ids are unique across clients of one user, because the server deduplicates by user and id. */
  #idPrefix = randomPrefix();
  #nextId = 1;

  /** @param {import('./realtime.d.ts').RealtimeOptions} options */
  constructor(options) {
    this.#options = checkOptions(options);
    this.#sessions = this.#options.fallback ? sessionsOf(this.#options.url, this.#options.user) : null;
  }

  get state() { return this.#status.state; }

  get status() { return this.#status; }

  get transport() { return !this.#isOnline ? null : this.#socket instanceof EventSocket ? 'events' : 'websocket'; }

  get rooms() { return [...this.#rooms.keys()]; }

  /** @param {string} room @returns {Position|null} */
  position(room) { return this.#rooms.get(room)?.position ?? null; }

  get inboxPosition() { return this.#inbox?.position ?? null; }

  /**
   * @template {keyof Events} K
   * @param {K} event @param {(detail: Events[K]) => void} listener
   */
  on(event, listener) {
    if (!eventNames.has(event)) throw new TypeError(`There is no event '${event}'; there are ${[...eventNames].join(', ')}.`);
    if (typeof listener !== 'function') throw new TypeError(`The listener of '${event}' must be a function.`);
    const set = this.#listeners.get(event) ?? new Set();
    this.#listeners.set(event, set.add(listener));
    return () => { set.delete(listener); };
  }

  /** @returns {Promise<void>} */
  connect() {
    if (this.#isOnline) return Promise.resolve();
    const connected = new Promise((resolve, reject) => this.#connecting.push({ resolve, reject }));
    // Who does not wait for it hears of everything by the event `state`.
    connected.catch(() => {});
    if (this.#status.state === 'offline') {
      globalThis.addEventListener?.('online', this.retryNow);
      this.#open({ state: 'connecting', attempt: 0, code: 0, reason: '' });
    }
    return connected;
  }

  retryNow = () => {
    if (this.#status.retryAt !== null) this.#open({ state: 'reconnecting' });
  };

  close() {
    this.#stop(1000, '');
  }

  /**
   * @param {string} room @param {{since?: Position|null, last?: number, echo?: boolean, data?: any, presence?: 'members'|'count', state?: boolean}} [options]
   * @returns {Promise<Joined>}
   */
  join(room, options = {}) {
    return outcome(() => {
      checkName(room, 'room');
      checkFields('join', options, ['since', 'last', 'echo', 'data', 'presence', 'state']);
      const { since, last, echo = true, presence, state = false } = options;
      checkFlag('echo', echo);
      checkFlag('state', state);
      const data = copyOf(options.data);
      if (presence !== undefined && presence !== 'members' && presence !== 'count') throw new TypeError("The option 'presence' of join must be 'members' or 'count'.");
      if (since !== undefined && since !== null) checkPosition(since);
      if (last !== undefined && (!Number.isInteger(last) || last < 1 || last > 100)) throw new TypeError("The option 'last' of join must be a whole number from 1 to 100.");
      let entry = this.#rooms.get(room);
      if (entry?.joined && entry.had === null) {
        const isMore = (state && !entry.state) || (entry.isPut && (!echo || data !== undefined || presence !== undefined));
        if (!isMore) return Promise.resolve(entry.joined);
        this.#askForMore(entry, { state, ...(entry.isPut && { echo, data, shown: data, presence }) });
      }
      if (!entry) {
        const position = since ? { epoch: since.epoch, seq: since.seq } : null;
        entry = { ...newRoom(room, position), echo, data, shown: data, presence, last, rawSeen: this.#raw };
        if (state) entry.state = this.#stateCopy(room);
        this.#rooms.set(room, entry);
        if (this.#isOnline) this.#sendJoin(entry);
      }
      const { waiting } = entry;
      /** @type {Promise<Joined>} */
      const joined = new Promise((resolve, reject) => waiting.push({ resolve, reject }));
      // An earlier join is under way, without the state.
      return state && !entry.state ? joined.then(() => this.join(room, { state })) : joined;
    });
  }

  /**
   * @param {string} room @param {any} data
   * @returns {Promise<void>}
   */
  update(room, data) {
    return outcome(() => {
      checkName(room, 'room');
      const shown = copyOf(data);
      if (shown === undefined) throw new TypeError("'data' is missing; it is what the others see.");
      const entry = this.#rooms.get(room);
      if (!entry) throw new RealtimeError('not_joined', `Join ${room} before you show something there.`, room);
      return this.#show(entry, shown);
    });
  }

  /**
   * @param {{since?: Position|null}} [options]
   * @returns {Promise<InboxAnswer>}
   */
  inbox(options = {}) {
    return outcome(() => {
      checkFields('inbox', options, ['since']);
      const { since } = options;
      if (since !== undefined && since !== null) checkPosition(since);
      if (this.#inbox?.joined) return Promise.resolve(this.#inbox.joined);
      if (!this.#inbox) {
        this.#inbox = { position: since ? { epoch: since.epoch, seq: since.seq } : null, joined: null, joinId: null, attempt: 0, unanswered: 0, waiting: [] };
        if (this.#isOnline) this.#askForInbox(this.#inbox);
      }
      const { waiting } = this.#inbox;
      return new Promise((resolve, reject) => waiting.push({ resolve, reject }));
    });
  }

  /** @param {string} room @returns {Promise<void>} */
  leave(room) {
    return outcome(() => {
      checkName(room, 'room');
      if (!this.#rooms.has(room)) return Promise.resolve();
      this.#dropRoom(room, new RealtimeError('left', `You left ${room}.`, room));
      if (!this.#isOnline || this.#leaving.has(room)) return Promise.resolve();
      return this.#sendLeave(room).then(() => {}, error => {
        // With its connection the stay has ended too; and a join that was refused has begun none.
        if (error.code !== 'offline' && error.code !== 'not_joined') throw error;
      });
    });
  }

  /**
   * @param {string} room @param {string} [content] @param {any} [data] @param {{id?: string, timeout?: number, ephemeral?: boolean, key?: string, echo?: boolean}} [options]
   * @returns {Promise<any>}
   */
  publish(room, content, data, options = {}) {
    return outcome(() => {
      checkName(room, 'room');
      checkFields('publish', options, ['id', 'timeout', 'ephemeral', 'key', 'echo']);
      const body = bodyOf(content, data);
      const { id = this.#id(), ephemeral = false, key, echo, timeout } = options;
      checkId(id);
      checkFlag('ephemeral', ephemeral);
      if (echo !== undefined) checkFlag('echo', echo);
      if (key !== undefined) checkId(key, 'key');
      if (ephemeral ? options.id !== undefined : key !== undefined)
        throw new TypeError("A message is 'ephemeral', and may have a 'key', or it is kept, and may have an 'id'.");
      const entry = this.#rooms.get(room);
      if (!entry) throw new RealtimeError('not_joined', `Join ${room} before you send to it.`, room);
      if (ephemeral) return this.#sendEphemeral({ room, ephemeral, key, echo }, body, timeout);
      return this.#enqueue({ room, echo }, id, body, timeout, !(echo ?? entry.echo)).then(({ epoch, seq }) => ({ room, epoch, seq }));
    });
  }

  /** @param {string} room @returns {ReadonlyMap<string, RoomEntry>|null} */
  roomState(room) { return this.#rooms.get(room)?.state?.entries ?? null; }

  /**
   * @param {string} room @param {string} key @param {any} data @param {{if?: number, ttl?: number, id?: string, timeout?: number, echo?: boolean}} [options]
   * @returns {Promise<{room: string} & Position>}
   */
  set(room, key, data, options = {}) {
    return outcome(() => {
      checkFields('set', options, ['if', 'ttl', 'id', 'timeout', 'echo']);
      if (data === undefined) throw new TypeError("'data' is missing; `remove` deletes a key.");
      if (options.ttl !== undefined) checkWhole("'ttl'", options.ttl, ttlMin, ttlMax);
      return this.#change(room, key, dataOf(data), options);
    });
  }

  /**
   * @param {string} room @param {string} key @param {{if?: number, id?: string, timeout?: number, echo?: boolean}} [options]
   * @returns {Promise<{room: string} & Position>}
   */
  remove(room, key, options = {}) {
    return outcome(() => {
      checkFields('remove', options, ['if', 'id', 'timeout', 'echo']);
      return this.#change(room, key, '"deleted":true', options);
    });
  }

  /**
   * @param {string} room @param {string} key @param {string} body
   * @param {{if?: number, ttl?: number, id?: string, timeout?: number, echo?: boolean}} options
   */
  #change(room, key, body, { if: version, ttl, id = this.#id(), timeout, echo }) {
    checkName(room, 'room');
    checkId(key, 'key');
    checkId(id);
    if (version !== undefined) checkWhole("'if'", version, 0, Number.MAX_SAFE_INTEGER);
    if (echo !== undefined) checkFlag('echo', echo);
    const entry = this.#rooms.get(room);
    if (!entry) throw new RealtimeError('not_joined', `Join ${room} before you send to it.`, room);
    const silent = !(echo ?? entry.echo);
    return this.#enqueue({ room, key, if: version, ttl, echo }, id, body, timeout, silent).then(({ epoch, seq }) => {
      // Without an echo the answer is all that comes of it.
      if (silent && entry.position?.epoch === epoch)
        entry.state?.change({ key, seq, timestamp: Date.now(), ...JSON.parse(`{${body}}`), ...(ttl !== undefined && { expires: Date.now() + ttl }) });
      return { room, epoch, seq };
    });
  }

  /**
   * @param {string} user @param {string} [content] @param {any} [data] @param {{timeout?: number}} [options]
   * @returns {Promise<{connections: number} & Partial<Position>>}
   */
  sendTo(user, content, data, options = {}) {
    return outcome(() => {
      checkName(user, 'user');
      checkFields('sendTo', options, ['timeout']);
      return this.#enqueue({ to: user }, this.#id(), bodyOf(content, data), options.timeout)
        .then(({ connections, epoch, seq }) => epoch === undefined ? { connections } : { connections, epoch, seq });
    });
  }

  /**
   * @param {string} room @param {{after?: string, limit?: number}} [page]
   * @returns {Promise<import('./realtime.d.ts').MembersPage>}
   */
  members(room, page = {}) {
    return outcome(() => {
      checkName(room, 'room');
      checkFields('members', page, ['after', 'limit']);
      const { after, limit } = page;
      if (after !== undefined && after !== '') checkName(after, "'after'");
      if (limit !== undefined) checkWhole("'limit'", limit, 1, membersPage);
      return this.#ask({ type: 'members', room, after, limit }).then(pageOf);
    });
  }

  /**
   * @param {string} room @param {{before?: number, limit?: number, epoch?: string}} [page]
   * @returns {Promise<import('./realtime.d.ts').HistoryPage>}
   */
  history(room, page = {}) {
    return outcome(() => {
      checkName(room, 'room');
      checkFields('history', page, ['before', 'limit', 'epoch']);
      const { before, limit, epoch } = page;
      if (before !== undefined) checkWhole("'before'", before, 1, Number.MAX_SAFE_INTEGER);
      if (limit !== undefined) checkWhole("'limit'", limit, 1, historyPage);
      if (epoch !== undefined) checkEpoch(epoch);
      return this.#ask({ type: 'history', room, before, limit, epoch })
        .then(({ messages, more, epoch: of }) => ({ room, epoch: of, messages, more }));
    });
  }

  /**
   * @param {string} method @param {any} [data] @param {{timeout?: number, signal?: AbortSignal}} [options]
   * @returns {Promise<any>}
   */
  call(method, data, options = {}) {
    return outcome(() => {
      checkName(method, 'method');
      checkFields('call', options, ['timeout', 'signal']);
      const { timeout = this.#options.answerTimeout, signal } = options;
      checkNumber('timeout', timeout, 1, timerMax);
      if (signal !== undefined && typeof signal?.addEventListener !== 'function') throw new TypeError(`The signal is ${kindOf(signal)}; it must be an AbortSignal.`);
      const bytes = byteCount(dataOf(data));
      const { messageBytes } = this.#options;
      if (bytes > messageBytes) throw new RealtimeError('too_big', `The call's data has ${bytes} bytes; its frame may have ${messageBytes} (the option 'messageBytes').`);
      if (signal?.aborted) return Promise.reject(signal.reason);
      return this.#ask({ type: 'call', method, data }, timeout, signal).then(answer => answer.data);
    });
  }

  /** @param {string} method @param {(data: any) => any} handler */
  onCall(method, handler) {
    checkName(method, 'method');
    if (typeof handler !== 'function') throw new TypeError(`The handler of '${method}' must be a function.`);
    if (this.#methods.has(method)) throw new TypeError(`'${method}' has a handler already; end that first.`);
    this.#methods.set(method, handler);
    return () => { if (this.#methods.get(method) === handler) this.#methods.delete(method); };
  }

  /** @returns {Promise<number>} */
  ping() {
    const start = performance.now();
    return outcome(() => this.#ask({ type: 'ping' }).then(() => performance.now() - start));
  }

  /** @returns {Promise<string>} */
  connectionId() {
    return outcome(() => this.#ask({ type: 'ping' }).then(({ connection }) => connection));
  }

  get #isOnline() { return this.#status.state === 'online'; }

  // --- the connection ---

  /** @param {Partial<StateEvent>} status */
  async #open(status) {
    clearTimeout(this.#retryTimer);
    const generation = ++this.#generation;
    this.#watch(this.#options.openTimeout, () => this.#lost(0, 'The server did not answer in time.'));
    this.#setStatus({ ...status, retryAt: null });
    if (generation !== this.#generation) return; // a listener has closed the client
    let bearer;
    try {
      bearer = await this.#token();
    } catch (error) {
      if (generation === this.#generation) this.#lost(0, `There is no token: ${error instanceof Error ? error.message : error}`);
      return;
    }
    if (generation !== this.#generation) return;
    if (bearer === null) return this.#stop(0, noToken);
    let socket;
    try {
      socket = this.#sessions !== null && this.#cut >= cutTries ? new EventSocket(this.#sessions, bearer) : this.#webSocket(bearer);
    } catch (error) {
      // The address or the place does not allow it (mixed content, for one): it will not do so later either.
      return this.#stop(0, error instanceof Error ? error.message : String(error));
    }
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => { if (generation === this.#generation) this.#opened(bearer); };
    socket.onmessage = (/** @type {MessageEvent} */ event) => { if (generation === this.#generation) this.#received(event.data); };
    socket.onclose = (/** @type {CloseEvent} */ event) => { if (generation === this.#generation) this.#lost(event.code, event.reason); };
    // The close that follows says all that there is to know; but of a handshake that fails Node 20 and 22 give no close.
    socket.onerror = () => setTimeout(() => { if (generation === this.#generation && !this.#isOnline) this.#lost(1006, ''); });
  }

  /** The token for this attempt: undefined where none is used, null when there is none any more. */
  async #token() {
    const { token } = this.#options;
    if (typeof token !== 'function') return token;
    const given = await token();
    if (given === null || given === undefined || given === '') return null;
    if (typeof given !== 'string') throw new TypeError(`the token function gave a ${typeof given}; it must give a string`);
    return given;
  }

  #webSocket(/** @type {string|undefined} */ bearer) { return new this.#options.WebSocket(this.#address(bearer), this.#protocols(bearer)); }

  #address(/** @type {string|undefined} */ bearer) {
    const address = new URL(this.#options.url);
    if (this.#options.user !== undefined) address.searchParams.set('user', this.#options.user);
    if (bearer !== undefined && this.#options.tokenIn === 'query') address.searchParams.set('access_token', bearer);
    return address.href;
  }

  #protocols(/** @type {string|undefined} */ bearer) {
    if (bearer === undefined || this.#options.tokenIn === 'query') return subprotocol;
    if (/[^!#$%&'*+.^_`|~0-9A-Za-z-]/.test(bearer))
      throw new RangeError("The token has characters that a subprotocol cannot have; send it by the option tokenIn: 'query'.");
    return [subprotocol, bearerPrefix + bearer];
  }

  /** Brings the server a new token when most of the life of this one is over, so that its end does not close the connection. */
  #renewLater(/** @type {string|undefined} */ bearer, /** @type {number|null} */ wait = bearer === undefined ? null : renewalOf(bearer)) {
    clearTimeout(this.#renewal);
    if (wait !== null && typeof this.#options.token === 'function')
      this.#renewal = setTimeout(() => this.#renew(/** @type {string} */ (bearer)), Math.min(Math.max(wait, renewMin), timerMax));
  }

  async #renew(/** @type {string} */ old) {
    const generation = this.#generation;
    /** @type {string|null|undefined} */
    let bearer = old;
    try {
      bearer = await this.#token();
      if (generation !== this.#generation) return;
      if (bearer === null) return this.#stop(0, noToken);
      if (bearer !== old) await this.#ask({ type: 'refresh', token: bearer });
      if (generation === this.#generation && this.#socket instanceof EventSocket) this.#socket.bearer = bearer; // posts bring it
    } catch (error) {
      if (generation !== this.#generation) return;
      const { code, message } = /** @type {any} */ (error);
      if (code === 'token_invalid') return this.#lost(0, `The server refused the new token: ${message}`);
      if (code === 'bad_request' || code === 'unknown_type') return; // it renews no such token: 4003 comes, and then another connection
      bearer = old;
    }
    // Without a new one it is tried again in half of the time that is left, and at the end 4003 comes.
    if (generation === this.#generation) this.#renewLater(bearer, bearer === old ? remainingOf(old) / 2 : undefined);
  }

  #opened(/** @type {string|undefined} */ bearer) {
    this.#renewLater(bearer);
    this.#onlineSince = this.#heard = performance.now();
    this.#raw = 0;
    this.#asked = false;
    this.#listen();
    if (this.#socket instanceof EventSocket) this.#lookLater();
    const generation = this.#generation;
    this.#setStatus({ state: 'online', code: 0, reason: '' });
    for (const { resolve } of this.#connecting.splice(0)) resolve(undefined);
    if (generation !== this.#generation) return;
    for (const room of this.#rooms.values()) {
      room.rawSeen = 0;
      room.paused = false;
      // A listener may have joined by now.
      if (room.joinId === null) this.#sendJoin(room);
    }
    if (this.#inbox?.joinId === null) this.#askForInbox(this.#inbox);
    this.#flush(null);
  }

  /** The connection is gone: decide what happens to what was under way, and whether to come back. */
  #lost(/** @type {number} */ code, /** @type {string} */ reason) {
    const final = finalCodes.get(code);
    if (final !== undefined && !(code === tokenExpired && typeof this.#options.token === 'function'))
      return this.#stop(code, reason || final);

    const lived = this.#isOnline ? performance.now() - this.#onlineSince : 0;
    const attempt = lived >= stableAfter ? 0 : this.#status.attempt;
    this.#judge(code, lived);
    const hint = code === goingAway ? retryHint(reason) : null;
    const wait = hint !== null ? hint + backoff(0, this.#options.retryBase, this.#options.retryMax)
      : (whileCodes.has(code) ? whileMin : 0) + backoff(attempt, this.#options.retryBase, this.#options.retryMax);
    this.#dropSocket();
    this.#retryTimer = setTimeout(() => this.#open({ state: 'reconnecting' }), wait);
    this.#endRequests(new RealtimeError('offline', 'The connection was lost before the server answered.'));
    if (code === tooBig) this.#refuseLargest(reason);
    for (const item of this.#outbox.values()) {
      if (!item.sent) continue;
      item.sent = false;
      if (item.room === null)
        this.#take(item).reject(new RealtimeError('unconfirmed', 'The connection was lost before the server answered; it may have arrived.'));
    }
    // Last: a listener may close the client, or connect it again at once.
    this.#setStatus({ state: 'reconnecting', attempt: attempt + 1, retryAt: Date.now() + wait, code, reason });
  }

  /** Whether what has ended was cut on the way: a server that ends a connection says so. */
  #judge(/** @type {number} */ code, /** @type {number} */ lived) {
    if (this.#socket === null) return;
    if (!(this.#socket instanceof EventSocket)) this.#cut = lived >= stableAfter || (code !== 1006 && code !== 0) ? 0 : this.#cut + 1;
    else if (!this.#isOnline) this.#cut = cutTries - 1; // it is no better without: then one of each in turn
  }

  /** The first look is soon: it may have been the server that was away, and not WebSockets that are cut. */
  #lookLater() {
    const { webSocketAgain } = this.#options;
    const wait = (this.#looked ? webSocketAgain : Math.min(firstLook, webSocketAgain)) * (0.5 + Math.random());
    clearTimeout(this.#again);
    this.#again = setTimeout(() => this.#look(), Math.min(wait, timerMax));
  }

  /** Opens a WebSocket beside the session: when it lives, the client goes over to one. */
  async #look() {
    const generation = this.#generation;
    let socket;
    try {
      const bearer = await this.#token();
      if (generation !== this.#generation) return;
      if (bearer === null) return this.#stop(0, noToken);
      socket = this.#webSocket(bearer);
    } catch {
      if (generation === this.#generation) this.#lookLater();
      return;
    }
    const lives = await livesOn(socket, this.#options.openTimeout);
    if (generation !== this.#generation) return;
    this.#looked = !lives;
    if (lives) this.#goOver();
    else this.#lookLater();
  }

  /** When nothing that was sent waits for its answer, as a direct message would be lost sight of. */
  #goOver() {
    if ([...this.#outbox.values()].some(({ sent }) => sent)) {
      clearTimeout(this.#again);
      this.#again = setTimeout(() => this.#goOver(), whileMin);
      return;
    }
    this.#cut = 0;
    this.#lost(0, 'WebSockets pass again.');
  }

  #stop(/** @type {number} */ code, /** @type {string} */ reason) {
    globalThis.removeEventListener?.('online', this.retryNow);
    clearTimeout(this.#retryTimer);
    this.#dropSocket();
    const error = new RealtimeError('offline', reason || 'Not connected.');
    this.#endRequests(error);
    for (const item of this.#outbox.values()) this.#take(item).reject(error);
    for (const room of this.#rooms.values())
      for (const { reject } of room.waiting.splice(0)) reject(error);
    for (const { reject } of this.#inbox?.waiting.splice(0) ?? []) reject(error);
    for (const { reject } of this.#connecting.splice(0)) reject(error);
    this.#setStatus({ state: 'offline', attempt: 0, retryAt: null, code, reason });
  }

  /** Forgets the socket; a half-open one is closed, whatever it says later is ignored. */
  #dropSocket() {
    this.#generation++;
    clearTimeout(this.#watchdog);
    clearTimeout(this.#renewal);
    clearTimeout(this.#again);
    const socket = this.#socket;
    this.#socket = null;
    if (socket && socket.readyState <= 1) socket.close(1000);
  }

  #endRequests(/** @type {RealtimeError} */ error) {
    const requests = [...this.#requests.values()];
    this.#requests.clear();
    this.#leaving.clear();
    for (const room of this.#rooms.values()) {
      room.joined = room.joinId = room.had = null;
      room.held = []; // they come again
    }
    if (this.#inbox) this.#inbox.joined = this.#inbox.joinId = null;
    for (const { reject } of requests) reject(error);
  }

  /** The server found a message too large: of those under way the largest is one such, the others may not be. */
  #refuseLargest(/** @type {string} */ reason) {
    let largest;
    for (const item of this.#outbox.values())
      if (item.sent && item.bytes > (largest?.bytes ?? 0)) largest = item;
    if (largest) this.#take(largest).reject(new RealtimeError('too_big', reason || 'The message is too large for the server.', largest.room ?? undefined));
  }

  /** After a long silence, asks whether the server is there. Whatever it says then is an answer (see `#received`). */
  #listen() {
    const { pingAfter, pongTimeout } = this.#options;
    const silence = performance.now() - this.#heard;
    if (silence < pingAfter) return this.#watch(pingAfter - silence, () => this.#listen());
    this.#asked = true;
    this.#write(JSON.stringify({ type: 'ping' }));
    this.#watch(pongTimeout, () => this.#lost(0, 'The server fell silent.'));
  }

  #watch(/** @type {number} */ wait, /** @type {() => void} */ then) {
    clearTimeout(this.#watchdog);
    this.#watchdog = setTimeout(then, wait);
  }

  // --- rooms ---

  #stateCopy(/** @type {string} */ room) { return new StateCopy(key => this.#emit('expired', { room, key })); }

  /** Joins a room that this client is in already, with what that stay has not. Until the answer the room goes on as before. */
  #askForMore(/** @type {Room} */ room, /** @type {any} */ { state, ...wanted }) {
    const { echo, data, shown, presence, isPut, joinId, state: known } = room;
    room.had = { echo, data, shown, presence, isPut, joinId, state: known };
    Object.assign(room, wanted, { isPut: false, state: known ?? (state ? this.#stateCopy(room.name) : null) });
    this.#sendJoin(room);
  }

  #sendJoin(/** @type {Room} */ room) {
    // A room on the way out cannot be entered before it has been left; the end of that sends the join.
    if (this.#leaving.has(room.name)) return;
    const id = room.joinId = this.#id();
    // Where the state has not come to its end a resume would not bring it.
    const since = room.state?.isComplete === false ? null : room.position;
    this.#request(id, {
      type: 'join', room: room.name, ...since, last: room.last, echo: room.echo && undefined, data: room.data, presence: room.presence, state: room.state ? true : undefined,
    }).catch(error => {
      // A lost connection joins again by itself; what was left or joined anew meanwhile is not this join's concern.
      if (room.joinId !== id || this.#rooms.get(room.name) !== room) return;
      room.joinId = null;
      // The server takes one join of a room that it has put this client in. Any other room is left for it.
      if (error.code === 'already_joined' && room.had) return this.#joinAnew(room);
      if (error.code === 'timeout' && ++room.unanswered < joinTries) return this.#lost(0, 'The server did not answer a join.');
      if (error.code === 'already_joined' || passingErrors.has(error.code)) return this.#joinLater(room, error.code === 'already_joined');
      if (room.had) return this.#keepWhatWas(room, error);
      // The one who called join hears of it there; a refusal on the way back has no such caller.
      if (room.waiting.length === 0) this.#emit('left', { room: room.name, error });
      this.#dropRoom(room.name, error);
    });
  }

  /** The server does not give more than there was: the stay goes on without. */
  #keepWhatWas(/** @type {Room} */ room, /** @type {RealtimeError} */ error) {
    if (room.state !== /** @type {any} */ (room.had).state) room.state?.end();
    Object.assign(room, room.had, { had: null });
    for (const { reject } of room.waiting.splice(0)) reject(error);
  }

  /** Leaves at the server and joins again, from where this client is. */
  #joinAnew(/** @type {Room} */ room) {
    room.joined = room.joinId = room.had = null;
    room.held = [];
    if (!this.#leaving.has(room.name)) this.#sendLeave(room.name).catch(() => {});
  }

  /** Shows something in a room: at once where this client is in it or about to be, or else by the join to come. */
  async #show(/** @type {Room} */ room, /** @type {any} */ data) {
    room.data = data;
    for (;;) {
      if (room.joinId === null) return void await new Promise((resolve, reject) => room.waiting.push({ resolve, reject }));
      try {
        await this.#ask({ type: 'update', room: room.name, data });
        room.shown = data;
        return;
      } catch (error) {
        const { code } = /** @type {any} */ (error);
        // The join that was before it has failed, or the connection was lost: the next join brings it.
        const isLater = (code === 'offline' || code === 'not_joined') && room.joinId === null && this.#rooms.get(room.name) === room && this.#status.state !== 'offline';
        if (isLater) continue;
        // What the server has refused is not brought by a join either.
        if (room.data === data && code !== 'offline' && code !== 'timeout') room.data = room.shown;
        throw error;
      }
    }
  }

  /** Tries again after a pause. A stay that the server knows and this client does not is ended first. */
  #joinLater(/** @type {Room} */ room, /** @type {boolean} */ leaveFirst) {
    const generation = this.#generation;
    setTimeout(() => {
      if (generation !== this.#generation || this.#rooms.get(room.name) !== room || room.joinId !== null) return;
      if (leaveFirst) this.#sendLeave(room.name).catch(() => {});
      else this.#sendJoin(room);
    }, backoff(room.attempt++, this.#options.retryBase, this.#options.retryMax));
  }

  /** Leaves at the server, and joins again after the answer when the room is wanted then. */
  #sendLeave(/** @type {string} */ name) {
    const generation = this.#generation;
    this.#leaving.add(name);
    return this.#ask({ type: 'leave', room: name }).finally(() => {
      if (generation !== this.#generation) return;
      this.#leaving.delete(name);
      const room = this.#rooms.get(name);
      if (room && room.joinId === null) this.#sendJoin(room);
    });
  }

  #dropRoom(/** @type {string} */ name, /** @type {RealtimeError} */ error) {
    const room = this.#rooms.get(name);
    this.#rooms.delete(name);
    room?.state?.end();
    for (const { reject } of room?.waiting.splice(0) ?? []) reject(error);
    for (const item of this.#outbox.values())
      if (item.room === name) this.#take(item).reject(error);
  }

  /** The answer to a join; without an id the server has put the room's position right by itself. */
  #joined(/** @type {any} */ frame) {
    this.#takeRequest(frame.id)?.resolve(frame);
    if (frame.by === 'server') this.#putIn(frame.room);
    const room = this.#rooms.get(frame.room);
    if (!room || (frame.id === undefined ? room.joined === null && room.joinId !== byServer : frame.id !== room.joinId)) return;
    const before = room.position;
    const { type: _, id: __, ...joined } = frame;
    // The position moves with the messages that follow, missed or newest ones: a cut among them then resumes where it was.
    if (frame.recovered !== true) {
      room.state?.begin(frame.seq);
      room.position = { epoch: frame.epoch, seq: frame.seq - (frame.last ?? 0) };
      // Without a position the newest messages may be ones that this client has had.
      if (frame.recovered === undefined && before?.epoch === frame.epoch) room.position.seq = Math.max(room.position.seq, Math.min(before.seq, frame.seq));
      room.own.clear();
    }
    room.rawSeen = this.#raw;
    room.joined = joined;
    room.attempt = room.unanswered = 0;
    // Who asks for more waits for the answer to that.
    if (frame.id !== undefined) room.had = null;
    if (!room.had) for (const { resolve } of room.waiting.splice(0)) resolve(joined);
    this.#emit('joined', joined);
    const position = { epoch: frame.epoch, seq: frame.seq - (frame.last ?? 0) };
    // A join without the position, for the state, skips what came since.
    const isSkipped = room.state !== null && frame.recovered === undefined && before !== null && (before.epoch !== position.epoch || before.seq < position.seq);
    if (frame.recovered === false || isSkipped) this.#emitMissed(room, before, position);
    this.#flush(room.name);
  }

  /**
   * The server puts this client into a room that it has not asked for. One that it has, as after a reconnect, waits for the answer to its own
   * join: that brings what was missed.
   */
  #putIn(/** @type {string} */ name) {
    if (this.#rooms.has(name) || this.#leaving.has(name)) return;
    const room = newRoom(name, null);
    room.joinId = byServer;
    room.isPut = true;
    this.#rooms.set(name, room);
  }

  /** The server has taken this client out of a room. It stays out until the application joins again. */
  #removed(/** @type {string} */ name) {
    const room = this.#rooms.get(name);
    if (!room) return;
    if (room.had) return this.#joinAnew(room); // whether its join came before or after that, it is in no doubt then
    // Who has joined again since then waits for the answer to that.
    if (room.waiting.length > 0) return;
    const error = new RealtimeError('removed', `The server has taken you out of ${name}.`, name);
    this.#dropRoom(name, error);
    this.#emit('left', { room: name, error });
  }

  #roomMessage(/** @type {any} */ frame) {
    const room = this.#rooms.get(frame.room);
    // While a room is joined anew, what still comes from the former stay comes again.
    if (!room?.joined) return;
    const before = /** @type {Position} */ (room.position);
    if (before.epoch === frame.epoch) {
      if (frame.seq <= before.seq) return;
      let missing = frame.seq - before.seq - 1;
      for (const seq of room.own) missing -= seq < frame.seq ? 1 : 0;
      // Unwrapped frames have numbers too, but do not show them: each one that came since may fill one.
      if (missing > this.#raw - room.rawSeen) {
        if (this.#awaitsOwn(room.name)) return void room.held.push(frame);
        if (this.#repair(room, frame)) return;
      }
    } else {
      if (room.state) return this.#joinForState(room);
      this.#emitMissed(room, before, { epoch: frame.epoch, seq: frame.seq - 1 });
      room.own.clear();
    }
    const isOwn = room.own.has(frame.seq);
    this.#move(room, frame);
    if (frame.key !== undefined) room.state?.change(frame);
    if (isOwn || frame.type === 'excluded') return; // a resume brings it, and no echo was wanted; or a service has left this client out
    const { type: _, ...message } = frame;
    this.#emit('message', /** @type {RoomMessage} */ (message));
  }

  /** A part of the state, in place of what was known; the last one tells. */
  #state(/** @type {any} */ { room: name, entries, more }) {
    const room = this.#rooms.get(name);
    if (room?.joined && room.state?.replace(entries, more)) this.#emit('roomState', { room: name, entries: room.state.entries });
  }

  /** It has no number: nothing shows whether it is missing, and the position stays. */
  #ephemeral(/** @type {any} */ { type: _, ...message }) {
    if (this.#rooms.get(message.room)?.joined) this.#emit('ephemeral', /** @type {EphemeralMessage} */ (message));
  }

  /** The server has left messages out, or who came and went, because this client reads too slowly for the room. */
  #dropped(/** @type {any} */ frame) {
    if (frame.inbox) return this.#inboxDropped(frame);
    if (frame.direct) return this.#emit('dropped', { ...(frame.sender !== undefined && { sender: frame.sender }), ...(frame.service && { service: true }) });
    const room = this.#rooms.get(frame.room);
    if (!room?.joined) return;
    const before = /** @type {Position} */ (room.position);
    const isRepeat = frame.to === undefined || (before.epoch === frame.epoch && frame.to <= before.seq);
    if (isRepeat && !frame.presence) return;
    // The state lacks what they have changed: this client comes back from before them, and has them or all of it anew.
    if (!isRepeat && room.state) return void this.#repair(room, { epoch: frame.epoch, seq: frame.to + 1 });
    if (!isRepeat) this.#move(room, { epoch: frame.epoch, seq: frame.to });
    this.#emit('missed', { room: room.name, since: before, .../** @type {Position} */ (room.position), dropped: true, ...(frame.presence && { presence: true }) });
  }

  /** Everything up to there is had, and so are messages of this client's that follow it. */
  #move(/** @type {Room} */ room, /** @type {Position} */ { epoch, seq }) {
    for (const own of room.own) if (own <= seq) room.own.delete(own);
    while (room.own.delete(seq + 1)) seq++;
    room.position = { epoch, seq };
    room.rawSeen = this.#raw;
  }

  /** Whether messages are under way of which no echo comes: the answer to each tells which number it has. */
  #awaitsOwn(/** @type {string} */ name) {
    for (const item of this.#outbox.values())
      if (item.silent && item.sent && item.room === name) return true;
    return false;
  }

  /** The room has kept a message that this client gets no echo of: its number counts as had. */
  #ownKept(/** @type {Room} */ room, /** @type {Position} */ { epoch, seq }) {
    const { position } = room;
    if (!room.joined || position?.epoch !== epoch || seq <= position.seq) return;
    room.own.add(seq);
    // Those of others before it may come yet; when they do not, this room is joined anew from before them.
    if (room.own.size > ownMax && !this.#repair(room, { epoch, seq })) this.#move(room, { epoch, seq });
    else if (seq === position.seq + 1) this.#move(room, position);
  }

  /** What was held is looked at again, now that one more of this client's messages has its answer. */
  #releaseHeld(/** @type {string} */ name) {
    const room = this.#rooms.get(name);
    if (!room || room.held.length === 0) return;
    for (const frame of room.held.splice(0)) this.#handle(frame);
  }

  /** Fetches what is missing before this message by joining again; false when that was tried, and it has to be told. */
  #repair(/** @type {Room} */ room, /** @type {any} */ frame) {
    const before = /** @type {Position} */ (room.position);
    const hole = `${before.epoch}/${before.seq}`;
    if (room.repaired === hole) {
      if (!room.state) {
        this.#emitMissed(room, before, { epoch: frame.epoch, seq: frame.seq - 1 });
        return false;
      }
      this.#joinForState(room);
      return true;
    }
    room.repaired = hole;
    this.#joinAnew(room);
    return true;
  }

  /** The state lacks what has changed in between: it comes anew, and the answer tells what is missed. */
  #joinForState(/** @type {Room} */ room) {
    room.state?.begin();
    this.#joinAnew(room);
  }

  #emitMissed(/** @type {Room} */ room, /** @type {Position|null} */ since, /** @type {Position} */ position) {
    this.#emit('missed', { room: room.name, since, ...position });
  }

  // --- the inbox ---

  #askForInbox(/** @type {Inbox} */ inbox) {
    const id = inbox.joinId = this.#id();
    this.#request(id, { type: 'inbox', ...inbox.position }).catch(error => {
      // A lost connection asks again by itself.
      if (inbox.joinId !== id || this.#inbox !== inbox) return;
      inbox.joinId = null;
      if (error.code === 'timeout' && ++inbox.unanswered < joinTries) return this.#lost(0, 'The server did not answer for the inbox.');
      if (passingErrors.has(error.code)) {
        const generation = this.#generation;
        setTimeout(() => {
          if (generation === this.#generation && this.#inbox === inbox && inbox.joinId === null) this.#askForInbox(inbox);
        }, backoff(inbox.attempt++, this.#options.retryBase, this.#options.retryMax));
        return;
      }
      this.#inbox = null;
      // The one who called inbox hears of it there; a refusal on the way back has no such caller.
      if (inbox.waiting.length === 0) this.#emit('error', error);
      for (const { reject } of inbox.waiting.splice(0)) reject(error);
    });
  }

  /** The answer for the inbox; without an id, messages are lost and the server says where it goes on. */
  #inboxAnswered(/** @type {any} */ frame) {
    this.#takeRequest(frame.id)?.resolve(frame);
    const inbox = this.#inbox;
    if (!inbox || (frame.id === undefined ? inbox.joined === null : frame.id !== inbox.joinId)) return;
    const before = inbox.position;
    const { type: _, id: __, ...joined } = frame;
    const position = { epoch: frame.epoch, seq: frame.seq };
    // After a resume the position moves with the messages that follow.
    if (frame.recovered !== true) inbox.position = position;
    inbox.joined = joined;
    inbox.attempt = inbox.unanswered = 0;
    for (const { resolve } of inbox.waiting.splice(0)) resolve(joined);
    if (frame.recovered === false) this.#emit('inboxMissed', { since: before, ...position });
  }

  /** Whether a message that has a place in the inbox is handed out; what it skips is told. */
  #isNext(/** @type {Inbox} */ inbox, /** @type {Position} */ { epoch, seq }) {
    const before = inbox.position;
    const isNext = before === null || (before.epoch === epoch && seq === before.seq + 1);
    // Before the answer it comes to this connection as to one that has not asked: what does not follow comes again after the answer.
    if (!isNext && (!inbox.joined || (before.epoch === epoch && seq <= before.seq))) return false;
    if (!isNext) this.#emit('inboxMissed', { since: before, epoch, seq: seq - 1 });
    // Without a position the inbox begins with the answer; what comes before that is no part of it yet.
    if (before !== null) inbox.position = { epoch, seq };
    return true;
  }

  #inboxDropped(/** @type {any} */ { epoch, to }) {
    const inbox = this.#inbox;
    const before = inbox?.position;
    if (!inbox?.joined || (before?.epoch === epoch && to <= before.seq)) return;
    inbox.position = { epoch, seq: to };
    this.#emit('inboxMissed', { since: before ?? null, epoch, seq: to, dropped: true });
  }

  // --- what is sent ---

  #id() { return `${this.#idPrefix}-${this.#nextId++}`; }

  #write(/** @type {string} */ text) {
    if (this.#socket?.readyState === 1) this.#socket.send(text);
  }

  /**
   * Queues a message; its promise settles with the answer, or when its time is over.
   * @param {{room?: string, to?: string, echo?: boolean}} target @param {string} id
   * @param {string} body  `"content":..,"data":..`, written out: what is sent again under an id must be the same.
   * @param {number} [timeout]
   * @param {boolean} [silent]
   * @returns {Promise<any>}
   */
  #enqueue(target, id, body, timeout = this.#options.publishTimeout, silent = false) {
    checkNumber('timeout', timeout, 1, timerMax);
    const room = target.room ?? null;
    const key = keyOf(room, id);
    if (this.#outbox.has(key)) throw new TypeError(`The id '${id}' belongs to a message that waits for its answer; a new message needs a new id.`);
    const frame = `${JSON.stringify({ id, type: 'message', ...target }).slice(0, -1)},${body}}`;
    const bytes = byteCount(frame);
    const { queueMessages, queueBytes, messageBytes } = this.#options;
    if (bytes > messageBytes)
      throw new RealtimeError('too_big', `The message has ${bytes} bytes as a frame; it may have ${messageBytes} (the option 'messageBytes').`, target.room);
    if (this.#status.state === 'offline') throw new RealtimeError('offline', this.#status.reason || 'Not connected.', target.room);
    if (this.#outbox.size >= queueMessages)
      throw new RealtimeError('queue_full', `${queueMessages} messages wait for an answer already.`, target.room);
    if (this.#outboxBytes + bytes > queueBytes)
      throw new RealtimeError('queue_full', `The message has ${bytes} bytes and ${this.#outboxBytes} wait for an answer already; together ${queueBytes} may.`, target.room);
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#take(item).reject(new RealtimeError('timeout', item.tried
          ? `There was no answer within ${timeout} ms; the message may have arrived.`
          : `There was no connection to send the message by within ${timeout} ms.`, target.room));
      }, timeout);
      /** @type {Outgoing} */
      const item = { id, frame, bytes, room, silent, sent: false, tried: false, timer, resolve, reject };
      this.#outbox.set(key, item);
      this.#outboxBytes += bytes;
      this.#flush(room);
    });
  }

  /**
   * Neither queued nor sent again: later it would be of no use.
   * @param {{room: string, ephemeral: true, key?: string, echo?: boolean}} target @param {string} body @param {number} [timeout]
   */
  #sendEphemeral(target, body, timeout = this.#options.answerTimeout) {
    checkNumber('timeout', timeout, 1, timerMax);
    const { messageBytes } = this.#options;
    const bytes = byteCount(body);
    if (bytes > messageBytes) throw new RealtimeError('too_big', `The message has ${bytes} bytes; its frame may have ${messageBytes} (the option 'messageBytes').`, target.room);
    return this.#ask({ type: 'message', ...target, ...JSON.parse(`{${body}}`) }, timeout).then(() => ({ room: target.room }));
  }

  /** Sends what has been waiting for a room, or for a connection (null). */
  #flush(/** @type {string|null} */ name) {
    if (name === null ? !this.#isOnline : !this.#mayPublish(name)) return;
    for (const item of this.#outbox.values()) {
      if (item.room !== name || item.sent) continue;
      item.sent = item.tried = true;
      this.#write(item.frame);
    }
  }

  #mayPublish(/** @type {string} */ name) {
    const room = this.#rooms.get(name);
    return room !== undefined && room.joined !== null && !room.paused;
  }

  /** The room could not be reached: the message goes out again under its id, with what is written meanwhile behind it. */
  #publishLater(/** @type {Outgoing} */ item, /** @type {number} */ least) {
    item.sent = false;
    const room = this.#rooms.get(/** @type {string} */ (item.room));
    // All that were under way are refused at about the same time; one pause is for all of them.
    if (!room || room.paused) return;
    room.paused = true;
    const generation = this.#generation;
    setTimeout(() => {
      if (generation !== this.#generation) return;
      room.paused = false;
      this.#flush(room.name);
    }, least + backoff(room.publishAttempt++, this.#options.retryBase, this.#options.retryMax));
  }

  /** Asks on this connection. @returns {Promise<any>} */
  async #ask(/** @type {object} */ frame, timeout = this.#options.answerTimeout, /** @type {AbortSignal|undefined} */ signal = undefined) {
    if (!this.#isOnline) throw new RealtimeError('offline', this.#status.reason || 'Not connected.');
    return this.#request(this.#id(), frame, timeout, signal);
  }

  /** @returns {Promise<any>} */
  #request(/** @type {string} */ id, /** @type {object} */ frame, timeout = this.#options.answerTimeout, /** @type {AbortSignal|undefined} */ signal = undefined) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#takeRequest(id)?.reject(new RealtimeError('timeout', `There was no answer within ${timeout} ms.`)), timeout);
      const abort = () => this.#takeRequest(id)?.reject(signal?.reason);
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
      };
      signal?.addEventListener('abort', abort);
      this.#requests.set(id, {
        resolve: value => { end(); resolve(value); },
        reject: error => { end(); reject(error); },
      });
      // The id first: an error about anything behind it can name this request.
      this.#write(JSON.stringify({ id, ...frame }));
    });
  }

  /** Who waits for the answer with this id. */
  #takeRequest(/** @type {string|undefined} */ id) {
    const waiting = this.#requests.get(/** @type {string} */ (id));
    this.#requests.delete(/** @type {string} */ (id));
    return waiting;
  }

  /** The message that an answer is about. Of errors that name no room the id alone tells. */
  #answered(/** @type {{id?: string, room?: string}} */ { id, room }) {
    const found = this.#outbox.get(keyOf(room ?? null, id ?? ''));
    return found ?? (room === undefined ? [...this.#outbox.values()].find(item => item.id === id) : undefined);
  }

  /** Takes a message out of the queue, to settle it. @param {Outgoing} item */
  #take(item) {
    clearTimeout(item.timer);
    if (this.#outbox.delete(keyOf(item.room, item.id))) this.#outboxBytes -= item.bytes;
    if (item.silent) this.#releaseHeld(/** @type {string} */ (item.room));
    return item;
  }

  // --- what arrives ---

  #received(/** @type {string|ArrayBuffer} */ data) {
    this.#heard = performance.now();
    if (this.#asked) {
      this.#asked = false;
      this.#listen();
    }
    const frame = typeof data === 'string' ? parse(data) : null;
    const held = heldTypes.has(frame?.type) && this.#rooms.get(frame.room)?.held;
    if (held && held.length > 0 && (frame.id === undefined || frame.type === 'joined')) held.push(frame); // behind what waits there
    else this.#handle(frame, data);
  }

  #handle(/** @type {any} */ frame, /** @type {any} */ data = undefined) {
    switch (frame?.type) {
      case 'message':
        if (frame.ephemeral) return this.#ephemeral(frame);
        return frame.room === undefined ? this.#direct(frame) : this.#roomMessage(frame);
      case 'excluded': return this.#roomMessage(frame);
      case 'joined': return this.#joined(frame);
      case 'state': return this.#state(frame);
      case 'inbox': return this.#inboxAnswered(frame);
      case 'dropped': return this.#dropped(frame);
      case 'ack': return this.#acknowledged(frame);
      case 'left': return frame.by === 'server' ? this.#removed(frame.room) : this.#takeRequest(frame.id)?.resolve(frame);
      case 'members':
        if (frame.id === undefined) return this.#present('members', frame.room, { room: frame.room, ...pageOf(frame) });
      // falls through
      case 'updated':
      case 'history':
      case 'refreshed':
      case 'result':
      case 'pong': return this.#takeRequest(frame.id)?.resolve(frame);
      case 'error': return this.#failed(frame);
      case 'call': return void this.#called(frame);
      case 'join':
      case 'leave':
      case 'update':
      case 'presence': return this.#present(frame.type, frame.room, frame);
      // A frame in an application's own format.
      default:
        this.#raw++;
        this.#emit('raw', data);
    }
  }

  #direct(/** @type {any} */ { type: _, ...message }) {
    if (this.#inbox && message.epoch !== undefined && !this.#isNext(this.#inbox, message)) return;
    this.#emit('direct', message);
  }

  #present(/** @type {'join'|'leave'|'update'|'presence'|'members'} */ event, /** @type {string} */ room, /** @type {any} */ { type: _, ...detail }) {
    if (this.#rooms.get(room)?.joined) this.#emit(event, detail);
  }

  /** The server calls. Its connection gets the answer, as no other one waits for it. */
  async #called(/** @type {{id: string, method: string, data?: any}} */ { id, method, data }) {
    const generation = this.#generation;
    const { messageBytes } = this.#options;
    let answer;
    try {
      const handler = this.#methods.get(method);
      if (!handler) throw new RealtimeError('unknown_method', `This client has no method '${method}'.`);
      const json = dataOf(await handler(data));
      answer = `{"type":"result","id":${JSON.stringify(id)}${json && ','}${json}}`;
      const bytes = byteCount(answer);
      if (bytes > messageBytes) throw new RangeError(`The result of '${method}' has ${bytes} bytes as a frame; it may have ${messageBytes} (the option 'messageBytes').`);
    } catch (error) {
      const isMeant = error instanceof RealtimeError;
      answer = JSON.stringify({ type: 'error', id, code: isMeant ? error.code : 'call_failed', content: isMeant ? error.message : 'The method failed.' });
      // As a listener's failure it is the application's; the server is not told what it was.
      if (!isMeant) queueMicrotask(() => { throw error; });
    }
    if (generation === this.#generation) this.#write(answer);
  }

  #acknowledged(/** @type {any} */ frame) {
    const item = this.#answered(frame);
    if (!item) return this.#takeRequest(frame.id)?.resolve(frame);
    const room = item.room === null ? undefined : this.#rooms.get(item.room);
    if (room) room.publishAttempt = 0;
    if (room && item.silent) this.#ownKept(room, frame);
    this.#take(item).resolve(frame);
  }

  #failed(/** @type {{id?: string, code: string, content?: string, room?: string, retryAfter?: number}} */ frame) {
    const error = new RealtimeError(frame.code, frame.content ?? frame.code, frame.room);
    const item = this.#answered(frame);
    if (item && item.room !== null && passingErrors.has(frame.code)) return this.#publishLater(item, Math.min(frame.retryAfter ?? 0, this.#options.retryMax));
    const waiting = item ? this.#take(item) : this.#takeRequest(frame.id);
    if (waiting) waiting.reject(error);
    else this.#emit('error', error);
  }

  #setStatus(/** @type {Partial<StateEvent>} */ change) {
    this.#status = { ...this.#status, ...change };
    this.#emit('state', this.#status);
  }

  /** @template {keyof Events} K @param {K} event @param {Events[K]} detail */
  #emit(event, detail) {
    for (const listener of this.#listeners.get(event) ?? []) {
      try {
        listener(detail);
      } catch (error) {
        // A listener's failure is the application's, reported as any uncaught one, and no other listener's.
        queueMicrotask(() => { throw error; });
      }
    }
  }
}

const eventNames = new Set(['state', 'message', 'roomState', 'expired', 'ephemeral', 'direct', 'joined', 'left', 'missed', 'inboxMissed', 'dropped', 'join', 'leave', 'update', 'presence', 'members', 'error', 'raw']);

/** A page of who is in a room. */
function pageOf(/** @type {any} */ { users, members: total, next, data, order }) {
  return { users, total, next, ...(data !== undefined && { data }), ...(order !== undefined && { order }) };
}

/**
 * In the place of a WebSocket: frames come as server-sent events, in the answer of one request, and go by posts, one at a time
 * and numbered, so that none is lost, repeated or overtaken whichever server gets it.
 */
class EventSocket {
  readyState = 0;
  binaryType = 'arraybuffer';
  /** @type {(() => void)|null} */
  onopen = null;
  /** @type {((event: any) => void)|null} */
  onmessage = null;
  /** @type {((event: any) => void)|null} */
  onclose = null;
  /** @type {(() => void)|null} */
  onerror = null;
  #sessions;
  #abort = new AbortController();
  #session = '';
  /** @type {string[]} */
  #queue = [];
  #posting = false;
  #number = 1;

  constructor(/** @type {{address: string, query: string}} */ sessions, /** @type {string|undefined} */ bearer) {
    this.#sessions = sessions;
    this.bearer = bearer;
    this.#receive();
  }

  send(/** @type {string} */ text) {
    this.#queue.push(text);
    if (!this.#posting) this.#post();
  }

  close() { this.#end(1000, ''); }

  #headers() { return this.bearer === undefined ? {} : { authorization: `Bearer ${this.bearer}` }; }

  async #receive() {
    let [code, reason] = [1006, ''];
    try {
      const { address, query } = this.#sessions;
      const response = await fetch(`${address}/events${query}`, { headers: { accept: 'text/event-stream', ...this.#headers() }, cache: 'no-store', signal: this.#abort.signal });
      if (response.status !== 200 || !response.body) throw new Error(`The server answered ${response.status}.`);
      for await (const { type, data } of eventsOf(response.body)) {
        if (this.readyState > 1) return;
        if (type === 'session') {
          this.#session = JSON.parse(data).session;
          this.readyState = 1;
          this.onopen?.();
        } else if (type === 'closed') {
          ({ code, reason } = JSON.parse(data));
          break;
        } else this.onmessage?.({ data: type === 'binary' ? bytesOf(data) : data });
      }
    } catch {
      // Cut, refused, or not an event stream at all: as a WebSocket, it does not say which.
    }
    this.#end(code, reason);
  }

  async #post() {
    this.#posting = true;
    await null; // what is sent in one go goes in one post
    while (this.#queue.length > 0 && this.readyState === 1) {
      let [count, length] = [0, 0];
      while (count < Math.min(this.#queue.length, postFrames) && length < postLength) length += this.#queue[count++].length;
      if (!await this.#posted(`[${this.#queue.splice(0, count).join()}]`)) return this.#end(1006, '');
    }
    this.#posting = false;
  }

  async #posted(/** @type {string} */ body) {
    const { address, query } = this.#sessions;
    const target = `${address}/${this.#session}${query}${query ? '&' : '?'}number=${this.#number++}`;
    for (let attempt = 0; attempt < postTries && this.readyState === 1; attempt++) {
      if (attempt > 0) await new Promise(resolve => setTimeout(resolve, backoff(attempt, 500, 5_000)));
      try {
        const { status } = await fetch(target, { method: 'POST', headers: { 'content-type': 'application/json', ...this.#headers() }, body, signal: this.#abort.signal });
        if (status === 204) return true;
        if (status < 500 && status !== 429 && status !== 408) return false; // the session is over
      } catch {
        // It may have been taken: the same number says so.
      }
    }
    return false;
  }

  #end(/** @type {number} */ code, /** @type {string} */ reason) {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.#abort.abort();
    queueMicrotask(() => this.onclose?.({ code, reason }));
  }
}

/** Reads server-sent events; see docs/protocol.md. @param {ReadableStream<Uint8Array>} body */
async function* eventsOf(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let [rest, type] = ['', 'message'];
  /** @type {string[]} */
  let data = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data: ')) data.push(line.slice(6));
      else if (line.startsWith('event: ')) type = line.slice(7);
      if (line !== '') continue;
      if (data.length > 0) yield { type, data: data.join('\n') };
      [type, data] = ['message', []];
    }
  }
}

function bytesOf(/** @type {string} */ base64) { return Uint8Array.from(atob(base64), character => character.charCodeAt(0)).buffer; }

/** Where sessions without a WebSocket are, beside the address of WebSockets; null when that is not one of ours. */
function sessionsOf(/** @type {string} */ url, /** @type {string|undefined} */ user) {
  const address = new URL(url);
  if (!address.pathname.endsWith('/ws') || typeof globalThis.fetch !== 'function') return null;
  const path = `${address.protocol.replace('ws', 'http')}//${address.host}${address.pathname.slice(0, -3)}/api/session`;
  if (user !== undefined) address.searchParams.set('user', user);
  return { address: path, query: address.search };
}

/** Whether a WebSocket opens, and is not cut for as long as a good one lives. */
function livesOn(/** @type {WebSocket} */ socket, /** @type {number} */ openTimeout) {
  return new Promise(resolve => {
    let timer = setTimeout(() => end(false), openTimeout);
    const end = (/** @type {boolean} */ lives) => {
      clearTimeout(timer);
      resolve(lives);
      if (socket.readyState <= 1) socket.close(1000);
    };
    socket.onopen = () => {
      clearTimeout(timer);
      timer = setTimeout(() => end(true), stableAfter);
    };
    socket.onclose = socket.onerror = () => end(false);
  });
}

/** A room's state as this client knows it, by key. What has expired goes by itself. */
class StateCopy {
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
  /** @type {Timer} */
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

/** A frame of the protocol is a JSON object with a type; anything else is an application's own. */
function parse(/** @type {string} */ text) {
  try {
    const value = JSON.parse(text);
    return typeof value?.type === 'string' ? value : null;
  } catch {
    return null;
  }
}

/** @returns {Room} */
function newRoom(/** @type {string} */ name, /** @type {Position|null} */ position) {
  return {
    name, position, echo: true, own: new Set(), held: [], data: undefined, shown: undefined, presence: undefined, state: null, last: undefined, joined: null, joinId: null, attempt: 0, unanswered: 0, rawSeen: 0,
    repaired: '', paused: false, publishAttempt: 0, waiting: [], had: null, isPut: false,
  };
}

const noToken = 'There is no token: the token function gave none.';

/** The dates of a JWT in ms; of any other token none. @returns {{iat?: number, exp?: number}} */
function datesOf(/** @type {string} */ token) {
  try {
    const { iat, exp } = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    return { iat: typeof iat === 'number' ? iat * 1000 : undefined, exp: typeof exp === 'number' ? exp * 1000 : undefined };
  } catch {
    return {};
  }
}

/** How long (ms) a token may still be used, by this machine's clock. */
function remainingOf(/** @type {string} */ token) { return (datesOf(token).exp ?? 0) - Date.now(); }

/** How long (ms) until a token that was accepted now is to be renewed; null when it does not say when it ends. */
function renewalOf(/** @type {string} */ token) {
  const { iat, exp } = datesOf(token);
  if (exp === undefined) return null;
  const remaining = exp - Date.now();
  const life = exp - (iat ?? Date.now());
  // The server took it, so where its end is past, or its life longer than all of it, this machine's clock is wrong.
  const left = remaining > 0 && remaining < life ? remaining : life;
  return left - (1 - renewAt + Math.random() * renewJitter) * life;
}

/** The milliseconds at the end of a 1001's reason (`server shuts down; retry after 734 ms`), or null. */
function retryHint(/** @type {string} */ reason) {
  const found = /\bretry after (\d+) ms$/.exec(reason);
  return found && Math.min(Number(found[1]), hintMax);
}

function randomPrefix() {
  // 64 bits: two clients of one user within a dedupe window of minutes will not meet. Not a secret.
  return [...crypto.getRandomValues(new Uint8Array(8))].map(byte => byte.toString(16).padStart(2, '0')).join('');
}

const encoder = new TextEncoder();
function byteCount(/** @type {string} */ text) { return encoder.encode(text).length; }

/** Ids are per room; no name has a line end. */
function keyOf(/** @type {string|null} */ room, /** @type {string} */ id) { return `${room ?? ''}\n${id}`; }

/**
 * The promise of a call, whatever it is given. One who does not wait for it has chosen not to know how it ends, so that
 * a refusal, a `leave` or a `close` ends no process; wrong arguments are a fault of the program and stay to be reported.
 * @template T @param {() => Promise<T>} call @returns {Promise<T>}
 */
function outcome(call) {
  /** @type {Promise<T>} */
  let promise;
  try {
    promise = call();
  } catch (error) {
    promise = Promise.reject(error);
    if (!(error instanceof RealtimeError)) return promise;
  }
  promise.catch(() => {});
  return promise;
}

// --- bad input ---

/** @param {import('./realtime.d.ts').RealtimeOptions} options */
function checkOptions(options) {
  if (typeof options !== 'object' || options === null) throw new TypeError('The options are missing; at the least a url is needed: { url: "/ws" }.');
  // An own WebSocket is mostly there for what fetch has not: a proxy, other headers.
  const { url, user, token, tokenIn = 'subprotocol', WebSocket = globalThis.WebSocket, fallback = options.WebSocket === undefined, ...rest } = options;
  const all = { url: checkUrl(url), user, token, tokenIn, WebSocket, fallback, ...defaults };
  checkFlag('fallback', fallback);
  if (typeof WebSocket !== 'function')
    throw new TypeError('There is no global WebSocket here (Node has one from version 22 on); give one as the option WebSocket.');
  if (user !== undefined) checkName(user, 'user');
  if (token !== undefined && typeof token !== 'function' && (typeof token !== 'string' || token === ''))
    throw new TypeError("The option 'token' must be a string that is not empty, or a function that gives one.");
  if (tokenIn !== 'subprotocol' && tokenIn !== 'query') throw new TypeError("The option 'tokenIn' must be 'subprotocol' or 'query'.");
  for (const [name, value] of Object.entries(rest)) {
    if (!Object.hasOwn(defaults, name))
      throw new TypeError(`There is no option '${name}'; there are url, user, token, tokenIn, WebSocket, fallback, ${Object.keys(defaults).join(', ')}.`);
    if (value === undefined) continue;
    checkNumber(`option '${name}'`, value, 1, timerMax);
    all[/** @type {keyof typeof defaults} */ (name)] = value;
  }
  if (all.retryBase > all.retryMax)
    throw new RangeError(`The option 'retryBase' is ${all.retryBase}; it must not be above 'retryMax', which is ${all.retryMax}.`);
  return all;
}

/** The address as an absolute ws or wss one. */
function checkUrl(/** @type {unknown} */ url) {
  const rule = "it must be a ws, wss, http or https address without a fragment, or on a page a path: '/ws'.";
  if (typeof url !== 'string' && !(url instanceof URL)) throw new TypeError(`The option 'url' is missing; ${rule}`);
  let address;
  try {
    address = new URL(url, globalThis.location?.href);
  } catch {
    throw new TypeError(`The option 'url' is '${url}'; ${rule}`);
  }
  if (!/^(ws|http)s?:$/.test(address.protocol) || address.hash !== '') throw new TypeError(`The option 'url' is '${url}'; ${rule}`);
  address.protocol = address.protocol.replace('http', 'ws');
  return address.href;
}

/** The rule of the server for names, in words. */
const nameRule = `it must be a string of 1 to ${nameBytes} bytes of UTF-8, without white space at its ends and without control and `
  + "invisible characters, and not '.' or '..'.";
/**
 * What no name has: control and format characters, surrogate halves, line and paragraph separators, what cannot be seen (the
 * empty Braille pattern too), noncharacters, and U+FFFD, which stands for something that was lost.
 */
const badCharacter = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800\ufffd]/u;

/** @param {unknown} name @param {string} what @returns {string|null} */
export function nameProblem(name, what) {
  const wrong = (/** @type {string} */ words) => `The ${what} name ${words}; ${nameRule}`;
  if (typeof name !== 'string') return wrong(`is ${kindOf(name)}`);
  const bytes = byteCount(name);
  if (bytes < 1 || bytes > nameBytes) return wrong(`has ${bytes} bytes`);
  const bad = badCharacter.exec(name)?.[0].codePointAt(0);
  if (bad !== undefined) return wrong(`has the character U+${bad.toString(16).toUpperCase().padStart(4, '0')}`);
  if (name.trim() === '') return wrong('is blank');
  if (name.trim() !== name) return wrong('begins or ends with white space');
  return name === '.' || name === '..' ? wrong(`is '${name}'`) : null;
}

function checkName(/** @type {unknown} */ name, /** @type {string} */ what) {
  const problem = nameProblem(name, what);
  if (problem !== null) throw typeof name === 'string' ? new RangeError(problem) : new TypeError(problem);
}

function checkId(/** @type {unknown} */ id, what = 'id') {
  if (typeof id !== 'string') throw new TypeError(`The ${what} is ${kindOf(id)}; it must be a string of 1 to ${idBytes} bytes of UTF-8.`);
  const bytes = byteCount(id);
  if (bytes < 1 || bytes > idBytes) throw new RangeError(`The ${what} has ${bytes} bytes; it must be a string of 1 to ${idBytes} bytes of UTF-8.`);
  checkUnicode(`The ${what}`, id);
}

/** @param {any} position */
function checkPosition(position) {
  if (typeof position !== 'object' || !Number.isSafeInteger(position.seq) || position.seq < 0)
    throw new TypeError('A position is { epoch, seq }: an epoch that the server gave, and a whole number from 0 on.');
  checkEpoch(position.epoch);
}

function checkFlag(/** @type {string} */ what, /** @type {unknown} */ value) {
  if (typeof value !== 'boolean') throw new TypeError(`The option '${what}' is ${kindOf(value)}; it must be true or false.`);
}

function checkEpoch(/** @type {unknown} */ epoch) {
  if (typeof epoch !== 'string' || epoch.length < 1 || epoch.length > idBytes)
    throw new TypeError(`The epoch of a position { epoch, seq } must be one that the server gave: a string of 1 to ${idBytes} characters.`);
  checkUnicode('The epoch', epoch);
}

/**
 * Optional arguments come in an object with these names and no other.
 * @param {string} call @param {unknown} given @param {string[]} names
 */
function checkFields(call, given, names) {
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`The options of ${call} are ${kindOf(given)}; they must be an object with any of ${names.join(', ')}.`);
  for (const name of Object.keys(given))
    if (!names.includes(name)) throw new TypeError(`There is no option '${name}' of ${call}; there are ${names.join(', ')}.`);
}

/**
 * What a message says, as it stands in its frame: `"content":..,"data":..`.
 * @param {unknown} content @param {unknown} data
 */
function bodyOf(content, data) {
  if (content === undefined && data === undefined) throw new TypeError("A message needs 'content' or 'data'.");
  if (content !== undefined && typeof content !== 'string')
    throw new TypeError(`'content' is ${kindOf(content)}; it must be a string. Any other JSON can go as 'data'.`);
  if (content !== undefined) checkUnicode("'content'", content);
  return [content !== undefined && `"content":${JSON.stringify(content)}`, dataOf(data)].filter(Boolean).join();
}

/** JSON as it stands in a frame: `"data":..`, or nothing for undefined. */
function dataOf(/** @type {unknown} */ data) {
  let json;
  try {
    json = JSON.stringify({ data });
  } catch (error) {
    // A cycle, a BigInt, far too many levels, a toJSON that throws.
    throw new TypeError(`'data' has no JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (data !== undefined && json === '{}') throw new TypeError(`'data' is ${kindOf(data)}, which has no JSON.`);
  const depth = depthOf(json) - 1;
  if (depth > dataDepth) throw new RangeError(`'data' is nested ${depth} deep; it may be ${dataDepth}.`);
  // JSON.stringify writes half a surrogate pair as an escape; whole pairs it writes as they are.
  if (/\\u[dD]/.test(json)) JSON.parse(json, (key, value) => {
    checkUnicode("A name in 'data'", key);
    if (typeof value === 'string') checkUnicode("A string in 'data'", value);
    return value;
  });
  return json.slice(1, -1);
}

/** JSON data as it is now, whatever becomes of the object that was given. */
function copyOf(/** @type {unknown} */ data) { return JSON.parse(`{${dataOf(data)}}`).data; }

/** How deep arrays and objects lie in each other. */
function depthOf(/** @type {string} */ json) {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (c === '\\') i++;
    else if (c === '"') inString = !inString;
    else if (inString) continue;
    else if (c === '{' || c === '[') deepest = Math.max(deepest, ++depth);
    else if (c === '}' || c === ']') depth--;
  }
  return deepest;
}

/** Half a surrogate pair has no UTF-8. */
function checkUnicode(/** @type {string} */ what, /** @type {any} */ text) {
  // isWellFormed is of 2023; the class Cs under /u matches such halves alone.
  if (!(text.isWellFormed?.() ?? !/\p{Cs}/u.test(text))) throw new RangeError(`${what} has half a surrogate pair; it must be valid Unicode.`);
}

function kindOf(/** @type {unknown} */ value) { return value === null ? 'null' : `of type ${typeof value}`; }

function checkNumber(/** @type {string} */ what, /** @type {unknown} */ value, /** @type {number} */ from, /** @type {number} */ to) {
  if (typeof value !== 'number' || !(value >= from && value <= to))
    throw new RangeError(`The ${what} is ${shown(value)}; it must be a number from ${from} to ${to}.`);
}

function checkWhole(/** @type {string} */ what, /** @type {unknown} */ value, /** @type {number} */ from, /** @type {number} */ to) {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw new TypeError(`${what} is ${shown(value)}; it must be a whole number from ${from} to ${to}.`);
  if (value < from || value > to) throw new RangeError(`${what} is ${value}; it must be a whole number from ${from} to ${to}.`);
}

/** A number, or the kind of what is none. */
function shown(/** @type {unknown} */ value) { return typeof value === 'number' ? String(value) : typeof value === 'string' ? `'${value}'` : kindOf(value); }
