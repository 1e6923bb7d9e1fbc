/** An error in words, with a code: one of the wire protocol, or one of this client. */
export class RealtimeError extends Error {
  /**
   * @param {string} code @param {string} message
   * @param {{room?: string, operation?: import('../realtime.d.ts').Operation, retryAfter?: number}} [details]
   */
  constructor(code, message, { room, operation, retryAfter } = {}) {
    super(message);
    this.name = 'RealtimeError';
    this.code = code;
    this.room = room;
    this.operation = operation;
    this.retryAfter = retryAfter;
  }
}

/** Error codes that may pass by themselves. */
export const passingErrors = new Set(['unavailable', 'internal', 'rate_limited']);

/**
 * The promise of a call, whatever it is given. One who does not wait for it has chosen not to know how it ends, so that
 * a refusal, a `leave` or a `close` ends no process; wrong arguments are a fault of the program and stay to be reported.
 * @template T
 * @param {import('../realtime.d.ts').Operation} operation @param {string|undefined} room
 * @param {() => Promise<T>} call  @returns {Promise<T>}
 */
export function outcome(operation, room, call) {
  /** What many calls end with is told to each as its own. */
  const own = (/** @type {any} */ error) => error instanceof RealtimeError && (error.operation !== operation || error.room !== room)
    ? new RealtimeError(error.code, error.message, { room: error.room ?? room, operation, retryAfter: error.retryAfter }) : error;
  /** @type {Promise<T>} */
  let promise;
  try {
    promise = call().catch(error => { throw own(error); });
  } catch (error) {
    promise = Promise.reject(own(error));
    if (!(error instanceof RealtimeError)) return promise;
  }
  promise.catch(() => {});
  return promise;
}

/**
 * Ends the wait for a promise by a signal, with its reason.
 * @template T
 * @param {AbortSignal|undefined} signal @param {() => Promise<T>} start
 * @param {(promise: Promise<T>) => void} [onAbort]  What then becomes of what was waited for.
 * @returns {Promise<T>}
 */
export function until(signal, start, onAbort) {
  if (signal === undefined) return start();
  if (signal.aborted) return Promise.reject(signal.reason);
  const promise = start();
  return new Promise((resolve, reject) => {
    const abort = () => {
      onAbort?.(promise);
      reject(signal.reason);
    };
    signal.addEventListener('abort', abort);
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
