import { byId } from '../shared/dom.js';

/** The field that messages are written in: Enter sends, and it is as high as its text. */

const text = byId('text');

text.addEventListener('keydown', (/** @type {KeyboardEvent} */ event) => {
  // While an input method composes, Enter chooses a word.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId('composer').requestSubmit();
});
text.addEventListener('input', grow);

/** As high as its text, up to the height that the style sheet allows. */
export function grow() {
  text.style.height = 'auto';
  text.style.height = `${text.scrollHeight + text.offsetHeight - text.clientHeight}px`;
}
