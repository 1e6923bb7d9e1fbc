import { byId } from '../shared/dom.js';
import { typedNameProblem } from '../shared/names.js';

/** The parts of the page that come and go: the form that opens a conversation, the list of people, the notice. */

/** The form that opens a conversation. @param {{ onRoom: (name: string) => void, onPerson: (name: string) => void }} actions */
export function openForm({ onRoom, onPerson }) {
  byId('open-form').addEventListener('submit', (/** @type {Event} */ event) => {
    event.preventDefault();
    const field = byId('open-name');
    const wanted = field.value.trim();
    const toPerson = wanted.startsWith('@');
    const name = wanted.replace(/^[#@]/, '');
    const problem = typedNameProblem(name, toPerson ? 'user' : 'room');
    byId('open-error').textContent = problem ?? '';
    byId('open-error').hidden = problem === null;
    if (problem) return;
    field.value = '';
    showOpenForm(false);
    if (toPerson) onPerson(name);
    else onRoom(name);
  });
}
byId('open-toggle').addEventListener('click', () => showOpenForm(!byId('app').classList.contains('opening')));

function showOpenForm(/** @type {boolean} */ show) {
  byId('app').classList.toggle('opening', show);
  byId('open-toggle').setAttribute('aria-expanded', String(show));
  if (show) byId('open-name').focus();
}

export function showPeople(/** @type {boolean} */ show) {
  byId('app').classList.toggle('with-people', show);
  byId('people-toggle').setAttribute('aria-expanded', String(show));
  if (show) byId('people-close').focus();
}
byId('people-toggle').addEventListener('click', () => showPeople(true));
byId('people-close').addEventListener('click', () => { showPeople(false); byId('people-toggle').focus(); });
byId('backdrop').addEventListener('click', () => showPeople(false));
document.addEventListener('keydown', event => {
  if (event.key !== 'Escape') return;
  showPeople(false);
  showOpenForm(false);
});

/** Says it above the messages, until it is dismissed; '' says nothing any more. @param {...(string|Node)} words */
export function notice(...words) {
  byId('notice-text').replaceChildren(...words);
  byId('notice').hidden = byId('notice-text').textContent === '';
}
byId('notice-close').addEventListener('click', () => notice(''));

export function signinError(/** @type {string} */ words) {
  const error = byId('signin-error');
  error.textContent = words;
  error.hidden = false;
}
