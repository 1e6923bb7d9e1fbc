import { byId } from '../shared/dom.js';
import { ApiError, call, setToken, token } from './api.js';
import { connections, errors, rooms } from './lists.js';
import { overview } from './overview.js';
import { roomView } from './room.js';
import { setText } from './parts.js';
import { userView } from './user.js';

/** How often what is shown is asked for anew, and after a failure, in ms. Nothing is asked while nobody looks. */
const period = 2000;
const afterFailure = 5000;

/** @typedef {{title: string, element: HTMLElement, refresh: (signal: AbortSignal) => Promise<void>}} View */

/** @type {View|null} */
let view = null;
let asking = new AbortController();
let timer = 0;
let isPaused = false;
let trying = new AbortController();

/** What the address behind # means; names are escaped in it. @returns {View} */
function viewOf() {
  const [what = '', name] = location.hash.replace(/^#\/?/, '').split('/').map(part => { try { return decodeURIComponent(part); } catch { return part; } });
  if (what === 'rooms') return name ? roomView(refresh, name) : rooms(refresh);
  if (what === 'users' && name) return userView(refresh, name);
  if (what === 'connections') return connections(refresh);
  if (what === 'errors') return errors();
  return overview(refresh);
}

function show() {
  const isFirst = view === null;
  view = viewOf();
  document.title = `${view.title} · Realtime console`;
  byId('main').replaceChildren(view.element);
  const section = location.hash.split('/')[1] ?? '';
  for (const link of document.querySelectorAll('.tabs a')) {
    if ((link.getAttribute('href') ?? '').slice(2) === section) link.setAttribute('aria-current', 'page');
    else link.removeAttribute('aria-current');
  }
  scrollTo(0, 0);
  if (!isFirst) byId('heading').focus();
  state('connecting', 'Loading');
  refresh();
}

/** Asks now, and then every so often. */
function refresh() {
  asking.abort();
  clearTimeout(timer);
  asking = new AbortController();
  void ask(asking.signal);
}

/** @param {AbortSignal} signal */
async function ask(signal) {
  try {
    await view?.refresh(signal);
    if (signal.aborted) return;
    if (isPaused) state('paused', 'Paused');
    else state('online', 'Live');
    again(period);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ApiError)) {
      state('offline', 'This page failed; load it again.');
      throw error;
    }
    if (error.status === 401) return signIn(error.message);
    state('offline', error.message);
    again(afterFailure);
  }
}

/** @param {number} wait */
function again(wait) {
  clearTimeout(timer);
  if (!isPaused && !document.hidden) timer = setTimeout(refresh, wait);
}

/** @param {string} name @param {string} words */
function state(name, words) {
  byId('state').dataset.state = name;
  setText(byId('state'), words);
}

/** @param {string} [why] */
function signIn(why = '') {
  asking.abort();
  clearTimeout(timer);
  byId('app').hidden = true;
  byId('signin').hidden = false;
  byId('signin-why').hidden = !why;
  setText(byId('signin-why'), why);
  byId('signin-token').focus();
}

/** @param {boolean} isByHand  The focus goes to what was asked for. */
function open(isByHand) {
  byId('signin').hidden = true;
  byId('app').hidden = false;
  byId('signout').hidden = !token();
  view = null;
  show();
  if (isByHand) byId('heading').focus();
}

byId('signin-form').addEventListener('submit', async (/** @type {Event} */ event) => {
  event.preventDefault();
  const given = byId('signin-token').value.trim();
  if (!given || /[^\x21-\x7e]/.test(given)) return signIn('Enter a token: three parts of letters, digits, - and _, with points between.');
  trying.abort(); // the last one that was entered counts
  const { signal } = trying = new AbortController();
  try {
    await call('GET', 'cluster', { as: given, signal });
    setToken(given);
    byId('signin-token').value = '';
    open(true);
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof ApiError)) throw error;
    signIn(error.message);
  }
});

byId('signout').addEventListener('click', () => { setToken(''); signIn(); });

byId('pause').addEventListener('click', () => {
  isPaused = !isPaused;
  byId('pause').setAttribute('aria-pressed', String(isPaused));
  if (isPaused) {
    asking.abort();
    clearTimeout(timer);
    state('paused', 'Paused');
  } else refresh();
});

byId('skip').addEventListener('click', () => byId('heading').focus());
addEventListener('hashchange', () => { if (!byId('app').hidden) show(); });
document.addEventListener('visibilitychange', () => {
  if (byId('app').hidden || isPaused) return;
  if (document.hidden) clearTimeout(timer);
  else refresh();
});

open(false);
