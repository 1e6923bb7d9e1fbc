import { backoff } from './backoff.js';

/** The most of a post to a session without a WebSocket: frames, and characters but for the last one. */
const postFrames = 256;
const postLength = 128 * 1024;
/** How often a post is tried, which is recognised when it was taken. */
const postTries = 6;

/**
 * In the place of a WebSocket: frames come as server-sent events, in the answer of one request, and go by posts, one at a time
 * and numbered, so that none is lost, repeated or overtaken whichever server gets it.
 */
export class EventSocket {
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

  /** @returns {Record<string, string>} */
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
export function sessionsOf(/** @type {string} */ url, /** @type {string|undefined} */ user) {
  const address = new URL(url);
  if (!address.pathname.endsWith('/ws') || typeof globalThis.fetch !== 'function') return null;
  const path = `${address.protocol.replace('ws', 'http')}//${address.host}${address.pathname.slice(0, -3)}/api/session`;
  if (user !== undefined) address.searchParams.set('user', user);
  return { address: path, query: address.search };
}
