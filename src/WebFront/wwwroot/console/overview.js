import { el } from '../shared/dom.js';
import { at, get } from './api.js';
import { ask, change, counted, tell } from './dialog.js';
import { facts, heading, number, rowButton, setText, since, size, table } from './parts.js';

/**
 * The cluster: fronts, silos, versions; a front is drained here, and everybody is sent a message.
 * @param {() => void} refresh
 */
export function overview(refresh) {
  const totals = facts('Connections', 'Fronts', 'Silos', 'Rooms in memory');
  const warning = el('p', { class: 'notice', hidden: true });
  /** @type {Map<string, any>} */
  let fronts = new Map();

  const frontTable = table('Fronts', [
    { name: 'Front', text: front => front.front, code: true },
    { name: 'State', text: stateOf },
    { name: 'Connections', text: front => number(front.connections), number: true },
    { name: 'Rooms', text: front => number(front.rooms), number: true },
    { name: 'Memory', text: front => size(front.memory), number: true },
    { name: 'Up for', text: front => since(front.startedAt), number: true },
    { name: 'Version', text: front => front.version ?? '' },
    { name: 'Host', text: front => front.host ?? '' },
    { name: 'Action', node: front => drainButton(front.front) },
  ], 'There is no front.');
  const siloTable = table('Silos', [
    { name: 'Silo', text: silo => silo.silo, code: true },
    { name: 'State', text: silo => silo.version === undefined ? 'Does not answer' : 'Up' },
    { name: 'Rooms', text: silo => number(silo.rooms), number: true },
    { name: 'Grains', text: silo => number(silo.activations), number: true },
    { name: 'Memory', text: silo => size(silo.memory), number: true },
    { name: 'Up for', text: silo => since(silo.startedAt), number: true },
    { name: 'Version', text: silo => silo.version ?? '' },
    { name: 'Host', text: silo => silo.host ?? '' },
  ], 'There is no silo.');

  const text = el('input', { id: 'broadcast-text', autocomplete: 'off' });
  const send = el('form', { class: 'inline', noValidate: true, onsubmit: broadcast },
    el('label', { htmlFor: 'broadcast-text' }, 'Message to everybody who is connected'), el('div', { class: 'row' }, text, el('button', { type: 'submit' }, 'Send')));

  /** One button for a row, whose words say what it would do now. @param {string} front */
  function drainButton(front) {
    const button = rowButton('Drain', front, () => void drain(front));
    button.dataset.front = front;
    return button;
  }

  /** @param {string} front */
  async function drain(front) {
    if (fronts.get(front)?.draining) {
      await change('POST', at('fronts', front, 'undrain'), undefined, () => `Front ${front} lets clients in again.`);
    } else {
      const isLast = [...fronts.values()].filter(other => other.front !== front && !other.draining && other.version !== undefined).length === 0;
      const yes = await ask({
        title: `Drain front ${front}?`,
        text: `It takes no more clients and closes the ${counted(fronts.get(front)?.connections ?? 0, 'connection')} that it has; they come back elsewhere.${isLast ? ' There is no other front that takes clients: nobody can connect until you end the drain.' : ''}`,
        ok: 'Drain',
      });
      if (yes === null) return;
      await change('POST', at('fronts', front, 'drain'), undefined, answer => `Front ${front} is drained; it had ${counted(answer.connections, 'connection')}.`);
    }
    refresh();
  }

  /** @param {Event} event */
  async function broadcast(event) {
    event.preventDefault();
    const content = text.value;
    if (!content) return tell('Write a message first.', true);
    if (await ask({ title: 'Send to everybody?', text: `“${content}” goes to every connection of every front.`, ok: 'Send' }) === null) return;
    if (await change('POST', 'messages', { content }, answer => `The message was sent, to ${counted(answer.fronts, 'front')}.`)) text.value = '';
  }

  return {
    title: 'Overview',
    element: el('div', {}, heading('Overview'), totals.element, warning, frontTable.element, siloTable.element, send),
    /** @param {AbortSignal} signal */
    async refresh(signal) {
      const [{ fronts: found }, { silos }] = await Promise.all([get('fronts', signal), get('silos', signal)]);
      fronts = new Map(found.map((/** @type {any} */ front) => [front.front, front]));
      const sum = (/** @type {any[]} */ items, /** @type {string} */ name) => items.reduce((total, item) => total + (item[name] ?? 0), 0);
      totals.update(number(sum(found, 'connections')), number(found.length), number(silos.length), number(sum(silos, 'rooms')));
      const versions = new Set([...found, ...silos].map(process => process.version).filter(Boolean));
      warning.hidden = versions.size < 2;
      setText(warning, `These processes are of ${versions.size} versions: ${[...versions].join(', ')}.`);
      frontTable.update(found, front => front.front);
      siloTable.update(silos, silo => silo.silo);
      for (const button of frontTable.element.querySelectorAll('button')) {
        if (button.firstChild) button.firstChild.textContent = fronts.get(button.dataset.front ?? '')?.draining ? 'End drain' : 'Drain';
      }
    },
  };
}

/** @param {any} front */
function stateOf(front) {
  if (front.version === undefined) return 'Does not answer';
  if (front.draining) return 'Draining';
  return front.problem ?? 'Ready';
}
