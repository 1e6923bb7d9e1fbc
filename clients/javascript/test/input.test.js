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
  [{ url, WebSocket: 'ws' }, TypeError, /no global WebSocket here \(Node has one from version 22 on.*as the option WebSocket/],
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
  ['join without a room', c => c.room().join(), TypeError, /room name is of type undefined/],
  ['a call of nothing', c => c.call(), TypeError, /method name is of type undefined/],
  ['a call with another option', c => c.call('m', 1, { id: '1' }), TypeError, /no option 'id' of call/],
  ['a call without time', c => c.call('m', 1, { timeout: 0 }), RangeError, /timeout is 0/],
  ['a call with no signal', c => c.call('m', 1, { signal: {} }), TypeError, /must be an AbortSignal/],
  ['a call with a function', c => c.call('m', () => {}), TypeError, /has no JSON/],
  ['an answer by nothing', async c => c.onCall('m'), TypeError, /must be a function/],
  ['two answers to a method', async c => { c.onCall('m', () => 1); c.onCall('m', () => 2); }, TypeError, /has a handler already/],
  ['join to null', c => c.room(null).join(), TypeError, /room name is null/],
  ['join to an empty name', c => c.room('').join(), RangeError, /room name has 0 bytes/],
  ['a name with a line end', c => c.room('a\nb').join(), RangeError, /character U\+000A/],
  ['a name with half a surrogate pair', c => c.room('cut\ud83d').join(), RangeError, /character U\+D83D/],
  ['a name that turns the text around', c => c.room('a\u202eb').join(), RangeError, /character U\+202E/],
  ['a name with a zero-width character', c => c.sendTo('bo\u200bb', 'x'), RangeError, /character U\+200B/],
  ['a name with a variation selector', c => c.room('a\ufe0f').join(), RangeError, /character U\+FE0F/],
  ['a name with a tag character', c => c.room('a\u{e0041}').join(), RangeError, /character U\+E0041/],
  ['a name that nobody can see', c => c.room('\u2800').join(), RangeError, /character U\+2800/],
  ['a name that was lost', c => c.room('a\ufffd').join(), RangeError, /character U\+FFFD/],
  ['a name of two lines', c => c.room('a\u2028b').leave(), RangeError, /character U\+2028/],
  ['a name of blanks', c => c.room('\u3000 ').join(), RangeError, /is blank/],
  ['a name with a blank at its end', c => c.room('room ').join(), RangeError, /ends with white space/],
  ['a name that is a folder', c => c.room('..').members(), RangeError, /is '\.\.'/],
  ['a name that is a number', c => c.room(7).join(), TypeError, /room name is of type number/],
  ['a name that is a String object', c => c.room(new String('r')).join(), TypeError, /room name is of type object/],
  ['a name that is a symbol', c => c.room(Symbol('r')).publish('x'), TypeError, /room name is of type symbol/],
  ['a very long name', c => c.room('x'.repeat(1_000_000)).join(), RangeError, /has 1000000 bytes/],
  ['options null', c => c.room('r').join(null), TypeError, /options of join are null/],
  ['options that are a position', c => c.room('r').join({ epoch: 'e', seq: 1 }), TypeError, /no option 'epoch' of join; there are since/],
  ['a position that is a number', c => c.room('r').join({ since: 5 }), TypeError, /\{ epoch, seq \}/],
  ['a position with a fraction', c => c.room('r').join({ since: { epoch: 'e', seq: 1.5 } }), TypeError, /whole number/],
  ['a position of a long epoch', c => c.room('r').join({ since: { epoch: 'e'.repeat(129), seq: 1 } }), TypeError, /1 to 128/],
  ['a position of no Unicode', c => c.room('r').join({ since: { epoch: '\udc00', seq: 1 } }), RangeError, /epoch has half a surrogate/],
  ['a position without an epoch', c => c.room('r').join({ since: { seq: 1 } }), TypeError, /\{ epoch, seq \}/],
  ['a position before the first', c => c.room('r').join({ since: { epoch: 'e', seq: -1 } }), TypeError, /from 0 on/],
  ['a room that was not joined', c => c.room('other').publish('x'), RealtimeError, /Join other/],
  ['nothing to say', c => c.room('r').publish(), TypeError, /message is of type undefined; it must be a string, or an object with 'content'/],
  ['nothing in what is said', c => c.room('r').publish({}), TypeError, /needs 'content' or 'data'/],
  ['a message that is a number', c => c.room('r').publish(7), TypeError, /message is of type number/],
  ['a message null', c => c.sendTo('bob', null), TypeError, /message is null/],
  ['data in the place of a message', c => c.room('r').publish({ x: 1 }), TypeError, /no option 'x' of a message; there are content, data/],
  ['content that is no string', c => c.room('r').publish({ content: 7 }), TypeError, /'content' is of type number/],
  ['content null', c => c.room('r').publish({ content: null }), TypeError, /'content' is null/],
  ['a signal that is none', c => c.room('r').history({ signal: {} }), TypeError, /signal is of type object; it must be an AbortSignal/],
  ['data without JSON', c => c.room('r').publish({ content: 'x', data: () => {} }), TypeError, /'data' is of type function/],
  ['content with half a surrogate pair', c => c.room('r').publish('cut \ud83d'), RangeError, /'content' has half a surrogate/],
  ['data with half a surrogate pair', c => c.room('r').publish({ content: 'x', data: { a: ['\\', 'cut \udc00'] } }), RangeError, /string in 'data' has half/],
  ['data with half a surrogate pair in a name', c => c.sendTo('bob', { content: 'x', data: { '\ud83d': 1 } }), RangeError, /name in 'data' has half/],
  ['data that is a BigInt', c => c.room('r').publish({ content: 'x', data: 5n }), TypeError, /'data' has no JSON.*BigInt/],
  ['data with a BigInt in it', c => c.sendTo('bob', { content: 'x', data: { n: 5n } }), TypeError, /'data' has no JSON.*BigInt/],
  ['data that is a symbol', c => c.room('r').publish({ content: 'x', data: Symbol('s') }), TypeError, /'data' is of type symbol/],
  ['data that has no JSON of its own', c => c.room('r').publish({ content: 'x', data: { toJSON() {} } }), TypeError, /which has no JSON/],
  ['data that throws', c => c.room('r').publish({ content: 'x', data: { get a() { throw new Error('not now'); } } }), TypeError, /'data' has no JSON: not now/],
  ['data that is too deep', c => c.room('r').publish({ content: 'x', data: nested(61) }), RangeError, /nested 61 deep; it may be 60/],
  ['data that is far too deep', c => c.room('r').publish({ content: 'x', data: nested(100_000) }), TypeError, /'data' has no JSON/],
  ['a message that is too large', c => c.room('r').publish('x'.repeat(2 ** 20)), RealtimeError, /bytes as a frame; it may have 163840/],
  ['an id that is a number', c => c.room('r').publish('x', { id: 7 }), TypeError, /id is of type number/],
  ['an id of no Unicode', c => c.room('r').publish('x', { id: '\ud83d' }), RangeError, /id has half a surrogate/],
  ['an option that does not exist', c => c.room('r').publish('x', { ID: 'a' }), TypeError, /no option 'ID' of publish; there are id, timeout/],
  ['an id for a direct message, which has no use of it', c => c.sendTo('bob', 'x', { id: 'a' }), TypeError, /no option 'id' of sendTo/],
  ['options that are a number', c => c.room('r').publish('x', 5_000), TypeError, /options of publish are of type number/],
  ['a time in words', c => c.room('r').publish('x', { timeout: '5' }), RangeError, /timeout is '5'/],
  ['data in a circle', c => { const a = {}; a.a = a; return c.room('r').publish({ content: 'x', data: a }); }, TypeError, /circular/],
  ['an empty id', c => c.room('r').publish('x', { id: '' }), RangeError, /id has 0 bytes; it must be a string of 1 to 128/],
  ['a long id', c => c.room('r').publish('x', { id: 'ä'.repeat(65) }), RangeError, /id has 130 bytes/],
  ['no time', c => c.room('r').publish('x', { timeout: 0 }), RangeError, /timeout is 0/],
  ['a user without a name', c => c.sendTo('', 'x'), RangeError, /user name has 0 bytes/],
  ['members of nothing', c => c.room().members(), TypeError, /room name/],
  ['members after a number', c => c.room('r').members({ after: 5 }), TypeError, /'after' name is of type number/],
  ['members after what is no name', c => c.room('r').members({ after: 'a\nb' }), RangeError, /'after' name has the character U\+000A/],
  ['a limit in words', c => c.room('r').members({ limit: '10' }), TypeError, /'limit' is '10'; it must be a whole number from 1 to 1000/],
  ['a limit of nothing', c => c.room('r').members({ limit: 0 }), RangeError, /'limit' is 0/],
  ['a limit that is no number', c => c.room('r').members({ limit: NaN }), TypeError, /'limit' is NaN/],
  ['a limit null', c => c.room('r').members({ limit: null }), TypeError, /'limit' is null/],
  ['a page that is a number', c => c.room('r').members(10), TypeError, /options of members are of type number/],
  ['history of nothing', c => c.room().history(), TypeError, /room name/],
  ['history before the first', c => c.room('r').history({ before: 0 }), RangeError, /'before' is 0/],
  ['history of too much', c => c.room('r').history({ limit: 101 }), RangeError, /'limit' is 101; it must be a whole number from 1 to 100/],
  ['history of an epoch that is a number', c => c.room('r').history({ epoch: 5 }), TypeError, /epoch of a position/],
  ['history before connecting', c => c.room('other').history(), RealtimeError, /Not connected/],
  ['leaving nothing', c => c.room().leave(), TypeError, /room name/],
  ['publishing before connecting', c => c.room('r').publish('x'), RealtimeError, /Not connected/],
]) {
  test(`bad input: ${what}`, async () => {
    const made = client();
    made.room('r').join();
    await assert.rejects(async () => call(made), { name: error.name, message: words });
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
  made.room('r').join();
  // Refused for the one reason that is left.
  for (const call of [() => made.room('r').publish({ content: '😀 \\ud83d', data: { '😀': '\\ud83d', deep: nested(59) } }), () => made.room('r').publish({ data: null }), () => made.sendTo('bob', '')])
    await assert.rejects(call(), { code: 'offline' });
});

test('an event that does not exist, and a listener that is none', () => {
  assert.throws(() => client().on(/** @type {any} */ ('mesage'), () => {}), /no event 'mesage'; there are status, message/);
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
  const own = (/** @type {object} */ object) => [...Object.getOwnPropertyNames(Object.getPrototypeOf(object)), ...Object.keys(object)].sort();
  assert.deepEqual(members('export class RealtimeClient'), own(made));
  assert.deepEqual(['constructor', ...members('export interface Room<')].sort(), own(made.room('r')));
  assert.deepEqual([...types.matchAll(/^export (?:const|class|function) (\w+)/gm)].map(m => m[1]).sort(), Object.keys(library).sort());
  // What is wrong is answered with the list of what would be right.
  const listed = (/** @type {() => void} */ wrong) => {
    let words = '';
    assert.throws(wrong, error => { words = error.message; return true; });
    return words.slice(words.indexOf('there are ') + 'there are '.length, -1).split(', ').sort();
  };
  const ofRooms = members('export interface RoomEvents');
  assert.deepEqual(listed(() => made.room('r').on(/** @type {any} */ ('?'), () => {})), ofRooms);
  assert.deepEqual(listed(() => made.on(/** @type {any} */ ('?'), () => {})), [...ofRooms, ...members('export interface ClientEvents')].sort());
  assert.deepEqual(listed(() => new RealtimeClient(/** @type {any} */ ({ url, wrong: 1 }))), members('export interface RealtimeOptions'));
});
