import { el } from '../shared/dom.js';
import { at, get, query } from './api.js';
import { ask, change, counted, tell } from './dialog.js';
import { connectionColumns } from './lists.js';
import { facts, heading, number, roomLink, rowButton, table } from './parts.js';

/** Devices that are shown; a user has 50 at a front by default. */
const most = 200;

/**
 * A user as it is now: devices, rooms, inbox.
 * @param {() => void} refresh @param {string} user
 */
export function userView(refresh, user) {
  const now = facts('Devices', 'Rooms', 'Waiting messages', 'Inbox');
  const devices = table('Devices', connectionColumns(refresh, 'User'), 'The user is not connected.');
  const rooms = table('Rooms', [
    { name: 'Room', node: room => roomLink(room.room) },
    { name: 'Devices', text: room => number(room.devices), number: true },
    { name: 'Action', node: room => rowButton('Remove', `${user} from ${room.room}`, () => void remove(room.room)) },
  ], 'The user is in no room.');

  const text = el('input', { id: 'user-text', autocomplete: 'off' });
  const send = el('form', { class: 'inline', noValidate: true, onsubmit: message },
    el('label', { htmlFor: 'user-text' }, 'Message to the user'), el('div', { class: 'row' }, text, el('button', { type: 'submit' }, 'Send')));
  const actions = el('div', { class: 'row actions', role: 'group', 'aria-label': 'What is done with the user' },
    el('button', { type: 'button', onclick: () => void disconnect() }, 'Disconnect'),
    el('button', { type: 'button', onclick: () => void block() }, 'Block'),
    el('button', { type: 'button', onclick: () => void act('unblock', `${user} may connect again.`) }, 'Unblock'),
    el('button', { type: 'button', onclick: () => void signOut() }, 'Sign out everywhere'));

  /** @param {string} operation @param {string} words @param {object} [body] */
  async function act(operation, words, body) {
    await change('POST', at('users', user, operation), body, () => words);
    refresh();
  }

  async function disconnect() {
    const reason = await ask({ title: 'Disconnect this user?', text: `All connections of ${user} are closed with 4002, after which clients do not come back by themselves.`, ok: 'Disconnect', label: 'Reason, which the client is told' });
    if (reason === null) return;
    await change('POST', at('users', user, 'disconnect'), reason ? { reason } : undefined, answer => `${user} was disconnected, with ${counted(answer.connections, 'connection')}.`);
    refresh();
  }

  async function block() {
    const seconds = await ask({ title: 'Block this user?', text: `All connections of ${user} are closed, and none is let in for a while.`, ok: 'Block', label: 'Seconds', value: '300', type: 'number' });
    if (seconds !== null) await act('block', `${user} is blocked for ${counted(Number(seconds), 'second')}.`, { seconds: Number(seconds) });
  }

  async function signOut() {
    const yes = await ask({ title: 'Sign this user out?', text: `The tokens of ${user} that were issued up to now count no more, and connections that came with one are closed.`, ok: 'Sign out' });
    if (yes !== null) await act('revoke-tokens', `${user} is signed out.`);
  }

  /** @param {string} room */
  async function remove(room) {
    const yes = await ask({ title: 'Remove from this room?', text: `All connections of ${user} are taken out of the room ${room}. It forbids nothing: who may join can come back.`, ok: 'Remove' });
    if (yes === null) return;
    await change('DELETE', at('rooms', room, 'members', user), undefined, answer => `${user} was taken out of ${room}, with ${counted(answer.connections, 'connection')}.`);
    refresh();
  }

  /** @param {Event} event */
  async function message(event) {
    event.preventDefault();
    if (!text.value) return tell('Write a message first.', true);
    const sent = await change('POST', at('users', user, 'messages'), { content: text.value },
      answer => `The message went to ${counted(answer.connections, 'connection')}${answer.seq === undefined ? '' : `, and into the inbox as number ${answer.seq}`}.`);
    if (sent) text.value = '';
    refresh();
  }

  return {
    title: `User ${user}`,
    element: el('div', {}, heading('User', user), now.element, actions, devices.element, rooms.element, send),
    /** @param {AbortSignal} signal */
    async refresh(signal) {
      const [{ count, connections }, inbox] = await Promise.all([get(`connections${query({ user, limit: most })}`, signal), get(at('users', user, 'inbox'), signal)]);
      /** @type {Map<string, number>} */
      const inRooms = new Map();
      let waiting = 0;
      for (const connection of connections) {
        waiting += connection.queuedMessages;
        for (const room of connection.rooms) inRooms.set(room, (inRooms.get(room) ?? 0) + 1);
      }
      now.update(number(count), number(inRooms.size), number(waiting),
        inbox.epoch === undefined ? 'None' : `${counted(inbox.messages, 'message')}, the last is number ${number(inbox.seq)}; ${counted(inbox.connections, 'device')} ${inbox.connections === 1 ? 'listens' : 'listen'}`);
      devices.update(connections, connection => connection.id);
      rooms.update([...inRooms].sort(([one], [other]) => one < other ? -1 : 1).map(([room, count]) => ({ room, devices: count })), room => room.room);
    },
  };
}
