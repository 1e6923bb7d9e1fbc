import { bdi, byId, el } from '../shared/dom.js';
import { byteCount, parseHex, sizeOf } from './bytes.js';
import { frameList, parseJson } from './frames.js';
import { httpForm } from './http.js';
import { openSocket, socketUrl } from './socket.js';
import { frameTemplates } from './templates.js';

const payload = byId('payload');
const frames = frameList();
/** @type {ReturnType<typeof openSocket>|null} */
let socket = null;
let online = false;
/** Not from 1 at each load: a room takes a message under an id that it has seen for a repetition, and does not send it. */
let nextId = Math.floor(Date.now() / 100) % 1_000_000;
/** The room of the last frame sent, so that templates stay in it. */
let room = 'lobby';

const identityKind = byId('identity-kind');
const identity = byId('identity');
const identityAs = (/** @type {'user'|'token'} */ kind) => (identityKind.value === kind ? identity.value.trim() : '');
httpForm(frames, { room: () => room, user: () => identityAs('user') || 'alice', token: () => identityAs('token') });

// --- connecting ---

/** What the endpoints speak. A browser gives up when it asks for a subprotocol and the server names none. */
const spoken = new Map([['/ws', 'realtime.json.v1'], ['/ws/echo', '']]);
byId('endpoint').addEventListener('change', () => {
  const speaks = spoken.get(byId('endpoint').value.trim());
  if (speaks !== undefined) byId('subprotocol').value = speaks;
});

identityKind.addEventListener('change', () => {
  const kind = identityKind.value;
  byId('identity-label').textContent = kind === 'token' ? 'Token (JWT)' : 'User name';
  identity.type = kind === 'token' ? 'password' : 'text';
  identity.disabled = kind === 'none';
  identity.value = kind === 'user' ? 'alice' : '';
});

byId('connect-form').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  attempt('connect-error', () => {
    const url = socketUrl(byId('endpoint').value.trim(), identityAs('user'));
    const subprotocols = byId('subprotocol').value.split(/[\s,]+/).filter(Boolean);
    byId('connected-to').replaceChildren(url.pathname, ...(identityAs('user') ? [' as ', bdi(identityAs('user'))] : []));
    socket = openSocket(url, subprotocols, identityAs('token'), frames, changed);
  });
});

/** @param {'connecting'|'online'|'offline'} state @param {string} words @param {string} [subprotocol] */
function changed(state, words, subprotocol) {
  online = state === 'online';
  byId('state').dataset.state = state;
  byId('state').textContent = words;
  if (subprotocol) byId('connected-to').append(`, ${subprotocol}`);
  byId('connect-form').hidden = state !== 'offline';
  byId('close-form').hidden = state === 'offline';
  describePayload();
}

byId('close-form').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  attempt('close-error', () => socket?.close(Number(byId('close-code').value), byId('close-reason').value));
});

// --- sending ---

const template = byId('template');
template.append(...frameTemplates.map((group, g) => el('optgroup', { label: group.group },
  ...group.items.map((item, i) => el('option', { value: `${g}.${i}` }, item.name)))));
template.addEventListener('change', fillTemplate);

function fillTemplate() {
  const [g, i] = template.value.split('.').map(Number);
  const { payload: text, kind = 'text' } = frameTemplates[g].items[i];
  const filled = text.replace('{id}', String(nextId)).replace('{room}', JSON.stringify(room).slice(1, -1));
  const json = parseJson(filled);
  payload.value = json ? JSON.stringify(json, null, 1).replace(/\n\s*/g, ' ').replace(/^{ /, '{').replace(/ }$/, '}') : filled;
  byId('send-form').elements.kind.value = kind;
  describePayload();
}

function isBinary() { return byId('send-form').elements.kind.value === 'binary'; }

/** Says what Send would send, or why it cannot. */
function describePayload() {
  const note = byId('payload-note');
  payload.placeholder = isBinary() ? '48 65 6c 6c 6f' : '';
  byId('payload-label').textContent = isBinary() ? 'Payload, bytes as hexadecimal' : 'Payload';
  try {
    const size = isBinary() ? parseHex(payload.value).length : byteCount(payload.value);
    note.textContent = sizeOf(size) + (online ? '' : ', not connected');
    note.classList.remove('wrong');
    byId('send').disabled = !online;
  } catch (problem) {
    note.textContent = wordsOf(problem);
    note.classList.add('wrong');
    byId('send').disabled = true;
  }
}

payload.addEventListener('input', describePayload);
for (const radio of byId('send-form').elements.kind) radio.addEventListener('change', describePayload);
payload.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) {
    event.preventDefault();
    byId('send-form').requestSubmit();
  }
});

byId('send-form').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  if (!online) return;
  const data = isBinary() ? parseHex(payload.value) : payload.value;
  socket?.send(data);
  const json = typeof data === 'string' ? parseJson(data) : undefined;
  if (typeof json?.room === 'string') room = json.room;
  // The same frame can go out again at once, under an id of its own: a repeated one would be taken for a repetition.
  if (json?.id === String(nextId)) payload.value = payload.value.replace(/("id"\s*:\s*")\d+"/, `$1${++nextId}"`);
});

/** Does it, or says in that element why not. @param {string} errorId @param {() => void} action */
function attempt(errorId, action) {
  const error = byId(errorId);
  try {
    action();
    error.hidden = true;
  } catch (problem) {
    error.textContent = wordsOf(problem);
    error.hidden = false;
  }
}

function wordsOf(/** @type {unknown} */ error) { return error instanceof Error ? error.message : String(error); }

fillTemplate();
