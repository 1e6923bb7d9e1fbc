import { el } from '../shared/dom.js';

/**
 * @typedef {{name: string, text?: (item: any) => string, node?: (item: any) => Node|null, number?: boolean, code?: boolean}} Column
 *   `text` is written anew whenever it changes; `node` is made once for a row.
 */

/**
 * A table whose rows are kept by their key: what has the focus, or is selected, stays while it is refreshed. On a phone each row is a card
 * (console.css), for which the roles of a table are said once more, as browsers forget them there.
 * @param {string} caption @param {Column[]} columns @param {string} empty  What stands there when there are no rows.
 */
export function table(caption, columns, empty) {
  const body = el('tbody', { role: 'rowgroup' });
  const note = el('p', { class: 'muted empty' }, empty);
  const element = el('div', { class: 'table-box' },
    el('table', { class: 'data', role: 'table' },
      el('caption', {}, caption),
      el('thead', { role: 'rowgroup' }, el('tr', { role: 'row' },
        ...columns.map(column => el('th', { role: 'columnheader', scope: 'col', class: column.number ? 'number' : '' }, column.name)))),
      body),
    note);
  /** @type {Map<string, {row: HTMLElement, cells: HTMLElement[]}>} */
  const rows = new Map();

  return {
    element,
    /** @param {any[]} items @param {(item: any) => string} keyOf */
    update(items, keyOf) {
      const keys = new Set(items.map(keyOf));
      for (const [key, { row }] of rows) {
        if (keys.has(key)) continue;
        row.remove();
        rows.delete(key);
      }
      let before = body.firstChild;
      for (const item of items) {
        const key = keyOf(item);
        const known = rows.get(key) ?? add(key, item);
        columns.forEach((column, i) => { if (column.text) setText(known.cells[i], column.text(item)); });
        if (known.row === before) before = before.nextSibling;
        else body.insertBefore(known.row, before);
      }
      note.hidden = items.length > 0;
      element.firstElementChild.classList.toggle('bare', items.length === 0);
    },
  };

  function add(/** @type {string} */ key, /** @type {any} */ item) {
    const cells = columns.map(column => el('td', { role: 'cell', class: [column.number && 'number', column.code && 'code'].filter(Boolean).join(' '), 'data-label': column.name }));
    columns.forEach((column, i) => { const node = column.node?.(item); if (node) cells[i].append(node); });
    const made = { row: el('tr', { role: 'row' }, ...cells), cells };
    rows.set(key, made);
    return made;
  }
}

/** @param {HTMLElement} element @param {string} text */
export function setText(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * Names with values, which are refreshed.
 * @param {...string} names
 */
export function facts(...names) {
  const values = names.map(() => el('dd', {}, '–'));
  return {
    element: el('dl', { class: 'facts' }, ...names.map((name, i) => el('div', {}, el('dt', {}, name), values[i]))),
    /** @param {...string} texts */
    update(...texts) { texts.forEach((text, i) => setText(values[i], text)); },
  };
}

/**
 * Buttons that go from page to page of a listing that has only `after` and `next`.
 * @param {() => void} changed  Another page is to be shown.
 */
export function pager(changed) {
  /** @type {(string|undefined)[]} Where the pages before, and this one, begin. */
  let starts = [undefined];
  /** @type {string|undefined} */
  let next;
  const back = el('button', { type: 'button', disabled: true, onclick: () => { starts.pop(); changed(); } }, 'Previous page');
  const forth = el('button', { type: 'button', disabled: true, onclick: () => { starts.push(next); changed(); } }, 'Next page');
  const page = el('span', { class: 'muted small' });
  return {
    element: el('div', { class: 'row pager' }, back, forth, page),
    get after() { return starts[starts.length - 1]; },
    reset() { starts = [undefined]; },
    /** @param {string|undefined} found  The `next` of the page that is shown. */
    update(found) {
      next = found;
      back.disabled = starts.length === 1;
      forth.disabled = !next;
      setText(page, starts.length > 1 || next ? `Page ${starts.length}` : '');
    },
  };
}

/** @param {string} room */
export const roomLink = room => el('a', { href: `#/rooms/${encodeURIComponent(room)}` }, el('bdi', {}, room));

/** @param {string|undefined} user */
export const userLink = user => user === undefined ? null : el('a', { href: `#/users/${encodeURIComponent(user)}` }, el('bdi', {}, user));

/** A button of a row; its name says of what. @param {string} text @param {string} of @param {() => void} onclick */
export const rowButton = (text, of, onclick) => el('button', { type: 'button', class: 'small-button', onclick }, text, el('span', { class: 'sr-only' }, ` ${of}`));

/** The heading of a view, which gets the focus when one comes there. @param {string} text @param {string} [name] */
export const heading = (text, name) => el('h2', { tabIndex: -1, id: 'heading' }, text, name !== undefined && el('bdi', {}, ` ${name}`));

/** @param {number|undefined} bytes */
export function size(bytes) {
  return bytes === undefined ? '' : `${Math.round(bytes / 1024 / 1024).toLocaleString('en')} MiB`;
}

/** How long ago. @param {string|undefined} time */
export function since(time) {
  if (time === undefined) return '';
  const seconds = Math.max(0, Math.round((Date.now() - Date.parse(time)) / 1000));
  for (const [unit, length] of /** @type {[string, number][]} */ ([['d', 86400], ['h', 3600], ['min', 60]])) {
    if (seconds >= 2 * length) return `${Math.floor(seconds / length)} ${unit}`;
  }
  return `${seconds} s`;
}

/** @param {number|undefined} value */
export const number = value => value === undefined ? '' : value.toLocaleString('en');
