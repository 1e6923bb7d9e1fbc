import { byteCount, dataOf } from './checks.js';
import { RealtimeError } from './errors.js';

/** What the server may call. */
export class Calls {
  #connection;
  #messageBytes;
  /** @type {Map<string, (data: any) => any>} */
  #methods = new Map();

  /** @param {import('./connection.js').Connection} connection @param {number} messageBytes  The most of an answer. */
  constructor(connection, messageBytes) {
    this.#connection = connection;
    this.#messageBytes = messageBytes;
  }

  /** @param {string} method @param {(data: any) => any} handler */
  add(method, handler) {
    if (typeof handler !== 'function') throw new TypeError(`The handler of '${method}' must be a function.`);
    if (this.#methods.has(method)) throw new TypeError(`'${method}' has a handler already; end that first.`);
    this.#methods.set(method, handler);
    return () => { if (this.#methods.get(method) === handler) this.#methods.delete(method); };
  }

  /** The server calls. Its connection gets the answer, as no other one waits for it. @param {{id: string, method: string, data?: any}} frame */
  async called({ id, method, data }) {
    const { generation } = this.#connection;
    let answer;
    try {
      const handler = this.#methods.get(method);
      if (!handler) throw new RealtimeError('unknown_method', `This client has no method '${method}'.`);
      const json = dataOf(await handler(data));
      answer = `{"type":"result","id":${JSON.stringify(id)}${json && ','}${json}}`;
      const bytes = byteCount(answer);
      if (bytes > this.#messageBytes) throw new RangeError(`The result of '${method}' has ${bytes} bytes as a frame; it may have ${this.#messageBytes} (the option 'messageBytes').`);
    } catch (error) {
      const isMeant = error instanceof RealtimeError;
      answer = JSON.stringify({ type: 'error', id, code: isMeant ? error.code : 'call_failed', content: isMeant ? error.message : 'The method failed.' });
      // As a listener's failure it is the application's; the server is not told what it was.
      if (!isMeant) queueMicrotask(() => { throw error; });
    }
    if (generation === this.#connection.generation) this.#connection.write(answer);
  }
}
