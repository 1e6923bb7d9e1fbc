import { bdi, el } from '../shared/dom.js';

/** Lines kept on screen per conversation: enough to read back, few enough that a phone stays quick. */
const lineLimit = 500;
/** Messages of one sender within this time share one heading. */
const groupWithin = 5 * 60_000;

const clock = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });
const fullTime = new Intl.DateTimeFormat(undefined, { dateStyle: 'full', timeStyle: 'medium' });

/**
 * A room or a person that one talks with, and its lines on the screen.
 *
 * What the room has numbered stands in `lines`, in that order. What was written here and has not come back yet stands
 * below it in `outgoing`; it disappears there when its number shows up above, so nothing ever has to change places. One
 * that has failed becomes a line where the conversation was by then: what comes later stands below it.
 *
 * @typedef {{text: string, state: 'pending'|'sent'|'failed', seq?: number, epoch?: string, retry: () => void, element: HTMLElement}} Outgoing
 */
export class Conversation {
  /** Users in the room, as far as known. */
  members = new Set();
  /** How many there are: more than `members` when the room is too large to list. */
  memberCount = 0;
  /** Where the next page of members starts; null when all are known. */
  membersNext = /** @type {string|null} */ (null);
  /** Comings, goings and counts that the room has told; an answer to who is there is of one moment among them. */
  presence = 0;
  /** Whether members have come or gone without a word, as in a room that tells counts only. */
  membersUnsure = false;
  /** @type {ReturnType<typeof setTimeout>|undefined} */ membersTimer;
  unread = 0;
  draft = '';
  /** Scroll position while another conversation is shown; null for "at the end". */
  scrolledTo = /** @type {number|null} */ (null);

  /** @type {HTMLElement} */ element;
  /** @type {HTMLElement} */ #lines;
  /** @type {HTMLElement} */ #outgoing;
  /** @type {Set<Outgoing>} */ #waiting = new Set();
  /** @type {Node[]} */ #unshown = [];
  #frame = 0;
  #seen = { epoch: '', seq: 0 };
  /** Who spoke last and when, for grouping. */
  #last = { from: /** @type {string|null} */ (null), time: 0 };
  /** @type {{kind: string, names: string[], element: HTMLElement}|null} */ #comings = null;
  /** @type {HTMLElement|null} */ #newMark = null;

  /**
   * @param {'room'|'person'} kind
   * @param {string} name
   * @param {string} me       The user's own name.
   * @param {() => void} shown  Called after lines were added to the page.
   */
  constructor(kind, name, me, shown) {
    this.kind = kind;
    this.name = name;
    this.me = me;
    this.shown = shown;
    this.#lines = el('ol', { class: 'lines' });
    this.#outgoing = el('ol', { class: 'lines outgoing' });
    this.element = el('div', { class: 'conversation' }, this.#lines, this.#outgoing);
  }

  /** What stands before the name: a room's or a person's. */
  get sign() { return this.kind === 'room' ? '#' : '@'; }

  get key() { return this.sign + this.name; }

  /** A message that arrived. @param {{from?: string, service?: true, content?: string, data?: any, timestamp?: number, epoch?: string, seq?: number}} message */
  message(message) {
    if (message.seq !== undefined && message.epoch !== undefined) {
      this.#seen = { epoch: message.epoch, seq: message.seq };
      for (const item of this.#waiting) if (this.#hasReturned(item)) this.#forget(item);
      if (message.from === this.me && !message.service) this.#hideTwin(message.content);
    }
    this.#say(message.from ?? 'server', message.content, message.data, message.timestamp ?? Date.now(), 'Sent', message.service);
  }

  /** A line about the conversation itself. @param {string} text @param {'quiet'|'warning'} [tone] */
  note(text, tone = 'quiet') {
    this.#comings = null;
    this.#last.from = null;
    this.#add(el('li', { class: `note ${tone}` }, el('span', {}, text)));
  }

  /** Somebody came or went; several in a row share a line. @param {'joined'|'left'} kind @param {string} name */
  came(kind, name) {
    if (this.#comings?.kind !== kind) {
      this.note('');
      const element = /** @type {HTMLElement} */ (this.#unshown.at(-1));
      this.#comings = { kind, names: [], element };
    }
    const { names, element } = this.#comings;
    names.push(name);
    const shown = names.length <= 3 ? names.map(bdi) : [...names.slice(0, 2).map(bdi), `${names.length - 2} others`];
    element.replaceChildren(el('span', {}, ...list(shown), ` ${kind}`));
  }

  /** Marks where the unread part begins. */
  markNew() {
    this.#newMark?.remove();
    this.#newMark = el('li', { class: 'new-mark' }, el('span', {}, 'New'));
    this.#comings = null;
    this.#last.from = null;
    this.#add(/** @type {HTMLElement} */ (this.#newMark));
  }

  /**
   * Shows a message that is on its way.
   * @param {string} text @param {() => void} retry  Called when the user wants a failed one sent once more.
   * @returns {Outgoing}
   */
  send(text, retry) {
    /** @type {Outgoing} */
    const item = { text, state: 'pending', retry, element: el('li', { class: 'message own' }) };
    item.element.append(
      el('div', { class: 'bubble' }, textOf(text)),
      el('p', { class: 'delivery' }));
    this.#waiting.add(item);
    this.#outgoing.append(item.element);
    this.setState(item, 'pending');
    this.shown();
    return item;
  }

  /**
   * The fate of an outgoing message; `words` say why it failed.
   * @param {Outgoing} item @param {'pending'|'sent'|'failed'} state @param {...(string|Node)} words
   */
  setState(item, state, ...words) {
    item.state = state;
    item.element.dataset.state = state;
    item.element.hidden = false;
    const line = /** @type {HTMLElement} */ (item.element.lastElementChild);
    if (state !== 'failed') return line.replaceChildren(state === 'pending' ? 'Sending…' : 'Sent');
    line.replaceChildren(
      el('span', { role: 'alert' }, 'Not sent. ', ...words, ' '),
      el('button', { type: 'button', class: 'link', onclick: () => { this.#forget(item); item.retry(); } }, 'Try again'),
      el('button', { type: 'button', class: 'link', onclick: () => this.#forget(item) }, 'Discard'));
    this.#waiting.delete(item);
    this.#comings = null;
    this.#last.from = null;
    this.#add(item.element);
  }

  /** The room has kept it at this position. @param {Outgoing} item @param {{epoch: string, seq: number}} position */
  kept(item, { epoch, seq }) {
    Object.assign(item, { epoch, seq });
    if (this.#hasReturned(item)) this.#forget(item);
    else this.setState(item, 'sent');
  }

  /** A direct message has reached somebody: from now on it is a line like any other. @param {Outgoing} item @param {string} words */
  delivered(item, words) {
    this.#forget(item);
    this.#say(this.me, item.text, undefined, Date.now(), words);
  }

  /** The room will not send again what it has kept: put those lines in their place. */
  settle() {
    for (const item of this.#waiting) {
      if (item.state !== 'sent') continue;
      this.#forget(item);
      this.#say(this.me, item.text, undefined, Date.now());
    }
  }

  /** A message may return before its ack does: its copy below is hidden at once, and the ack decides for good. */
  #hideTwin(/** @type {string|undefined} */ text) {
    for (const item of this.#waiting) {
      if (item.state !== 'pending' || item.element.hidden || item.text !== text) continue;
      item.element.hidden = true;
      return;
    }
  }

  #hasReturned(/** @type {Outgoing} */ item) {
    return item.epoch === this.#seen.epoch && item.seq !== undefined && item.seq <= this.#seen.seq;
  }

  #forget(/** @type {Outgoing} */ item) {
    this.#waiting.delete(item);
    item.element.remove();
    const unshown = this.#unshown.indexOf(item.element);
    if (unshown >= 0) this.#unshown.splice(unshown, 1);
  }

  #say(/** @type {string} */ from, /** @type {string|undefined} */ content, /** @type {any} */ data,
    /** @type {number} */ time, delivery = 'Sent', isService = false) {
    const own = from === this.me && !isService; // a service may have given any name
    const who = isService ? `\n${from}` : from;
    const grouped = this.#last.from === who && time - this.#last.time < groupWithin;
    this.#last = { from: who, time };
    this.#comings = null;
    const line = el('li', { class: `message${own ? ' own' : ''}${grouped ? ' grouped' : ''}` });
    if (!own && !grouped) line.append(avatar(from));
    if (!grouped) {
      line.append(el('p', { class: 'by' },
        own ? el('span', { class: 'sr-only' }, 'You') : el('strong', {}, bdi(from)), isService && ' · service', ' ',
        el('time', { dateTime: new Date(time).toISOString(), title: fullTime.format(time) }, clock.format(time))));
    }
    line.append(el('div', { class: 'bubble', title: fullTime.format(time) },
      content !== undefined && textOf(content),
      data !== undefined && el('code', { class: 'data' }, JSON.stringify(data))));
    if (own) line.append(el('p', { class: 'delivery' }, delivery));
    this.#add(line);
  }

  /** Lines go to the page once per frame, however fast they come. */
  #add(/** @type {Node} */ line) {
    this.#unshown.push(line);
    if (this.#unshown.length > lineLimit) this.#unshown.splice(Math.max(0, this.#unshown.findIndex(isExpendable)), 1);
    // A hidden page has no frames; its lines wait, bounded, for the one that shows it again.
    this.#frame ||= requestAnimationFrame(() => this.flush());
  }

  /** Puts the waiting lines on the page. */
  flush() {
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    if (this.#unshown.length === 0) return;
    this.#lines.append(...this.#unshown.splice(0));
    const over = this.#lines.childElementCount - lineLimit;
    if (over > 0) for (const line of [...this.#lines.children].filter(isExpendable).slice(0, over)) line.remove();
    this.shown();
  }
}

/** A coloured disc with the name's first letter; the colour is the name's own. @param {string} name */
export function avatar(name) {
  const disc = el('span', { class: 'avatar', 'aria-hidden': 'true' }, [...name][0]?.toUpperCase() ?? '?');
  let hash = 2166136261; // FNV-1a: names that differ little get colours that differ much.
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 16777619) >>> 0;
  disc.style.setProperty('--hue', String(hash % 360));
  return disc;
}

/** Text with its web addresses as links. @param {string} text */
function textOf(text) {
  const span = el('bdi', { class: 'text' });
  let end = 0;
  for (const match of text.matchAll(/https?:\/\/[^\s<>"']*[^\s<>"'.,;:!?)\]}]/g)) {
    span.append(text.slice(end, match.index),
      el('a', { href: match[0], target: '_blank', rel: 'noopener noreferrer' }, match[0]));
    end = match.index + match[0].length;
  }
  span.append(text.slice(end));
  return span;
}

/** "a, b and c". @param {(string|Node)[]} names @returns {(string|Node)[]} */
function list(names) {
  return names.flatMap((name, i) => i === 0 ? [name] : [i === names.length - 1 ? ' and ' : ', ', name]);
}

/** Not the only copy of what somebody wrote. @param {Node} line */
function isExpendable(line) { return /** @type {HTMLElement} */ (line).dataset?.state !== 'failed'; }
