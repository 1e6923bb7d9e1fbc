/** @typedef {'localStorage'|'sessionStorage'} Store */
/** A browser may refuse storage; then nothing is remembered. */
export function read(/** @type {Store} */ store, /** @type {string} */ key) {
  try { return window[store].getItem(`realtime.${key}`); } catch { return null; }
}
/** Null removes it. */
export function write(/** @type {Store} */ store, /** @type {string} */ key, /** @type {string|null} */ value) {
  try {
    if (value === null) window[store].removeItem(`realtime.${key}`);
    else window[store].setItem(`realtime.${key}`, value);
  } catch { /* see read */ }
}
