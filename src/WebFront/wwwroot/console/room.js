import { el } from '../shared/dom.js';
import { ApiError, at, get, query } from './api.js';
import { ask, change, counted, tell } from './dialog.js';
import { connectionColumns } from './lists.js';
import { facts, heading, number, pager, rowButton, table, userLink } from './parts.js';

/** Members of a page. */
const pageSize = 50;

/** Over how long the rate is taken, and drawn, in ms. */
const rateOver = 10_000;
const drawnOver = 120_000;

/**
 * A room as it is now: members, position, rate, slow consumers, its silo.
 * @param {() => void} refresh @param {string} room
 */
export function roomView(refresh, room) {
  const now = facts('Members', 'Connections', 'Messages', 'Messages a second', 'Fronts', 'Silo', 'Epoch');
  const nobody = el('p', { class: 'notice', hidden: true }, 'Nobody is in this room.');
  const rate = rateOf();
  const slow = table('Slow consumers', connectionColumns(refresh, 'Rooms'), 'Nobody in this room reads too slowly.');
  const pages = pager(refresh);
  const members = table('Members', [
    { name: 'User', node: member => userLink(member) },
    { name: 'Action', node: member => el('span', { class: 'row' }, rowButton('Remove', `${member} from the room`, () => void remove(member)), rowButton('Block', `${member} in this room`, () => void block(member))) },
  ], 'There are no members.');

  const text = el('input', { id: 'room-text', autocomplete: 'off' });
  const send = el('form', { class: 'inline', noValidate: true, onsubmit: publish },
    el('label', { htmlFor: 'room-text' }, 'Message to the room'), el('div', { class: 'row' }, text, el('button', { type: 'submit' }, 'Send')));

  /** @param {Event} event */
  async function publish(event) {
    event.preventDefault();
    if (!text.value) return tell('Write a message first.', true);
    if (await change('POST', at('rooms', room, 'messages'), { content: text.value }, answer => `The room has kept the message as number ${answer.seq}.`)) text.value = '';
    refresh();
  }

  /** @param {string} user */
  async function remove(user) {
    const yes = await ask({ title: 'Remove this member?', text: `All connections of ${user} are taken out of the room ${room}. It forbids nothing: who may join can come back.`, ok: 'Remove' });
    if (yes === null) return;
    await change('DELETE', at('rooms', room, 'members', user), undefined, answer => `${user} was taken out of the room, with ${counted(answer.connections, 'connection')}.`);
    refresh();
  }

  /** @param {string} user */
  async function block(user) {
    const seconds = await ask({ title: 'Block this member?', text: `${user} is taken out of the room ${room} and may not come back for a while.`, ok: 'Block', label: 'Seconds', value: '300', type: 'number' });
    if (seconds === null) return;
    await change('DELETE', `${at('rooms', room, 'members', user)}${query({ for: seconds })}`, undefined, () => `${user} was taken out of the room for ${counted(Number(seconds), 'second')}.`);
    refresh();
  }

  return {
    title: `Room ${room}`,
    element: el('div', {}, heading('Room', room), nobody, now.element, rate.element, slow.element, members.element, pages.element, send),
    /** @param {AbortSignal} signal */
    async refresh(signal) {
      const found = await orNull(get(at('rooms', room), signal));
      nobody.hidden = found !== null;
      if (found === null) {
        rate.reset();
        now.update('0', '0', '–', '–', '0', '–', '–');
        slow.update([], String);
        members.update([], String);
        pages.update(undefined);
        return;
      }
      const perSecond = rate.add(found.epoch, found.seq);
      now.update(number(found.members), number(found.connections), number(found.seq), perSecond, number(found.fronts), found.silo ?? '–', found.epoch);
      const [page, waiting] = await Promise.all([
        orNull(get(`${at('rooms', room, 'members')}${query({ limit: pageSize, after: pages.after })}`, signal)),
        get(`connections${query({ room, queued: 1, limit: 20 })}`, signal)]);
      members.update(page?.members ?? [], String);
      pages.update(page?.next);
      slow.update(waiting.connections, connection => connection.id);
    },
  };
}

/** Null for a room that nobody is in. @param {Promise<any>} answer */
async function orNull(answer) {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ApiError && error.code === 'room_not_found') return null;
    throw error;
  }
}

/** How many messages a second, of the numbers that they have: nothing is counted for it in the server. */
function rateOf() {
  /** @type {{time: number, seq: number}[]} */
  let points = [];
  let epoch = '';
  const namespace = 'http://www.w3.org/2000/svg';
  const element = document.createElementNS(namespace, 'svg');
  const line = document.createElementNS(namespace, 'polyline');
  element.setAttribute('viewBox', '0 0 240 40');
  element.setAttribute('preserveAspectRatio', 'none');
  element.setAttribute('class', 'rate');
  element.setAttribute('aria-hidden', 'true'); // the number beside it says it
  element.append(line);

  const between = (/** @type {{time: number, seq: number}} */ one, /** @type {{time: number, seq: number}} */ other) => (other.seq - one.seq) * 1000 / Math.max(1, other.time - one.time);

  return {
    element,
    reset() { points = []; line.setAttribute('points', ''); },
    /** @param {string} found  Another epoch begins to count anew. @param {number} seq */
    add(found, seq) {
      const time = performance.now();
      if (found !== epoch) points = [];
      epoch = found;
      points = [...points.filter(point => time - point.time <= drawnOver), { time, seq }];
      const rates = points.slice(1).map((point, i) => ({ time: point.time, rate: between(points[i], point) }));
      const most = Math.max(1, ...rates.map(point => point.rate));
      line.setAttribute('points', rates.map(point => `${(240 - (time - point.time) * 240 / drawnOver).toFixed(1)},${(38 - point.rate * 36 / most).toFixed(1)}`).join(' '));
      if (points.length < 2) return '–';
      const first = points.find(point => time - point.time <= rateOver);
      return between(first && first !== points[points.length - 1] ? first : points[points.length - 2], points[points.length - 1]).toLocaleString('en', { maximumFractionDigits: 1 });
    },
  };
}
