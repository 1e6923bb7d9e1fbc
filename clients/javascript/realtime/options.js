import { checkFlag, checkName, checkNumber, timerMax } from './checks.js';

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

/** @param {import('../realtime.d.ts').RealtimeOptions} options */
export function checkOptions(options) {
  if (typeof options !== 'object' || options === null) throw new TypeError('The options are missing; at the least a url is needed: { url: "/ws" }.');
  // An own WebSocket is mostly there for what fetch has not: a proxy, other headers.
  const { url, user, token, tokenIn = 'subprotocol', WebSocket = globalThis.WebSocket, fallback = options.WebSocket === undefined, ...rest } = options;
  const all = { url: checkUrl(url), user, token, tokenIn, WebSocket, fallback, ...defaults };
  checkFlag('fallback', fallback);
  if (typeof WebSocket !== 'function')
    throw new TypeError('There is no global WebSocket here (Node has one from version 22 on, and Node 20 with --experimental-websocket); give a class like it as the option WebSocket, as that of the package ws.');
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
