/** Kept as long as the tab, and nowhere else. */
const stored = 'realtime.console.token';

/** What the server said of a request that it refused, or that it did not answer. */
export class ApiError extends Error {
  /** @param {string} message @param {number} status  0 when there was no answer. @param {string} [code] */
  constructor(message, status, code) {
    super(message);
    this.status = status;
    this.code = code;
  }
}

/** @returns {string} The token, or an empty string. */
export function token() { return sessionStorage.getItem(stored) ?? ''; }

/** @param {string} value  Empty to forget it. */
export function setToken(value) {
  if (value) sessionStorage.setItem(stored, value);
  else sessionStorage.removeItem(stored);
}

/**
 * Calls the HTTP API of the front that serves this page.
 * @param {string} method
 * @param {string} path  Below `api/`; its names are escaped by `at` and `query`.
 * @param {{body?: object, signal?: AbortSignal, as?: string}} [options]  `as` is a token to try, in the place of the one that is kept.
 * @returns {Promise<any>} The answer's JSON.
 */
export async function call(method, path, { body, signal, as = token() } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (as) headers.authorization = `Bearer ${as}`;
  if (body) headers['content-type'] = 'application/json';
  let answer;
  try {
    answer = await fetch(`api/${path}`, { method, headers, body: body && JSON.stringify(body), signal, cache: 'no-store' });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError('The front does not answer.', 0);
  }
  const json = await answer.json().catch(() => ({}));
  if (!answer.ok) throw new ApiError(json.detail ?? `The front answered ${answer.status}.`, answer.status, json.code);
  return json;
}

/** @param {string} path @param {AbortSignal} [signal] */
export const get = (path, signal) => call('GET', path, { signal });

/** A path of segments, each escaped. @param {...string} segments */
export const at = (...segments) => segments.map(encodeURIComponent).join('/');

/**
 * A query of the parameters that have a value.
 * @param {Record<string, string|number|undefined|null>} parameters
 */
export function query(parameters) {
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(parameters)) if (value !== undefined && value !== null && value !== '') search.set(name, String(value));
  const text = search.toString();
  return text && `?${text}`;
}
