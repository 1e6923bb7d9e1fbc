/**
 * Makes an element. Text goes in as text, never as markup.
 * @param {string} tag
 * @param {Record<string, any>} [properties]  `class`, `dataset`, `on<event>` handlers, `aria-*`; anything else is set as a property.
 * @param {...(Node|string|null|undefined|false)} children
 * @returns {any}
 */
export function el(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined) continue;
    if (name === 'class') element.className = value;
    else if (name === 'dataset') Object.assign(element.dataset, value);
    else if (name.startsWith('on')) element.addEventListener(name.slice(2), value);
    else if (name.includes('-') || name === 'role') element.setAttribute(name, value);
    else /** @type {any} */ (element)[name] = value;
  }
  for (const child of children) if (child) element.append(child);
  return element;
}

/**
 * A name, or other words that somebody else chose: the direction in which they are written stays theirs and turns nothing
 * around them.
 * @param {string} words @returns {HTMLElement}
 */
export function bdi(words) { return el('bdi', {}, words); }

/** An address as people read it; one that is no UTF-8 (`%ff`) stays as it is. @param {string} address */
export function readable(address) {
  try { return decodeURI(address); } catch { return address; }
}

/**
 * The element with that id, which the page must have.
 * @param {string} id @returns {any}
 */
export function byId(id) {
  const element = document.getElementById(id);
  if (!element) throw new Error(`The page has no element #${id}.`);
  return element;
}
