import { readable } from '../shared/dom.js';
import { byteCount } from './bytes.js';
import { parseJson } from './frames.js';

/** What the close codes mean (RFC 6455 section 7.4.1, and this server's own). */
const closeMeanings = new Map([
  [1000, 'normal'], [1001, 'going away'], [1002, 'protocol error'], [1003, 'type of data not accepted'],
  [1005, 'no code given'], [1006, 'no closing handshake: refused, or cut off'], [1007, 'invalid data, such as broken UTF-8'],
  [1008, 'policy'], [1009, 'message too big'], [1010, 'extension missing'], [1011, 'internal error'],
  [1012, 'restarting'], [1013, 'try again later'], [1015, 'TLS failed'],
  [4000, 'too slow to take what was sent'], [4001, 'replaced by a newer connection'], [4002, 'disconnected by the server'],
  [4003, 'token expired'], [4006, 'over its limits, or too many mistakes'],
]);

/**
 * The address of an endpoint, with the user's name in it.
 * @param {string} endpoint  A path of this server or a whole URL.
 * @param {string} user  '' for none.
 */
export function socketUrl(endpoint, user) {
  let url;
  try {
    url = new URL(endpoint, location.href);
  } catch {
    throw new Error(`“${endpoint}” is not an address; write a path such as /ws, or a whole URL.`);
  }
  url.protocol = url.protocol.replace(/^http/, 'ws');
  if (!/^wss?:$/.test(url.protocol)) throw new Error(`A WebSocket needs ws:, wss:, http: or https:, not ${url.protocol}`);
  url.hash = '';
  if (user) url.searchParams.set('user', user);
  return url;
}

/**
 * One connection by hand.
 * @param {URL} url @param {string[]} subprotocols @param {string} token  '' for none.
 * @param {ReturnType<typeof import('./frames.js').frameList>} frames
 * @param {(state: 'connecting'|'online'|'offline', words: string, subprotocol?: string) => void} changed
 */
export function openSocket(url, subprotocols, token, frames, changed) {
  // A token is a secret: it is sent, but a screenshot of the list does not show it.
  const shown = new URL(url);
  if (shown.searchParams.has('access_token')) shown.searchParams.set('access_token', '…');
  const socket = connect(url, subprotocols, token);
  const started = performance.now();
  let opened = false;
  socket.binaryType = 'arraybuffer';
  frames.event('connect', readable(shown.href) + (subprotocols.length ? `\nsubprotocols: ${subprotocols.join(', ')}` : ''));
  changed('connecting', 'Connecting…');
  socket.onopen = () => {
    opened = true;
    frames.event('open', `in ${Math.round(performance.now() - started)} ms\nsubprotocol: ${socket.protocol || 'none'}`
      + (socket.extensions ? `\nextensions: ${socket.extensions}` : ''), 'good');
    changed('online', 'Connected', socket.protocol);
  };
  socket.onmessage = ({ data }) => {
    if (typeof data === 'string') frames.payload('in', data, byteCount(data));
    else frames.payload('in', new Uint8Array(data), data.byteLength);
  };
  socket.onclose = ({ code, reason, wasClean }) => {
    const meaning = closeMeanings.get(code) ?? (code >= 4000 ? 'an application’s own code' : 'unknown');
    frames.event('close', `${code} ${meaning}` + (reason ? `\nreason: ${reason}` : '')
      + (wasClean ? '' : '\nnot clean: the closing handshake was not completed'), code === 1000 ? undefined : 'bad');
    changed('offline', opened ? `Closed ${code}` : 'Could not connect');
    if (!opened) explain(url, token, frames);
  };
  return {
    /** @param {string|Uint8Array<ArrayBuffer>} data */
    send(data) {
      socket.send(data);
      frames.payload('out', data, typeof data === 'string' ? byteCount(data) : data.length);
    },
    /** @param {number} code @param {string} reason */
    close(code, reason) {
      if (code !== 1000 && !(code >= 3000 && code <= 4999))
        throw new Error('A page may close with 1000 or with 3000 to 4999.');
      // RFC 6455 section 5.5: a control frame holds 125 bytes, two of them the code.
      if (byteCount(reason) > 123) throw new Error(`The reason is ${byteCount(reason)} bytes long; at most 123 are allowed.`);
      socket.close(code, reason);
      frames.event('closing', `${code}${reason ? ` ${reason}` : ''}`);
    },
  };
}

/**
 * The token goes as a subprotocol, so that no history and no proxy's log keeps it. The server agrees on another one beside it,
 * as a browser gives up otherwise; where none is asked for it has to be in the address.
 * @param {URL} url @param {string[]} subprotocols @param {string} token
 */
function connect(url, subprotocols, token) {
  if (!token) return new WebSocket(url, subprotocols);
  if (subprotocols.length > 0) {
    // RFC 9110 section 5.6.2: what a browser takes for a subprotocol.
    if (!/^[\w!#$%&'*+.^`|~-]+$/.test(token))
      throw new Error('The token has characters that no subprotocol may have, and no JWT has; without subprotocols it is sent in the address.');
    return new WebSocket(url, [...subprotocols, `realtime.bearer.${token}`]);
  }
  const withToken = new URL(url);
  withToken.searchParams.set('access_token', token);
  return new WebSocket(withToken);
}

/**
 * A browser does not tell a page why a handshake failed; an ordinary request to the same address often does.
 * @param {URL} url @param {string} token @param {ReturnType<typeof import('./frames.js').frameList>} frames
 */
async function explain(url, token, frames) {
  const address = new URL(url);
  address.protocol = address.protocol.replace(/^ws/, 'http');
  if (address.origin !== location.origin) return;
  try {
    const answer = await fetch(address, token ? { headers: { authorization: `Bearer ${token}` } } : {});
    const text = await answer.text();
    frames.event('refused', answer.status === 426
      ? 'The endpoint is there and lets you in; it may not know the subprotocol.'
      : `${answer.status} ${parseJson(text)?.detail ?? answer.statusText}`, 'bad');
  } catch {
    frames.event('refused', 'The server does not answer.', 'bad');
  }
}
