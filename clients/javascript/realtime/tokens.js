import { timerMax } from './checks.js';

/** The part of a token's life after which a new one is asked for, less up to a twentieth, so that those who came together do not renew together. */
const renewAt = 0.8;
const renewJitter = 0.05;
/** The shortest wait (ms) before the token function is asked again. */
const renewMin = 1_000;

/**
 * The token that the application gives, and when it is to be renewed on the open connection.
 * @typedef {import('./backoff.js').Timer} Timer
 */
export class Tokens {
  #given;
  #renew;
  /** @type {Timer} */
  #timer;

  /**
   * @param {import('../realtime.d.ts').RealtimeOptions['token']} given
   * @param {(token: string) => Promise<void>} renew  Brings the server a new one: rejected when it could not.
   */
  constructor(given, renew) {
    this.#given = given;
    this.#renew = renew;
  }

  /** The token for an attempt: undefined where none is used, null when there is none any more. @returns {Promise<string|null|undefined>} */
  async next() {
    if (typeof this.#given !== 'function') return this.#given;
    const token = await this.#given();
    if (token === null || token === undefined || token === '') return null;
    if (typeof token !== 'string') throw new TypeError(`the token function gave a ${typeof token}; it must give a string`);
    return token;
  }

  /** When most of the life of this one is over, so that its end does not close the connection. @param {string|undefined} token @param {number|null} [wait] */
  renewLater(token, wait = token === undefined ? null : renewalOf(token)) {
    this.end();
    if (token !== undefined && wait !== null && typeof this.#given === 'function')
      this.#timer = setTimeout(() => this.#renew(token), Math.min(Math.max(wait, renewMin), timerMax));
  }

  /** Without a new one it is tried again in half of the time that is left, and at the end 4003 comes. @param {string} token */
  renewAgain(token) { this.renewLater(token, ((datesOf(token).exp ?? 0) - Date.now()) / 2); }

  end() { clearTimeout(this.#timer); }
}

/** The dates of a JWT in ms; of any other token none. @returns {{iat?: number, exp?: number}} */
function datesOf(/** @type {string} */ token) {
  try {
    const { iat, exp } = JSON.parse(atob(token.split('.')[1].replaceAll('-', '+').replaceAll('_', '/')));
    return { iat: typeof iat === 'number' ? iat * 1000 : undefined, exp: typeof exp === 'number' ? exp * 1000 : undefined };
  } catch {
    return {};
  }
}

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
