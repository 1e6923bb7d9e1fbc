import { byId, el, readable } from '../shared/dom.js';
import { byteCount, sizeOf } from './bytes.js';
import { parseJson } from './frames.js';
import { httpTemplates } from './templates.js';

/** Longer answers are cut on the page. */
const shownLimit = 100_000;

/**
 * The form that calls the HTTP API.
 * @param {ReturnType<typeof import('./frames.js').frameList>} frames
 * @param {{room: () => string, user: () => string, token: () => string}} current
 */
export function httpForm(frames, current) {
  const template = byId('http-template');
  const method = byId('method');
  const path = byId('path');
  const body = byId('body');
  const error = byId('http-error');

  template.append(...httpTemplates.map((t, index) => el('option', { value: String(index) }, t.name)));
  template.addEventListener('change', fill);
  method.addEventListener('change', enableBody);
  fill();

  function fill() {
    const chosen = httpTemplates[template.value];
    method.value = chosen.method;
    path.value = chosen.path
      .replace('{room}', encodeURIComponent(current.room()))
      .replace('{user}', encodeURIComponent(current.user()));
    body.value = chosen.body ? JSON.stringify(chosen.body, null, 2) : '';
    enableBody();
  }

  function enableBody() { body.disabled = method.value === 'GET'; }

  byId('http-form').addEventListener('submit', async (/** @type {Event} */ event) => {
    event.preventDefault();
    byId('call').disabled = true;
    try {
      await call();
      error.hidden = true;
    } catch (problem) {
      error.textContent = problem instanceof Error ? problem.message : String(problem);
      error.hidden = false;
      byId('answer').hidden = true;
    } finally {
      byId('call').disabled = false;
    }
  });

  async function call() {
    const verb = method.value;
    const url = addressOf(path.value.trim());
    const headers = headersOf(byId('headers').value);
    const sent = verb === 'GET' || body.value.trim() === '' ? undefined : body.value;
    if (sent !== undefined && !headers.has('content-type')) headers.set('content-type', 'application/json');
    const token = current.token();
    if (token && !headers.has('authorization')) headers.set('authorization', `Bearer ${token}`);

    const shown = readable(url.pathname) + url.search;
    const started = performance.now();
    frames.http(verb, shown, byteCount(sent ?? ''));
    const answer = await fetch(url, { method: verb, headers, body: sent }).catch(() => {
      frames.http('no answer', shown, 0, 'bad');
      throw new Error('The server did not answer.');
    });
    const text = await answer.text();
    const took = Math.round(performance.now() - started);
    const status = `${answer.status} ${answer.statusText || statusWords(answer.status)}`;

    const json = parseJson(text);
    const whole = json === undefined ? text : JSON.stringify(json, null, 2);
    byId('answer').hidden = false;
    byId('answer-status').textContent = status;
    byId('answer-status').dataset.tone = answer.ok ? 'good' : 'bad';
    byId('answer-note').textContent = `${took} ms, ${sizeOf(byteCount(text))}, ${answer.headers.get('content-type')?.split(';')[0] ?? 'no type'}`;
    byId('answer-body').textContent = whole.length > shownLimit ? `${whole.slice(0, shownLimit)}…` : whole;
    frames.http(status, `${verb} ${shown}, ${took} ms`, byteCount(text), answer.ok ? 'good' : 'bad');
  }
}

/** A path of this server only: the page's policy lets it call nothing else. @param {string} path */
function addressOf(path) {
  const url = new URL(path, location.origin);
  if (url.origin !== location.origin) throw new Error('Only this server can be called from here; write a path such as /api/rooms.');
  return url;
}

/** @param {string} text */
function headersOf(text) {
  const headers = new Headers();
  for (const line of text.split('\n').filter(line => line.trim() !== '')) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`“${line}” is not a header; write Name: value.`);
    headers.set(line.slice(0, colon).trim(), line.slice(colon + 1).trim());
  }
  return headers;
}

/** HTTP/2 has no reason phrases. @param {number} status */
function statusWords(status) {
  return { 200: 'OK', 201: 'Created', 202: 'Accepted', 204: 'No Content', 400: 'Bad Request', 401: 'Unauthorized', 403: 'Forbidden',
    404: 'Not Found', 405: 'Method Not Allowed', 409: 'Conflict', 413: 'Content Too Large', 415: 'Unsupported Media Type',
    429: 'Too Many Requests', 500: 'Internal Server Error', 503: 'Service Unavailable' }[status] ?? '';
}
