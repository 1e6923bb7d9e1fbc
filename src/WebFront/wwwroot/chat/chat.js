import { RealtimeClient } from '../realtime.js';
import { bdi, byId, el } from '../shared/dom.js';
import { subjectOf, typedNameProblem } from '../shared/names.js';
import { grow } from './composer.js';
import { Conversation } from './conversation.js';
import { codeOf, wordsOf } from './errors.js';
import { memberLists } from './members.js';
import { notice, openForm, showPeople, signinError } from './panels.js';
import { peopleList } from './people.js';
import { refusalOf } from './refusal.js';
import { statusLine } from './status.js';
import { read, write } from './storage.js';

/** Closer to the end than this (px) counts as "at the end": a new line then scrolls along. */
const endMargin = 48;

const log = byId('log');
const text = byId('text');
const jump = byId('jump');
const address = new URL(location.href);

/** @type {RealtimeClient|null} */
let client = null;
let me = '';
/** The token signed in with; empty for a plain name. */
let token = '';
/** @type {Map<string, Conversation>} */
const conversations = new Map();
/** @type {Conversation|null} */
let active = null;
/** Whether this sign-in has ever been accepted. */
let everOnline = false;
/** Whether the end of the active conversation is on the screen and new lines scroll along. */
let following = true;
/** Where the last scroll ended. */
let scrolledFrom = 0;
let listFrame = 0;

const showStatus = statusLine();
const lists = memberLists({ client: () => client, isOpen: which => conversations.get(which.key) === which, onChange: refresh });
const people = peopleList({ onPick: openPerson, onMore: () => active && lists.load(active) });

// --- signing in ---

const remembered = {
  // A name in the address is for a link or a second tab; one tab's name is not the other's.
  name: address.searchParams.get('user') ?? read('sessionStorage', 'name') ?? read('localStorage', 'name') ?? '',
  room: address.searchParams.get('room') ?? read('localStorage', 'room') ?? '',
  token: read('sessionStorage', 'token') ?? '',
};

byId('signin-form').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  const bearer = byId('signin-token').value.trim();
  const name = bearer ? subjectOf(bearer) : byId('signin-name').value.trim();
  const room = byId('signin-room').value.trim().replace(/^#/, '') || 'lobby';
  if (name === null) return signinError('The token is not a JWT with a subject (sub).');
  const problem = typedNameProblem(name, 'user') ?? typedNameProblem(room, 'room');
  if (problem) return signinError(problem);
  start(name, bearer, [room]);
});

/** @param {string} name @param {string} bearer @param {string[]} rooms @param {string} [first]  The room to show. */
function start(name, bearer, rooms, first = rooms[0]) {
  me = name;
  token = bearer;
  everOnline = false;
  write('sessionStorage', 'name', name);
  write('localStorage', 'name', name);
  write('sessionStorage', 'token', token);
  if (address.searchParams.has('user')) address.searchParams.set('user', name);
  byId('signin-error').hidden = true;
  byId('signin').hidden = true;
  byId('app').hidden = false;
  byId('me-name').textContent = name;

  client = new RealtimeClient({ url: 'ws', user: token ? undefined : name, token: token || undefined });
  listen(client);
  client.connect();
  for (const room of rooms) openRoom(room, room === first);
}

/** Back to the sign-in form, with what is wrong when something is. @param {string} [words] */
function signOut(words) {
  client?.close();
  client = null;
  conversations.clear();
  active = null;
  for (const key of ['name', 'token', 'rooms']) write('sessionStorage', key, null);
  log.replaceChildren();
  notice('');
  byId('app').hidden = true;
  byId('signin').hidden = false;
  document.title = 'Realtime chat';
  if (words) signinError(words);
  byId('signin-name').focus();
}

async function explainRefusal() {
  const words = await refusalOf(me, token);
  if (words !== null) signOut(words);
}

// --- what the server says ---

/** @param {RealtimeClient} from */
function listen(from) {
  from.on('status', status => {
    if (from !== client) return;
    showStatus(status);
    document.body.dataset.connection = status.state;
    if (active) refresh(active);
    if (status.state === 'online') everOnline = true;
    else if (status.state === 'offline' && status.reason) notice(bdi(status.reason));
    else if (status.state === 'reconnecting' && status.attempt === 1 && !everOnline && status.retryAt) explainRefusal();
  });
  from.on('message', message => arrived(room(message.room), message));
  from.on('direct', message => arrived(person(message.from ?? 'server'), message));
  from.on('joined', frame => {
    const conversation = room(frame.room);
    if (frame.recovered === true) conversation.note('Back online. Nothing was missed.');
    conversation.memberCount = frame.members;
    lists.load(conversation, true);
    refresh(conversation);
  });
  from.on('missed', ({ room: name, presence }) => {
    const conversation = room(name);
    if (presence) lists.loadSoon(conversation);
    conversation.settle();
    conversation.note('Some messages were missed.', 'warning');
  });
  from.on('left', ({ room: name, error }) => {
    close(room(name));
    notice(bdi(error.message));
  });
  from.on('join', ({ room: name, from: who }) => {
    const conversation = conversations.get(`#${name}`);
    if (!conversation) return;
    lists.toldOf(conversation);
    if (conversation.members.has(who)) return;
    conversation.members.add(who);
    conversation.memberCount++;
    if (who !== me) conversation.came('joined', who);
    refresh(conversation);
  });
  from.on('leave', ({ room: name, from: who }) => {
    const conversation = conversations.get(`#${name}`);
    if (!conversation || who === me) return;
    lists.toldOf(conversation);
    conversation.members.delete(who);
    conversation.memberCount = Math.max(0, conversation.memberCount - 1);
    conversation.came('left', who);
    refresh(conversation);
  });
  from.on('presence', ({ room: name, members }) => {
    const conversation = conversations.get(`#${name}`);
    if (!conversation) return;
    conversation.memberCount = members;
    conversation.presence++;
    // Who came and went meanwhile is not told, so the names are asked for: now and then, and when the room is small again.
    conversation.membersUnsure = true;
    lists.loadSoon(conversation);
    refresh(conversation);
  });
  from.on('error', error => notice(bdi(error.message)));
}

/** @param {Conversation} conversation @param {any} message */
function arrived(conversation, message) {
  const own = message.from === me && !message.service;
  const watched = conversation === active && !document.hidden && following;
  if (!own && !watched) {
    if (conversation.unread === 0) conversation.markNew();
    conversation.unread++;
  }
  conversation.message(message);
  if (!own && !watched) refresh(conversation);
}

// --- conversations ---

function room(/** @type {string} */ name) { return conversation('room', name); }
function person(/** @type {string} */ name) { return conversation('person', name); }

/** @param {'room'|'person'} kind @param {string} name */
function conversation(kind, name) {
  const key = (kind === 'room' ? '#' : '@') + name;
  let found = conversations.get(key);
  if (!found) {
    found = new Conversation(kind, name, me, () => { if (found === active) followEnd(); });
    conversations.set(key, found);
    listConversations();
  }
  return found;
}

/** @param {string} name @param {boolean} [show] */
async function openRoom(name, show = true) {
  const known = conversations.has(`#${name}`);
  const opened = room(name);
  if (show) activate(opened);
  rememberRooms();
  if (known) return;
  try {
    await /** @type {RealtimeClient} */ (client).room(name).join();
  } catch (error) {
    if (codeOf(error) === 'offline' || codeOf(error) === 'left') return;
    close(opened);
    notice('Could not join ', bdi(name), ': ', bdi(wordsOf(error)));
  }
}

function openPerson(/** @type {string} */ name) {
  if (name === me) return notice('That is you.');
  activate(person(name));
  text.focus();
}

/** Takes a conversation off the page. @param {Conversation} which */
function close(which) {
  conversations.delete(which.key);
  rememberRooms();
  if (active === which) {
    active = null;
    const next = conversations.values().next().value;
    if (next) activate(next);
    else return signOut();
  }
  listConversations();
}

/** @param {Conversation} which */
function activate(which) {
  if (active) {
    active.draft = text.value;
    active.scrolledTo = following ? null : log.scrollTop;
  }
  active = which;
  // What was there before is not news to be read out.
  log.setAttribute('aria-busy', 'true');
  which.flush();
  log.replaceChildren(which.element);
  following = which.scrolledTo === null;
  log.scrollTop = which.scrolledTo ?? log.scrollHeight;
  requestAnimationFrame(() => log.setAttribute('aria-busy', 'false'));

  text.value = which.draft;
  const sign = which.kind === 'room' ? which.sign : '';
  byId('text-label').replaceChildren(`Message ${sign}`, bdi(which.name));
  text.placeholder = `Message ${sign}${which.name}`;
  grow();
  byId('title-sign').textContent = which.sign;
  byId('title-name').textContent = which.name;
  byId('leave').textContent = which.kind === 'room' ? 'Leave' : 'Close';
  if (which.kind === 'room') {
    write('localStorage', 'room', which.name);
    address.searchParams.set('room', which.name);
    history.replaceState(null, '', address);
  }
  showPeople(false);
  seen();
  refresh(which);
  listConversations();
}

/** Brings counts and the list of people up to date. @param {Conversation} which */
function refresh(which) {
  if (which === active) {
    byId('count').textContent = which.kind === 'person' ? 'Direct message'
      : which.memberCount === 0 ? '' : which.memberCount === 1 ? 'Only you' : `${which.memberCount.toLocaleString()} people`;
    // One's own state beside another's name would be taken for theirs; that one cannot write is told everywhere.
    byId('status').hidden = which.kind === 'person' && client?.status.state === 'online';
    people.show(which);
  }
  showUnread();
}

function listConversations() {
  listFrame ||= requestAnimationFrame(() => {
    listFrame = 0;
    byId('conversations').replaceChildren(...[...conversations.values()].map(c => el('li', {},
      el('button', {
        type: 'button', class: `entry ${c.kind}`, 'aria-current': c === active ? 'true' : 'false', onclick: () => activate(c),
      }, el('span', { class: 'entry-name' }, c.sign, bdi(c.name)), c.unread > 0 && el('span', { class: 'badge' }, String(c.unread), el('span', { class: 'sr-only' }, ' unread'))))));
    document.querySelector('.entry[aria-current=true]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  });
}

// --- unread and scrolling ---

function atEnd() { return log.scrollHeight - log.scrollTop - log.clientHeight < endMargin; }

/** After lines were added: stays at the end when it was there, or when one has just written. */
function followEnd() {
  if (following) log.scrollTop = log.scrollHeight;
  else showUnread();
}

log.addEventListener('scroll', () => {
  // Only the reader leaves the end, by scrolling up; a log that has become lower has not moved.
  const up = log.scrollTop < scrolledFrom;
  scrolledFrom = log.scrollTop;
  if (atEnd()) following = true;
  else if (up) following = false;
  if (following) seen();
  jump.hidden = following;
}, { passive: true });
// A narrower or lower window, a keyboard on a phone: stay at the end.
new ResizeObserver(() => { if (following) log.scrollTop = log.scrollHeight; }).observe(log);

/** The active conversation has been read, when it is on the screen. */
function seen() {
  if (!active || document.hidden || !following) return;
  if (active.unread > 0) {
    active.unread = 0;
    listConversations();
  }
  showUnread();
}

function showUnread() {
  const here = active?.unread ?? 0;
  jump.hidden = following;
  jump.textContent = here === 0 ? '↓ Latest' : here === 1 ? '↓ 1 new message' : `↓ ${here} new messages`;
  let all = 0;
  for (const c of conversations.values()) all += c.unread;
  if (active) document.title = `${all > 0 ? `(${all}) ` : ''}${active.key} · Realtime`;
  listConversations();
}

jump.addEventListener('click', () => {
  log.scrollTop = log.scrollHeight;
  text.focus();
});
document.addEventListener('visibilitychange', () => { if (!document.hidden) seen(); });

// --- writing ---

byId('composer').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  const content = text.value.trim();
  if (!active || content === '') return;
  text.value = '';
  grow();
  following = true;
  send(active, content);
});

/** @param {Conversation} to @param {string} content */
async function send(to, content) {
  if (!client) return;
  const item = to.send(content, () => send(to, content));
  try {
    if (to.kind === 'room') return to.kept(item, await client.room(to.name).publish(content));
    const { connections } = await client.sendTo(to.name, content);
    if (connections > 0) to.delivered(item, connections === 1 ? 'Delivered' : `Delivered to ${connections} devices`);
    else to.setState(item, 'failed', bdi(to.name), ' is not connected.');
  } catch (error) {
    to.setState(item, 'failed', bdi(wordsOf(error)));
  }
}

// --- the rest of the page ---

byId('leave').addEventListener('click', () => {
  const leaving = active;
  if (!leaving) return;
  // Not being in the room any more is what was wanted, whatever the answer.
  if (leaving.kind === 'room') client?.room(leaving.name).leave().catch(() => {});
  close(leaving);
});

byId('retry').addEventListener('click', () => {
  notice('');
  client?.retryNow();
  client?.connect();
});
byId('signout').addEventListener('click', () => signOut());
openForm({ onRoom: openRoom, onPerson: openPerson });

function rememberRooms() {
  const rooms = [...conversations.values()].filter(c => c.kind === 'room').map(c => c.name);
  write('sessionStorage', 'rooms', JSON.stringify(rooms));
}

// --- at the start ---

byId('signin-name').value = remembered.name;
byId('signin-room').value = remembered.room;
byId('signin-token').value = remembered.token;
const knownInThisTab = address.searchParams.has('user') || read('sessionStorage', 'name') !== null;
if (remembered.name && remembered.room && knownInThisTab && !typedNameProblem(remembered.name, 'user') && !typedNameProblem(remembered.room, 'room')) {
  /** @type {string[]} */
  const rooms = JSON.parse(read('sessionStorage', 'rooms') ?? '[]');
  start(remembered.name, remembered.token, [...new Set([...rooms, remembered.room])], remembered.room);
} else {
  byId(remembered.name ? 'signin-room' : 'signin-name').focus();
}
