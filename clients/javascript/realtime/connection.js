import { backoff } from './backoff.js';
import { RealtimeError } from './errors.js';
import { Liveness } from './liveness.js';
import { Tokens } from './tokens.js';
import { stableAfter, Transport } from './transport.js';

/** What "after a while" is at the least (ms), after close codes by which the server says that it is in trouble. */
const whileMin = 1_000;
/** The close code of a server that stops; its reason ends with how long to stay away, so that its clients do not all come at once. */
const goingAway = 1001;
/** The longest such wait (ms) that is heeded: twice the longest time over which a server closes its connections. */
const hintMax = 20 * 60_000;

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
const tokenExpired = 4003;
/** The server failed, cannot take this now, or had too much of us: come back after a while. */
const whileCodes = new Set([1011, 1013, 4006]);

const noToken = 'There is no token: the token function gave none.';

/**
 * One connection, kept open: it comes back with full jitter, with a new token, and by what passes.
 *
 * The owner is told in order what happens to it.
 * @typedef {object} Owner
 * @property {() => void} opening                                 A new one is open, which its users are told of next.
 * @property {() => void} opened                                  Frames can go.
 * @property {(data: string|ArrayBuffer) => void} received
 * @property {(code: number, reason: string) => void} lost        It will come back.
 * @property {(error: RealtimeError) => void} stopped             It will not.
 * @property {(status: Status) => void} changed
 * @property {() => boolean} isBusy                               An answer is outstanding that would be lost sight of.
 * @property {(token: string) => Promise<any>} refresh            Brings the server a new token.
 *
 * @typedef {import('../realtime.d.ts').Status} Status
 * @typedef {import('./backoff.js').Timer} Timer
 * @typedef {{resolve: (value: any) => void, reject: (error: Error) => void}} Waiting
 */
export class Connection {
  #options;
  #owner;
  /** Counts sockets: what a former one still reports is ignored, and so are timers of its time. */
  generation = 0;
  /** @type {Status} */
  status = { state: 'offline', attempt: 0, retryAt: null, code: 0, reason: '' };
  /** Callers of `connect`. @type {Waiting[]} */
  #connecting = [];
  /** @type {WebSocket|import('./fallback.js').EventSocket|null} */
  #socket = null;
  #onlineSince = 0;
  /** @type {Timer} */
  #retryTimer;
  /** @type {Transport} */
  #transport;
  /** @type {Liveness} */
  #liveness;
  /** @type {Tokens} */
  #tokens;

  /** @param {ReturnType<typeof import('./options.js').checkOptions>} options @param {Owner} owner */
  constructor(options, owner) {
    this.#options = options;
    this.#owner = owner;
    this.#transport = new Transport(options, () => this.#look());
    this.#liveness = new Liveness(options, () => this.write('{"type":"ping"}'), why => this.lost(0, why));
    this.#tokens = new Tokens(options.token, old => this.#renew(old));
  }

  get isOnline() { return this.status.state === 'online'; }

  /** @returns {'events'|'websocket'|null} */
  get transport() { return this.isOnline ? this.#transport.nameOf(this.#socket) : null; }

  /** @returns {Promise<void>} */
  connect() {
    if (this.isOnline) return Promise.resolve();
    /** @type {Promise<void>} */
    const connected = new Promise((resolve, reject) => this.#connecting.push({ resolve, reject }));
    if (this.status.state === 'offline') {
      globalThis.addEventListener?.('online', this.retryNow);
      this.#open({ state: 'connecting', attempt: 0, code: 0, reason: '' });
    }
    return connected;
  }

  retryNow = () => {
    if (this.status.retryAt !== null) this.#open({ state: 'reconnecting' });
  };

  close() { this.#stop(1000, ''); }

  write(/** @type {string} */ text) {
    if (this.#socket?.readyState === 1) this.#socket.send(text);
  }

  /** Runs it after a time, unless this connection has ended by then. @param {number} wait @param {() => void} then */
  later(wait, then) {
    const { generation } = this;
    setTimeout(() => { if (generation === this.generation) then(); }, wait);
  }

  /** What a call is told that needs a connection. */
  offline() { return new RealtimeError('offline', this.status.reason || 'Not connected.'); }

  /** @param {Partial<Status>} status */
  async #open(status) {
    clearTimeout(this.#retryTimer);
    const generation = ++this.generation;
    const isOver = () => generation !== this.generation;
    this.#liveness.opening();
    this.#setStatus({ ...status, retryAt: null });
    if (isOver()) return; // a listener has closed the client
    let bearer;
    try {
      bearer = await this.#tokens.next();
    } catch (error) {
      if (!isOver()) this.lost(0, `There is no token: ${error instanceof Error ? error.message : error}`);
      return;
    }
    if (isOver()) return;
    if (bearer === null) return this.#stop(0, noToken);
    let socket;
    try {
      socket = this.#transport.open(bearer);
    } catch (error) {
      // The address or the place does not allow it (mixed content, for one): it will not do so later either.
      return this.#stop(0, error instanceof Error ? error.message : String(error));
    }
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    socket.onopen = () => { if (!isOver()) this.#opened(bearer); };
    socket.onmessage = (/** @type {MessageEvent} */ event) => {
      if (isOver()) return;
      this.#liveness.heard();
      this.#owner.received(event.data);
    };
    socket.onclose = (/** @type {CloseEvent} */ event) => { if (!isOver()) this.lost(event.code, event.reason); };
    // The close that follows says all that there is to know; but of a handshake that fails Node 20 and 22 give no close.
    socket.onerror = () => setTimeout(() => { if (!isOver() && !this.isOnline) this.lost(1006, ''); });
  }

  #opened(/** @type {string|undefined} */ bearer) {
    this.#tokens.renewLater(bearer);
    this.#onlineSince = performance.now();
    this.#liveness.opened();
    this.#transport.opened(this.#socket);
    this.#owner.opening();
    const { generation } = this;
    this.#setStatus({ state: 'online', code: 0, reason: '' });
    for (const { resolve } of this.#connecting.splice(0)) resolve(undefined);
    if (generation === this.generation) this.#owner.opened();
  }

  /** Brings the server a new token before the end of the old one. */
  async #renew(/** @type {string} */ old) {
    const { generation } = this;
    const isOver = () => generation !== this.generation;
    try {
      const bearer = await this.#tokens.next();
      if (isOver()) return;
      if (bearer === null) return this.#stop(0, noToken);
      if (bearer === undefined || bearer === old) return this.#tokens.renewAgain(old);
      await this.#owner.refresh(bearer);
      if (isOver()) return;
      this.#transport.renewed(this.#socket, bearer);
      this.#tokens.renewLater(bearer);
    } catch (error) {
      if (isOver()) return;
      const { code, message } = /** @type {any} */ (error);
      if (code === 'token_invalid') return this.lost(0, `The server refused the new token: ${message}`);
      // Where it renews no such token 4003 comes, and then another connection.
      if (code !== 'bad_request' && code !== 'unknown_type') this.#tokens.renewAgain(old);
    }
  }

  /** The connection is gone: decide what happens to what was under way, and whether to come back. @param {number} code @param {string} reason */
  lost(code, reason) {
    const final = finalCodes.get(code);
    if (final !== undefined && !(code === tokenExpired && typeof this.#options.token === 'function'))
      return this.#stop(code, reason || final);

    const { retryBase, retryMax } = this.#options;
    const lived = this.isOnline ? performance.now() - this.#onlineSince : 0;
    const attempt = lived >= stableAfter ? 0 : this.status.attempt;
    this.#transport.judge(this.#socket, code, lived, this.isOnline);
    const hint = code === goingAway ? retryHint(reason) : null;
    const wait = hint !== null ? hint + backoff(0, retryBase, retryMax) : (whileCodes.has(code) ? whileMin : 0) + backoff(attempt, retryBase, retryMax);
    this.#dropSocket();
    this.#retryTimer = setTimeout(() => this.#open({ state: 'reconnecting' }), wait);
    this.#owner.lost(code, reason);
    // Last: a listener may close the client, or connect it again at once.
    this.#setStatus({ state: 'reconnecting', attempt: attempt + 1, retryAt: Date.now() + wait, code, reason });
  }

  /** Opens a WebSocket beside the session: when it lives, the client goes over to one. */
  async #look() {
    const { generation } = this;
    const isOver = () => generation !== this.generation;
    let lives = false;
    try {
      const bearer = await this.#tokens.next();
      if (isOver()) return;
      if (bearer === null) return this.#stop(0, noToken);
      lives = await this.#transport.passes(bearer, () => !isOver());
    } catch {
      // No token, or no place for a WebSocket: as one that was cut.
    }
    if (isOver()) return;
    if (lives) this.#goOver();
    else this.#transport.lookLater();
  }

  /** When nothing that was sent waits for its answer, as a direct message would be lost sight of. */
  #goOver() {
    if (this.#owner.isBusy()) return this.#transport.after(() => this.#goOver(), whileMin);
    this.#transport.forgive();
    this.lost(0, 'WebSockets pass again.');
  }

  #stop(/** @type {number} */ code, /** @type {string} */ reason) {
    globalThis.removeEventListener?.('online', this.retryNow);
    clearTimeout(this.#retryTimer);
    this.#dropSocket();
    const error = new RealtimeError('offline', reason || 'Not connected.');
    this.#owner.stopped(error);
    for (const { reject } of this.#connecting.splice(0)) reject(error);
    this.#setStatus({ state: 'offline', attempt: 0, retryAt: null, code, reason });
  }

  /** Forgets the socket; a half-open one is closed, whatever it says later is ignored. */
  #dropSocket() {
    this.generation++;
    for (const part of [this.#liveness, this.#tokens, this.#transport]) part.end();
    const socket = this.#socket;
    this.#socket = null;
    if (socket && socket.readyState <= 1) socket.close(1000);
  }

  #setStatus(/** @type {Partial<Status>} */ change) {
    this.status = { ...this.status, ...change };
    this.#owner.changed(this.status);
  }
}

/** The milliseconds at the end of a 1001's reason (`server shuts down; retry after 734 ms`), or null. */
function retryHint(/** @type {string} */ reason) {
  const found = /\bretry after (\d+) ms$/.exec(reason);
  return found && Math.min(Number(found[1]), hintMax);
}
