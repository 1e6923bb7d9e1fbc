/** What the server would refuse is refused here, before it is sent, with words about what is allowed. */

/** The bounds of the server, in bytes of UTF-8. */
const nameBytes = 128;
const idBytes = 128;
/** How deep arrays and objects may lie in each other in `data`. */
const dataDepth = 60;
/** The longest wait of a timer (ms): browsers and Node take a longer one for none. */
export const timerMax = 2 ** 31 - 1;

const encoder = new TextEncoder();
export function byteCount(/** @type {string} */ text) { return encoder.encode(text).length; }

/** The rule of the server for names, in words. */
const nameRule = `it must be a string of 1 to ${nameBytes} bytes of UTF-8, without white space at its ends and without control and `
  + "invisible characters, and not '.' or '..'.";
/**
 * What no name has: control and format characters, surrogate halves, line and paragraph separators, what cannot be seen (the
 * empty Braille pattern too), noncharacters, and U+FFFD, which stands for something that was lost.
 */
const badCharacter = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}\u2800\ufffd]/u;

/** @param {unknown} name @param {string} what @returns {string|null} */
export function nameProblem(name, what) {
  const wrong = (/** @type {string} */ words) => `The ${what} name ${words}; ${nameRule}`;
  if (typeof name !== 'string') return wrong(`is ${kindOf(name)}`);
  const bytes = byteCount(name);
  if (bytes < 1 || bytes > nameBytes) return wrong(`has ${bytes} bytes`);
  const bad = badCharacter.exec(name)?.[0].codePointAt(0);
  if (bad !== undefined) return wrong(`has the character U+${bad.toString(16).toUpperCase().padStart(4, '0')}`);
  if (name.trim() === '') return wrong('is blank');
  if (name.trim() !== name) return wrong('begins or ends with white space');
  return name === '.' || name === '..' ? wrong(`is '${name}'`) : null;
}

export function checkName(/** @type {unknown} */ name, /** @type {string} */ what) {
  const problem = nameProblem(name, what);
  if (problem !== null) throw typeof name === 'string' ? new RangeError(problem) : new TypeError(problem);
}

export function checkId(/** @type {unknown} */ id, what = 'id') {
  if (typeof id !== 'string') throw new TypeError(`The ${what} is ${kindOf(id)}; it must be a string of 1 to ${idBytes} bytes of UTF-8.`);
  const bytes = byteCount(id);
  if (bytes < 1 || bytes > idBytes) throw new RangeError(`The ${what} has ${bytes} bytes; it must be a string of 1 to ${idBytes} bytes of UTF-8.`);
  checkUnicode(`The ${what}`, id);
}

/** @param {any} position */
export function checkPosition(position) {
  if (typeof position !== 'object' || !Number.isSafeInteger(position.seq) || position.seq < 0)
    throw new TypeError('A position is { epoch, seq }: an epoch that the server gave, and a whole number from 0 on.');
  checkEpoch(position.epoch);
}

export function checkFlag(/** @type {string} */ what, /** @type {unknown} */ value) {
  if (typeof value !== 'boolean') throw new TypeError(`The option '${what}' is ${kindOf(value)}; it must be true or false.`);
}

export function checkEpoch(/** @type {unknown} */ epoch) {
  if (typeof epoch !== 'string' || epoch.length < 1 || epoch.length > idBytes)
    throw new TypeError(`The epoch of a position { epoch, seq } must be one that the server gave: a string of 1 to ${idBytes} characters.`);
  checkUnicode('The epoch', epoch);
}

/**
 * Optional arguments come in an object with these names and no other.
 * @param {string} call @param {any} given @param {string[]} names
 */
export function checkFields(call, given, names) {
  if (typeof given !== 'object' || given === null)
    throw new TypeError(`The options of ${call} are ${kindOf(given)}; they must be an object with any of ${names.join(', ')}.`);
  for (const name of Object.keys(given))
    if (!names.includes(name)) throw new TypeError(`There is no option '${name}' of ${call}; there are ${names.join(', ')}.`);
  const { signal } = given;
  if (signal !== undefined && typeof signal?.addEventListener !== 'function') throw new TypeError(`The signal is ${kindOf(signal)}; it must be an AbortSignal.`);
}

/**
 * What a message says, as it stands in its frame: `"content":..,"data":..`.
 * @param {any} message  Its content, or both.
 */
export function bodyOf(message) {
  if (typeof message === 'string') message = { content: message };
  if (typeof message !== 'object' || message === null)
    throw new TypeError(`The message is ${kindOf(message)}; it must be a string, or an object with 'content', a string, or 'data', any JSON.`);
  checkFields('a message', message, ['content', 'data']);
  const { content, data } = message;
  if (content === undefined && data === undefined) throw new TypeError("A message needs 'content' or 'data'.");
  if (content !== undefined && typeof content !== 'string')
    throw new TypeError(`'content' is ${kindOf(content)}; it must be a string. Any other JSON can go as 'data'.`);
  if (content !== undefined) checkUnicode("'content'", content);
  return [content !== undefined && `"content":${JSON.stringify(content)}`, dataOf(data)].filter(Boolean).join();
}

/** JSON as it stands in a frame: `"data":..`, or nothing for undefined. */
export function dataOf(/** @type {unknown} */ data) {
  let json;
  try {
    json = JSON.stringify({ data });
  } catch (error) {
    // A cycle, a BigInt, far too many levels, a toJSON that throws.
    throw new TypeError(`'data' has no JSON: ${error instanceof Error ? error.message : error}`);
  }
  if (data !== undefined && json === '{}') throw new TypeError(`'data' is ${kindOf(data)}, which has no JSON.`);
  const depth = depthOf(json) - 1;
  if (depth > dataDepth) throw new RangeError(`'data' is nested ${depth} deep; it may be ${dataDepth}.`);
  // JSON.stringify writes half a surrogate pair as an escape; whole pairs it writes as they are.
  if (/\\u[dD]/.test(json)) JSON.parse(json, (key, value) => {
    checkUnicode("A name in 'data'", key);
    if (typeof value === 'string') checkUnicode("A string in 'data'", value);
    return value;
  });
  return json.slice(1, -1);
}

/** JSON data as it is now, whatever becomes of the object that was given. */
export function copyOf(/** @type {unknown} */ data) { return JSON.parse(`{${dataOf(data)}}`).data; }

/** How deep arrays and objects lie in each other. */
function depthOf(/** @type {string} */ json) {
  let depth = 0;
  let deepest = 0;
  let inString = false;
  for (let i = 0; i < json.length; i++) {
    const c = json[i];
    if (c === '\\') i++;
    else if (c === '"') inString = !inString;
    else if (inString) continue;
    else if (c === '{' || c === '[') deepest = Math.max(deepest, ++depth);
    else if (c === '}' || c === ']') depth--;
  }
  return deepest;
}

/** Half a surrogate pair has no UTF-8. */
function checkUnicode(/** @type {string} */ what, /** @type {any} */ text) {
  // isWellFormed is of 2023; the class Cs under /u matches such halves alone.
  if (!(text.isWellFormed?.() ?? !/\p{Cs}/u.test(text))) throw new RangeError(`${what} has half a surrogate pair; it must be valid Unicode.`);
}

export function kindOf(/** @type {unknown} */ value) { return value === null ? 'null' : `of type ${typeof value}`; }

export function checkNumber(/** @type {string} */ what, /** @type {unknown} */ value, /** @type {number} */ from, /** @type {number} */ to) {
  if (typeof value !== 'number' || !(value >= from && value <= to))
    throw new RangeError(`The ${what} is ${shown(value)}; it must be a number from ${from} to ${to}.`);
}

export function checkWhole(/** @type {string} */ what, /** @type {unknown} */ value, /** @type {number} */ from, /** @type {number} */ to) {
  if (typeof value !== 'number' || !Number.isInteger(value)) throw new TypeError(`${what} is ${shown(value)}; it must be a whole number from ${from} to ${to}.`);
  if (value < from || value > to) throw new RangeError(`${what} is ${value}; it must be a whole number from ${from} to ${to}.`);
}

/** A number, or the kind of what is none. */
function shown(/** @type {unknown} */ value) { return typeof value === 'number' ? String(value) : typeof value === 'string' ? `'${value}'` : kindOf(value); }
