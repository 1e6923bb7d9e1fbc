import { byId, el } from '../shared/dom.js';
import { hexDump, sizeOf } from './bytes.js';

/** Entries kept: a busy room fills this in seconds, and a phone still scrolls it. */
const entryLimit = 1000;
/** Text beyond this (UTF-16 units) is cut on the page; the size says how much there was. */
const textLimit = 20_000;
const endMargin = 32;

/**
 * @typedef {'in'|'out'|'http'|'event'} Direction
 * @typedef {object} Entry
 * @property {Date} time
 * @property {Direction} direction
 * @property {string} kind     What it is, in a word: "text", "binary", "POST", "close".
 * @property {string} text     What is shown and searched.
 * @property {any} [json]      The same, parsed, when it is JSON.
 * @property {number} [size]   Bytes of payload.
 * @property {'good'|'bad'} [tone]
 * @property {HTMLElement} [element]
 */

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit', fractionalSecondDigits: 3 });
const arrows = { in: '↓', out: '↑', http: '⇄', event: '•' };
const directionWords = { in: 'received', out: 'sent', http: 'HTTP', event: 'event' };

/** The list of what went over the wire. */
export function frameList() {
  const list = byId('frames');
  const filter = byId('filter');
  const direction = byId('direction');
  const pretty = byId('pretty');
  /** @type {Entry[]} */
  let entries = [];
  /** @type {Entry[]} */
  let waiting = [];
  const totals = { in: { count: 0, bytes: 0 }, out: { count: 0, bytes: 0 } };
  let frame = 0;
  /** Whether new frames scroll along. */
  let following = true;

  list.addEventListener('scroll', () => {
    following = list.scrollHeight - list.scrollTop - list.clientHeight < endMargin;
  }, { passive: true });
  filter.addEventListener('input', showMatching);
  direction.addEventListener('change', showMatching);
  pretty.addEventListener('change', () => {
    const atEnd = following;
    for (const entry of entries) entry.element?.lastElementChild?.replaceChildren(...payloadOf(entry));
    if (atEnd) list.scrollTop = list.scrollHeight;
  });
  byId('clear').addEventListener('click', () => {
    entries = [];
    waiting = [];
    list.replaceChildren();
    for (const total of Object.values(totals)) total.count = total.bytes = 0;
    show();
  });

  /** @param {Entry} entry */
  function matches(entry) {
    const wanted = filter.value.trim().toLowerCase();
    return (direction.value === '' || direction.value === entry.direction)
      && (wanted === '' || entry.text.toLowerCase().includes(wanted) || entry.kind.toLowerCase().includes(wanted));
  }

  function showMatching() {
    for (const entry of entries) if (entry.element) entry.element.hidden = !matches(entry);
    list.scrollTop = list.scrollHeight;
  }

  /** @param {Entry} entry @returns {(string|Node)[]} */
  function payloadOf({ text, json }) {
    const whole = pretty.checked && json !== undefined ? JSON.stringify(json, null, 2) : text;
    const shown = whole.length > textLimit ? `${whole.slice(0, textLimit)}…` : whole;
    // Compact JSON has no spaces to break a line at; behind a comma is a good place, and it copies as it is.
    return json === undefined || pretty.checked ? [shown]
      : shown.split(/(?<=,)/).flatMap((part, index) => (index === 0 ? [part] : [el('wbr'), part]));
  }

  /** The page is written once per frame, however fast the frames come. */
  function show() {
    frame = 0;
    list.append(...waiting.splice(0).map(elementOf));
    while (list.childElementCount > entryLimit) list.firstElementChild?.remove();
    byId('empty').hidden = entries.length > 0;
    byId('totals').textContent = totals.in.count + totals.out.count === 0 ? ''
      : `↓ ${totals.in.count.toLocaleString()} (${sizeOf(totals.in.bytes)})  ↑ ${totals.out.count.toLocaleString()} (${sizeOf(totals.out.bytes)})`;
    if (following) list.scrollTop = list.scrollHeight;
  }

  /** @param {Omit<Entry, 'time'>} what */
  function add(what) {
    const entry = { ...what, time: new Date() };
    if (entry.direction === 'in' || entry.direction === 'out') {
      totals[entry.direction].count++;
      totals[entry.direction].bytes += entry.size ?? 0;
    }
    entries.push(entry);
    waiting.push(entry);
    if (entries.length > entryLimit) entries.shift();
    if (waiting.length > entryLimit) waiting.shift();
    frame ||= requestAnimationFrame(show);
  }

  /** @param {Entry} entry @returns {HTMLElement} */
  function elementOf(entry) {
    return entry.element = el('div', { class: `frame ${entry.direction} ${entry.tone ?? ''}`, hidden: !matches(entry) },
      el('p', { class: 'frame-head' },
        el('span', { class: 'arrow', 'aria-hidden': 'true' }, arrows[entry.direction]),
        el('span', { class: 'sr-only' }, directionWords[entry.direction]),
        el('time', { dateTime: entry.time.toISOString() }, clock.format(entry.time)),
        el('span', { class: 'kind' }, entry.kind),
        entry.size !== undefined && el('span', { class: 'size' }, sizeOf(entry.size))),
      el('pre', {}, ...payloadOf(entry)));
  }

  return {
    /** @param {'in'|'out'} way @param {string|Uint8Array} data @param {number} size  Bytes. */
    payload(way, data, size) {
      if (typeof data !== 'string')
        return add({ direction: way, kind: 'binary', text: hexDump(data), size });
      const json = parseJson(data);
      add({ direction: way, kind: typeof json?.type === 'string' ? json.type : 'text', text: data, json, size, tone: json?.type === 'error' ? 'bad' : undefined });
    },
    /** @param {string} kind @param {string} text @param {'good'|'bad'} [tone] */
    event(kind, text, tone) { add({ direction: 'event', kind, text, tone }); },
    /** @param {string} kind  Method or status. @param {string} text @param {number} size  Bytes of the body. @param {'good'|'bad'} [tone] */
    http(kind, text, size, tone) { add({ direction: 'http', kind, text, size, tone }); },
  };
}

/** Objects and arrays only: a lone number or word is text. @param {string} text */
export function parseJson(text) {
  if (!/^\s*[{[]/.test(text)) return undefined;
  try { return JSON.parse(text); } catch { return undefined; }
}
