import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as library from 'realtime-client';

const { RealtimeClient, RealtimeError } = library;
const url = 'ws://127.0.0.1:1/ws';
class NoSocket { constructor() { throw new Error('No test here connects.'); } }
const client = () => new RealtimeClient({ url, user: 'alice', WebSocket: NoSocket });

for (const [options, error, words] of [
  [undefined, TypeError, /options are missing/],
  [{}, TypeError, /'url' is missing/],
  [{ url: '/ws' }, TypeError, /'url' is '\/ws'/],
  [{ url: 'ftp://host/ws' }, TypeError, /'url' is 'ftp:.*ws, wss, http or https/],
  [{ url: 'ws://host/ws#part' }, TypeError, /without a fragment/],
  [{ url, user: '' }, RangeError, /user name has 0 bytes/],
  [{ url, user: 'ä'.repeat(65) }, RangeError, /user name has 130 bytes.*1 to 128/],
  [{ url, token: '' }, TypeError, /'token' must be/],
  [{ url, token: 7 }, TypeError, /'token' must be/],
  [{ url, tokenIn: 'cookie' }, TypeError, /'tokenIn' must be/],
  [{ url, WebSocket: 'ws' }, TypeError, /no global WebSocket/],
  [{ url, retryMax: 0 }, RangeError, /'retryMax' is 0; it must be a number from 1/],
  [{ url, retryMax: NaN }, RangeError, /'retryMax' is NaN/],
  [{ url, pingAfter: '5' }, RangeError, /'pingAfter' is '5'; it must be a number/],
  [{ url, queueMessages: Infinity }, RangeError, /'queueMessages' is Infinity/],
  [{ url, retryBase: 10, retryMax: 5 }, RangeError, /'retryBase' is 10; it must not be above 'retryMax'/],
  [{ url, pingInterval: 5 }, TypeError, /no option 'pingInterval'; there are .*pingAfter/],
]) {
  test(`options that cannot be right: ${JSON.stringify(options)}`, () => {
    const all = options && { WebSocket: NoSocket, ...options };
    assert.throws(() => new RealtimeClient(/** @type {any} */ (all)), { name: error.name, message: words });
  });
}

for (const [what, call, error, words] of [
  ['join without a room', c => c.join(), TypeError, /room name is of type undefined/],
  ['a call of nothing', c => c.call(), TypeError, /method name is of type undefined/],
  ['a call with another option', c => c.call('m', 1, { id: '1' }), TypeError, /no option 'id' of call/],
  ['a call without time', c => c.call('m', 1, { timeout: 0 }), RangeError, /timeout is 0/],
  ['a call with no signal', c => c.call('m', 1, { signal: {} }), TypeError, /must be an AbortSignal/],
  ['a call with a function', c => c.call('m', () => {}), TypeError, /has no JSON/],
  ['an answer by nothing', async c => c.onCall('m'), TypeError, /must be a function/],
  ['two answers to a method', async c => { c.onCall('m', () => 1); c.onCall('m', () => 2); }, TypeError, /has a handler already/],
  ['join to null', c => c.join(null), TypeError, /room name is null/],
  ['join to an empty name', c => c.join(''), RangeError, /room name has 0 bytes/],
  ['a name with a line end', c => c.join('a\nb'), RangeError, /character U\+000A/],
  ['a name with half a surrogate pair', c => c.join('cut\ud83d'), RangeError, /character U\+D83D/],
  ['a name that turns the text around', c => c.join('a\u202eb'), RangeError, /character U\+202E/],
  ['a name with a zero-width character', c => c.sendTo('bo\u200bb', 'x'), RangeError, /character U\+200B/],
  ['a name with a variation selector', c => c.join('a\ufe0f'), RangeError, /character U\+FE0F/],
  ['a name with a tag character', c => c.join('a\u{e0041}'), RangeError, /character U\+E0041/],
  ['a name that nobody can see', c => c.join('\u2800'), RangeError, /character U\+2800/],
  ['a name that was lost', c => c.join('a\ufffd'), RangeError, /character U\+FFFD/],
  ['a name of two lines', c => c.leave('a\u2028b'), RangeError, /character U\+2028/],
  ['a name of blanks', c => c.join('\u3000 '), RangeError, /is blank/],
  ['a name with a blank at its end', c => c.join('room '), RangeError, /ends with white space/],
  ['a name that is a folder', c => c.members('..'), RangeError, /is '\.\.'/],
  ['a name that is a number', c => c.join(7), TypeError, /room name is of type number/],
  ['a name that is a String object', c => c.join(new String('r')), TypeError, /room name is of type object/],
  ['a name that is a symbol', c => c.publish(Symbol('r'), 'x'), TypeError, /room name is of type symbol/],
  ['a very long name', c => c.join('x'.repeat(1_000_000)), RangeError, /has 1000000 bytes/],
  ['options null', c => c.join('r', null), TypeError, /options of join are null/],
  ['options that are a position', c => c.join('r', { epoch: 'e', seq: 1 }), TypeError, /no option 'epoch' of join; there are since/],
  ['a position that is a number', c => c.join('r', { since: 5 }), TypeError, /\{ epoch, seq \}/],
  ['a position with a fraction', c => c.join('r', { since: { epoch: 'e', seq: 1.5 } }), TypeError, /whole number/],
  ['a position of a long epoch', c => c.join('r', { since: { epoch: 'e'.repeat(129), seq: 1 } }), TypeError, /1 to 128/],
  ['a position of no Unicode', c => c.join('r', { since: { epoch: '\udc00', seq: 1 } }), RangeError, /epoch has half a surrogate/],
  ['a position without an epoch', c => c.join('r', { since: { seq: 1 } }), TypeError, /\{ epoch, seq \}/],
  ['a position before the first', c => c.join('r', { since: { epoch: 'e', seq: -1 } }), TypeError, /from 0 on/],
  ['a room that was not joined', c => c.publish('other', 'x'), RealtimeError, /Join other/],
  ['nothing to say', c => c.publish('r'), TypeError, /needs 'content' or 'data'/],
  ['content that is no string', c => c.publish('r', 7), TypeError, /'content' is of type number/],
  ['content null', c => c.publish('r', null), TypeError, /'content' is null/],
  ['data without JSON', c => c.publish('r', 'x', () => {}), TypeError, /'data' is of type function/],
  ['content with half a surrogate pair', c => c.publish('r', 'cut \ud83d'), RangeError, /'content' has half a surrogate/],
  ['data with half a surrogate pair', c => c.publish('r', 'x', { a: ['\\', 'cut \udc00'] }), RangeError, /string in 'data' has half/],
  ['data with half a surrogate pair in a name', c => c.sendTo('bob', 'x', { '\ud83d': 1 }), RangeError, /name in 'data' has half/],
  ['data that is a BigInt', c => c.publish('r', 'x', 5n), TypeError, /'data' has no JSON.*BigInt/],
  ['data with a BigInt in it', c => c.sendTo('bob', 'x', { n: 5n }), TypeError, /'data' has no JSON.*BigInt/],
  ['data that is a symbol', c => c.publish('r', 'x', Symbol('s')), TypeError, /'data' is of type symbol/],
  ['data that has no JSON of its own', c => c.publish('r', 'x', { toJSON() {} }), TypeError, /which has no JSON/],
  ['data that throws', c => c.publish('r', 'x', { get a() { throw new Error('not now'); } }), TypeError, /'data' has no JSON: not now/],
  ['data that is too deep', c => c.publish('r', 'x', nested(61)), RangeError, /nested 61 deep; it may be 60/],
  ['data that is far too deep', c => c.publish('r', 'x', nested(100_000)), TypeError, /'data' has no JSON/],
  ['a message that is too large', c => c.publish('r', 'x'.repeat(2 ** 20)), RealtimeError, /bytes as a frame; it may have 163840/],
  ['an id that is a number', c => c.publish('r', 'x', undefined, { id: 7 }), TypeError, /id is of type number/],
  ['an id of no Unicode', c => c.publish('r', 'x', undefined, { id: '\ud83d' }), RangeError, /id has half a surrogate/],
  ['an option that does not exist', c => c.publish('r', 'x', undefined, { ID: 'a' }), TypeError, /no option 'ID' of publish; there are id, timeout/],
  ['an id for a direct message, which has no use of it', c => c.sendTo('bob', 'x', undefined, { id: 'a' }), TypeError, /no option 'id' of sendTo/],
  ['options that are a number', c => c.publish('r', 'x', undefined, 5_000), TypeError, /options of publish are of type number/],
  ['a time in words', c => c.publish('r', 'x', undefined, { timeout: '5' }), RangeError, /timeout is '5'/],
  ['data in a circle', c => { const a = {}; a.a = a; return c.publish('r', 'x', a); }, TypeError, /circular/],
  ['an empty id', c => c.publish('r', 'x', undefined, { id: '' }), RangeError, /id has 0 bytes; it must be a string of 1 to 128/],
  ['a long id', c => c.publish('r', 'x', undefined, { id: 'ä'.repeat(65) }), RangeError, /id has 130 bytes/],
  ['no time', c => c.publish('r', 'x', undefined, { timeout: 0 }), RangeError, /timeout is 0/],
  ['a user without a name', c => c.sendTo('', 'x'), RangeError, /user name has 0 bytes/],
  ['members of nothing', c => c.members(), TypeError, /room name/],
  ['members after a number', c => c.members('r', { after: 5 }), TypeError, /'after' name is of type number/],
  ['members after what is no name', c => c.members('r', { after: 'a\nb' }), RangeError, /'after' name has the character U\+000A/],
  ['a limit in words', c => c.members('r', { limit: '10' }), TypeError, /'limit' is '10'; it must be a whole number from 1 to 1000/],
  ['a limit of nothing', c => c.members('r', { limit: 0 }), RangeError, /'limit' is 0/],
  ['a limit that is no number', c => c.members('r', { limit: NaN }), TypeError, /'limit' is NaN/],
  ['a limit null', c => c.members('r', { limit: null }), TypeError, /'limit' is null/],
  ['a page that is a number', c => c.members('r', 10), TypeError, /options of members are of type number/],
  ['history of nothing', c => c.history(), TypeError, /room name/],
  ['history before the first', c => c.history('r', { before: 0 }), RangeError, /'before' is 0/],
  ['history of too much', c => c.history('r', { limit: 101 }), RangeError, /'limit' is 101; it must be a whole number from 1 to 100/],
  ['history of an epoch that is a number', c => c.history('r', { epoch: 5 }), TypeError, /epoch of a position/],
  ['history before connecting', c => c.history('other'), RealtimeError, /Not connected/],
  ['leaving nothing', c => c.leave(), TypeError, /room name/],
  ['publishing before connecting', c => c.publish('r', 'x'), RealtimeError, /Not connected/],
]) {
  test(`bad input: ${what}`, async () => {
    const made = client();
    made.join('r');
    await assert.rejects(() => call(made), { name: error.name, message: words });
  });
}

/** An array in an array ... @param {number} depth */
function nested(depth) {
  let value = [];
  while (--depth > 0) value = [value];
  return value;
}

test('what is allowed is not refused: names, half pairs that are whole, depth', async () => {
  const made = client();
  for (const name of ['a b', 'ä', '😀', 'a/b', '...', '.a', '%2e', 'x'.repeat(128), '\u0e33'])
    assert.equal(library.nameProblem(name, 'room'), null, name);
  made.join('r');
  // Refused for the one reason that is left.
  for (const call of [() => made.publish('r', '😀 \\ud83d', { '😀': '\\ud83d', deep: nested(59) }), () => made.publish('r', undefined, null), () => made.sendTo('bob', '')])
    await assert.rejects(call(), { code: 'offline' });
});

test('an event that does not exist, and a listener that is none', () => {
  assert.throws(() => client().on(/** @type {any} */ ('mesage'), () => {}), /no event 'mesage'; there are state, message/);
  assert.throws(() => client().on('message', /** @type {any} */ (null)), /listener of 'message' must be a function/);
});

test('a place that does not allow the connection is told, not tried again', async () => {
  await assert.rejects(client().connect(), { code: 'offline', message: 'No test here connects.' });
});

test('the types name what there is, and all of it', () => {
  const types = readFileSync(new URL('../realtime.d.ts', import.meta.url), 'utf8');
  const block = (/** @type {string} */ head) => types.slice(types.indexOf(head), types.indexOf('\n}', types.indexOf(head)));
  const members = (/** @type {string} */ head) => [...block(head).matchAll(/^ {2}(?:readonly )?(\w+)[?]?[:(<]/gm)].map(m => m[1]).sort();
  const made = client();
  const own = [...Object.getOwnPropertyNames(RealtimeClient.prototype), ...Object.keys(made)].sort();
  assert.deepEqual(members('export class RealtimeClient'), own);
  assert.deepEqual([...types.matchAll(/^export (?:const|class|function) (\w+)/gm)].map(m => m[1]).sort(), Object.keys(library).sort());
  // What is wrong is answered with the list of what would be right.
  const listed = (/** @type {() => void} */ wrong) => {
    let words = '';
    assert.throws(wrong, error => { words = error.message; return true; });
    return words.slice(words.indexOf('there are ') + 'there are '.length, -1).split(', ').sort();
  };
  assert.deepEqual(listed(() => made.on(/** @type {any} */ ('?'), () => {})), members('export interface RealtimeEvents'));
  assert.deepEqual(listed(() => new RealtimeClient(/** @type {any} */ ({ url, wrong: 1 }))), members('export interface RealtimeOptions'));
});

test('the package holds what it names', () => {
  const manifest = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));
  for (const file of [...manifest.files, manifest.types, ...Object.values(manifest.exports['.'])])
    assert.ok(readFileSync(new URL(`../${file}`, import.meta.url)).length > 0, file);
  assert.equal(manifest.dependencies, undefined);
});
