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
  [{ url, WebSocket: 'ws' }, TypeError, /no global WebSocket/],
  [{ url, retryMax: 0 }, RangeError, /'retryMax' is 0; it must be a number from 1/],
  [{ url, retryMax: NaN }, RangeError, /'retryMax' is NaN/],
  [{ url, pingAfter: '5' }, RangeError, /'pingAfter' is 5; it must be a number/],
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
  ['join to null', c => c.join(null), TypeError, /room name is null/],
  ['join to an empty name', c => c.join(''), RangeError, /room name has 0 bytes/],
  ['a name with a line end', c => c.join('a\nb'), RangeError, /control character/],
  ['a position without an epoch', c => c.join('r', { since: { seq: 1 } }), TypeError, /\{ epoch, seq \}/],
  ['a position before the first', c => c.join('r', { since: { epoch: 'e', seq: -1 } }), TypeError, /from 0 on/],
  ['a room that was not joined', c => c.publish('other', 'x'), RealtimeError, /Join other/],
  ['nothing to say', c => c.publish('r'), TypeError, /needs 'content' or 'data'/],
  ['content that is no string', c => c.publish('r', 7), TypeError, /'content' is of type number/],
  ['content null', c => c.publish('r', null), TypeError, /'content' is null/],
  ['data without JSON', c => c.publish('r', 'x', () => {}), TypeError, /'data' is of type function/],
  ['data in a circle', c => { const a = {}; a.a = a; return c.publish('r', 'x', a); }, TypeError, /circular/],
  ['an empty id', c => c.publish('r', 'x', undefined, { id: '' }), RangeError, /id must be a string of 1 to 128 bytes/],
  ['a long id', c => c.publish('r', 'x', undefined, { id: 'ä'.repeat(65) }), RangeError, /id must be/],
  ['no time', c => c.publish('r', 'x', undefined, { timeout: 0 }), RangeError, /timeout is 0/],
  ['a user without a name', c => c.sendTo('', 'x'), RangeError, /user name has 0 bytes/],
  ['members of nothing', c => c.members(), TypeError, /room name/],
  ['leaving nothing', c => c.leave(), TypeError, /room name/],
  ['publishing before connecting', c => c.publish('r', 'x'), RealtimeError, /Not connected/],
]) {
  test(`bad input: ${what}`, async () => {
    const made = client();
    made.join('r').catch(() => {});
    await assert.rejects(() => call(made), { name: error.name, message: words });
  });
}

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
