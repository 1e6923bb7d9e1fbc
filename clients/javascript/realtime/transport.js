import { timerMax } from './checks.js';
import { EventSocket, sessionsOf } from './fallback.js';

/** The subprotocol that this client asks for. */
export const subprotocol = 'realtime.json.v1';
/** Before the token among the subprotocols, by which it is in no address and so in no log of one. The server agrees on the other one. */
const bearerPrefix = 'realtime.bearer.';
/** A connection that lived this long (ms) was a good one: the next loss starts the back-off afresh. */
export const stableAfter = 5_000;
/** WebSockets in a row that were cut before they had lived for `stableAfter`, after which it is done without. */
const cutTries = 3;
/** About how soon (ms) it looks for the first time whether WebSockets pass. */
const firstLook = 10_000;

/**
 * By what frames come and go: WebSockets, or where these are cut on the way, sessions without one.
 * @typedef {import('./backoff.js').Timer} Timer
 */
export class Transport {
  #options;
  #look;
  /** Where a session without a WebSocket is; null where there is none. */
  #sessions;
  /** WebSockets in a row that something on the way has cut. */
  #cut = 0;
  /** @type {Timer} */
  #timer;
  /** Whether a WebSocket beside the session was cut as well. */
  #looked = false;

  /**
   * @param {ReturnType<typeof import('./options.js').checkOptions>} options
   * @param {() => void} look  Called when it is time to see whether WebSockets pass again.
   */
  constructor(options, look) {
    this.#options = options;
    this.#look = look;
    this.#sessions = options.fallback ? sessionsOf(options.url, options.user) : null;
  }

  /** @param {string|undefined} bearer @returns {WebSocket|EventSocket} */
  open(bearer) { return this.#sessions !== null && this.#cut >= cutTries ? new EventSocket(this.#sessions, bearer) : this.#webSocket(bearer); }

  /** One is open. @param {WebSocket|EventSocket|null} socket */
  opened(socket) { if (socket instanceof EventSocket) this.lookLater(); }

  /** Posts bring the new token. @param {WebSocket|EventSocket|null} socket @param {string} bearer */
  renewed(socket, bearer) { if (socket instanceof EventSocket) socket.bearer = bearer; }

  /** @param {WebSocket|EventSocket|null} socket @returns {'events'|'websocket'} */
  nameOf(socket) { return socket instanceof EventSocket ? 'events' : 'websocket'; }

  /** Whether what has ended was cut on the way: a server that ends a connection says so. @param {any} socket @param {number} code @param {number} lived @param {boolean} wasOnline */
  judge(socket, code, lived, wasOnline) {
    if (socket === null) return;
    if (!(socket instanceof EventSocket)) this.#cut = lived >= stableAfter || (code !== 1006 && code !== 0) ? 0 : this.#cut + 1;
    else if (!wasOnline) this.#cut = cutTries - 1; // it is no better without: then one of each in turn
  }

  /**
   * Opens a WebSocket beside the session, and says whether it lived.
   * @param {string|undefined} bearer @param {() => boolean} isCurrent
   */
  async passes(bearer, isCurrent) {
    const lives = await livesOn(this.#webSocket(bearer), this.#options.openTimeout);
    if (isCurrent()) this.#looked = !lives;
    return lives;
  }

  /** WebSockets pass. */
  forgive() { this.#cut = 0; }

  /** @param {() => void} then @param {number} wait */
  after(then, wait) {
    this.end();
    this.#timer = setTimeout(then, Math.min(wait, timerMax));
  }

  end() { clearTimeout(this.#timer); }

  /** The first look is soon: it may have been the server that was away, and not WebSockets that are cut. */
  lookLater() {
    const { webSocketAgain } = this.#options;
    this.after(this.#look, (this.#looked ? webSocketAgain : Math.min(firstLook, webSocketAgain)) * (0.5 + Math.random()));
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
