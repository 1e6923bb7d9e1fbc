import { bdi, byId, el } from '../shared/dom.js';
import { avatar } from './conversation.js';

/** Names on the page at once; a larger room shows the rest on request. */
const shownLimit = 200;
const byName = new Intl.Collator();

/**
 * The list of who is in a room.
 * @param {{onPick: (name: string) => void, onMore: () => void}} actions
 */
export function peopleList({ onPick, onMore }) {
  const title = byId('people-title');
  const list = byId('people-list');
  const note = byId('people-note');
  const more = byId('people-more');
  let frame = 0;
  let limit = shownLimit;
  let shownKey = '';
  /** @type {import('./conversation.js').Conversation|null} */
  let conversation = null;

  more.addEventListener('click', () => {
    limit += shownLimit;
    if (conversation && limit > conversation.members.size && conversation.membersNext !== null) onMore();
    render();
  });

  function render() {
    frame = 0;
    if (!conversation) return;
    if (shownKey !== conversation.key) {
      shownKey = conversation.key;
      limit = shownLimit;
    }
    const { me, kind } = conversation;
    const names = kind === 'person' ? [me, conversation.name] : [...conversation.members];
    names.sort((a, b) => Number(b === me) - Number(a === me) || byName.compare(a, b));
    const count = kind === 'person' ? 2 : Math.max(conversation.memberCount, names.length);
    title.textContent = kind === 'person' ? 'Between' : `People (${count.toLocaleString()})`;
    list.replaceChildren(...names.slice(0, limit).map(name => el('li', {},
      name === me
        ? el('span', { class: 'person-row' }, avatar(name), el('span', { class: 'person-name' }, bdi(name)), el('span', { class: 'muted small' }, 'you'))
        : el('button', { class: 'person-row', type: 'button', title: `Write to ${name}`, onclick: () => onPick(name) },
            avatar(name), el('span', { class: 'person-name' }, bdi(name))))));
    const hidden = count - Math.min(limit, names.length);
    note.hidden = hidden === 0;
    note.textContent = `and ${hidden.toLocaleString()} more`;
    more.hidden = hidden === 0 || (limit >= names.length && conversation.membersNext === null);
  }

  return {
    /** Shows this conversation's people, now or at the next frame. @param {import('./conversation.js').Conversation|null} of */
    show(of) {
      conversation = of;
      frame ||= requestAnimationFrame(render);
    },
  };
}
