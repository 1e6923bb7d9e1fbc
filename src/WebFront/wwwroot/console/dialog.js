import { byId } from '../shared/dom.js';
import { ApiError, call } from './api.js';

const dialog = byId('dialog');
const input = byId('dialog-input');
/** @type {(value: string|null) => void} */
let settle = () => {};

byId('dialog-cancel').addEventListener('click', () => dialog.close());
byId('dialog-form').addEventListener('submit', (/** @type {Event} */ event) => {
  event.preventDefault();
  settle(input.value);
  dialog.close();
});
dialog.addEventListener('close', () => settle(null));

/**
 * Asks before something is done that cannot be undone. The browser keeps the focus inside, and gives it back.
 * @param {{title: string, text: string, ok: string, label?: string, value?: string, type?: string}} question  With a `label` there is a field.
 * @returns {Promise<string|null>} What the field has; null when it was cancelled.
 */
export function ask({ title, text, ok, label, value = '', type = 'text' }) {
  byId('dialog-title').textContent = title;
  byId('dialog-text').textContent = text;
  byId('dialog-ok').textContent = ok;
  byId('dialog-field').hidden = !label;
  byId('dialog-label').textContent = label ?? '';
  input.type = type;
  input.value = value;
  return new Promise(resolve => {
    settle = answer => { settle = () => {}; resolve(answer); };
    dialog.showModal();
    (label ? input : byId('dialog-cancel')).focus();
  });
}

/** How long a message about what was done stays, in ms. */
const shownFor = 10_000;
let hiding = 0;

/** Says what was done, or why not; screen readers say it too. @param {string} text @param {boolean} [isBad] */
export function tell(text, isBad = false) {
  const [one, other] = isBad ? ['failed', 'done'] : ['done', 'failed'];
  byId(other).hidden = true;
  byId(one).hidden = false;
  byId(one).textContent = text;
  clearTimeout(hiding);
  hiding = setTimeout(() => { byId(one).hidden = true; byId(one).textContent = ''; }, shownFor);
}

/**
 * Changes something by the API, and tells how that went.
 * @param {string} method @param {string} path @param {object|undefined} body
 * @param {(answer: any) => string} words  Of what was done.
 * @returns {Promise<boolean>} Whether it was done.
 */
export async function change(method, path, body, words) {
  try {
    tell(words(await call(method, path, { body })));
    return true;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    tell(error.message, true);
    return false;
  }
}

/** @param {number} count @param {string} what */
export const counted = (count, what) => `${count} ${what}${count === 1 ? '' : 's'}`;
