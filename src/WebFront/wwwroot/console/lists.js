import { el } from '../shared/dom.js';
import { at, get, query } from './api.js';
import { ask, change } from './dialog.js';
import { heading, number, pager, roomLink, rowButton, setText, since, table, userLink } from './parts.js';

/** Rows of a page: enough to look at, and little to ask for every two seconds. */
const pageSize = 50;

/** A form with one field to search by. @param {string} id @param {string} label @param {string} help @param {() => void} changed */
function search(id, label, help, changed) {
  const field = el('input', { id, type: 'search', autocomplete: 'off', autocapitalize: 'off', spellcheck: false, 'aria-describedby': `${id}-help` });
  const element = el('form', { class: 'inline', role: 'search', noValidate: true, onsubmit: (/** @type {Event} */ event) => { event.preventDefault(); changed(); } },
    el('label', { htmlFor: id }, label),
    el('div', { class: 'row' }, field, el('button', { type: 'submit' }, 'Search')),
    el('p', { class: 'muted small', id: `${id}-help` }, help));
  return { element, field };
}

/** Rooms with members, a page at a time. @param {() => void} refresh */
export function rooms(refresh) {
  const pages = pager(refresh);
  const begin = search('room-search', 'Rooms whose names begin with', 'Capitals count. A room without members is not listed; open it by its full name.', () => { pages.reset(); refresh(); });
  const open = el('p', { class: 'small', hidden: true });
  const list = table('Rooms', [
    { name: 'Room', node: room => roomLink(room.room) },
    { name: 'Members', text: room => number(room.members), number: true },
  ], 'No room with members has such a name.');
  return {
    title: 'Rooms',
    element: el('div', {}, heading('Rooms'), begin.element, open, list.element, pages.element),
    /** @param {AbortSignal} signal */
    async refresh(signal) {
      const prefix = begin.field.value;
      const page = await get(`rooms${query({ limit: pageSize, after: pages.after, prefix })}`, signal);
      list.update(page.rooms, room => room.room);
      pages.update(page.next);
      open.hidden = !prefix || page.rooms.some((/** @type {any} */ room) => room.room === prefix);
      if (!open.hidden && open.dataset.room !== prefix) open.replaceChildren('Open the room ', roomLink(prefix));
      open.dataset.room = prefix;
    },
  };
}

/** The connections of all fronts, or of one, a page at a time. @param {() => void} refresh */
export function connections(refresh) {
  const pages = pager(refresh);
  const again = () => { pages.reset(); refresh(); };
  const begin = search('connection-search', 'Connections whose user, id or address begins with', 'Capitals count.', again);
  const front = el('select', { id: 'connection-front', onchange: again }, el('option', { value: '' }, 'All fronts'));
  const slow = el('input', { id: 'connection-slow', type: 'checkbox', onchange: again });
  const total = el('p', { class: 'muted small' });
  const list = table('Connections', connectionColumns(refresh), 'There is no such connection.');
  return {
    title: 'Connections',
    element: el('div', {}, heading('Connections'), begin.element,
      el('div', { class: 'row filters' },
        el('div', {}, el('label', { htmlFor: 'connection-front' }, 'Front'), front),
        el('label', { class: 'check', htmlFor: 'connection-slow' }, slow, ' Only slow ones: messages wait for them')),
      total, list.element, pages.element),
    /** @param {AbortSignal} signal */
    async refresh(signal) {
      const [page, cluster] = await Promise.all([
        get(`connections${query({ limit: pageSize, after: pages.after, prefix: begin.field.value, front: front.value, queued: slow.checked ? 1 : '' })}`, signal),
        get('cluster', signal)]);
      list.update(page.connections, connection => connection.id);
      pages.update(page.next);
      setText(total, `${number(page.count)} in all`);
      options(front, cluster.fronts.map((/** @type {any} */ known) => known.front));
    },
  };
}

/** What a table of connections shows. @param {() => void} refresh @param {string} [without]  A column that would say the same in each row. */
export function connectionColumns(refresh, without) {
  return [
    { name: 'User', node: (/** @type {any} */ connection) => userLink(connection.user) },
    { name: 'Waiting', text: (/** @type {any} */ connection) => number(connection.queuedMessages), number: true },
    { name: 'Rooms', text: (/** @type {any} */ connection) => number(connection.rooms.length), number: true },
    { name: 'Address', text: (/** @type {any} */ connection) => connection.remoteAddress ?? '' },
    { name: 'For', text: (/** @type {any} */ connection) => since(connection.connectedAt), number: true },
    { name: 'Front', text: (/** @type {any} */ connection) => connection.front, code: true },
    { name: 'Id', text: (/** @type {any} */ connection) => connection.id, code: true },
    { name: 'Action', node: (/** @type {any} */ connection) => rowButton('Close', `connection ${connection.id}${connection.user ? ` of ${connection.user}` : ''}`, () => void close(connection, refresh)) },
  ].filter(column => column.name !== without);
}

async function close(/** @type {any} */ connection, /** @type {() => void} */ refresh) {
  const yes = await ask({ title: 'Close this connection?', text: `Connection ${connection.id}${connection.user ? ` of ${connection.user}` : ''} is closed with 4002, after which its client does not come back by itself.`, ok: 'Close it' });
  if (yes === null) return;
  await change('DELETE', at('connections', connection.id), undefined, () => `Connection ${connection.id} was closed.`);
  refresh();
}

/** Choices besides the first, kept as they are when nothing has changed. */
function options(/** @type {any} */ select, /** @type {string[]} */ values) {
  const known = [...select.options].slice(1);
  for (const option of known) if (!values.includes(option.value) && !option.selected) option.remove();
  for (const value of values) if (!known.some(option => option.value === value)) select.append(el('option', { value }, value));
}

/** Who met a limit, and what else went wrong lately. */
export function errors() {
  const what = [
    { name: 'Last', text: (/** @type {any} */ error) => `${since(error.lastAt)} ago` },
    { name: 'Times', text: (/** @type {any} */ error) => number(error.count), number: true },
    { name: 'User', node: (/** @type {any} */ error) => userLink(error.user) },
    { name: 'Address', text: (/** @type {any} */ error) => error.address ?? '' },
    { name: 'Code', text: (/** @type {any} */ error) => error.code, code: true },
    { name: 'Detail', text: (/** @type {any} */ error) => error.detail ?? '' },
    { name: 'Front', text: (/** @type {any} */ error) => error.front, code: true },
  ];
  const limited = table('Who is limited', what.map(column => column.name === 'Code' ? { ...column, name: 'Limit' } : column), 'Nobody met a limit lately.');
  const others = table('Last errors', [what[0], { name: 'Kind', text: error => kinds[error.kind] ?? error.kind }, ...what.slice(1)], 'Nothing went wrong lately.');
  const keyOf = (/** @type {any} */ error) => JSON.stringify([error.front, error.kind, error.code, error.user ?? error.address]);
  return {
    title: 'Errors',
    element: el('div', {}, heading('Errors'),
      el('p', { class: 'muted small' }, 'Each front remembers the last 128 of each kind, in memory. What the silos log stands in their logs.'), limited.element, others.element),
    /** @param {AbortSignal} signal */
    async refresh(signal) {
      const { errors: found } = await get(`errors${query({ limit: 200 })}`, signal);
      limited.update(found.filter((/** @type {any} */ error) => error.kind === 'limit'), keyOf);
      others.update(found.filter((/** @type {any} */ error) => error.kind !== 'limit'), keyOf);
    },
  };
}

/** @type {Record<string, string>} */
const kinds = { error: 'Error frame', refused: 'Request refused', closed: 'Connection closed', log: 'Log' };
