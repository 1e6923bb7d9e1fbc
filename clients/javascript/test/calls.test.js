import assert from 'node:assert/strict';
import { afterEach, test } from 'node:test';
import { RealtimeError } from 'realtime-client';
import { closeAll, member } from '../support/clients.js';
import { scripted } from '../support/scripted.js';
import { front, proxy, serve } from '../support/served.js';

serve();
afterEach(closeAll);

test('a method that the server does not have is unknown', async () => {
  const alice = await member(front.url, 'alice', 'calls');
  await assert.rejects(alice.call('orders.get', { number: 7 }), { name: 'RealtimeError', code: 'unknown_method', message: /'orders.get'/ });
});

test('the result is that of the call, by whatever it is overtaken', async () => {
  const alice = await member(proxy.url, 'alice', 'calls');
  proxy.change = text => {
    const { id, code, content } = JSON.parse(text);
    return code === 'unknown_method' ? JSON.stringify({ type: 'result', id, data: content.includes("'a'") ? 1 : [null] }) : text;
  };
  assert.deepEqual(await Promise.all([alice.call('a'), alice.call('b')]), [1, [null]]);
});

test('a call ends with its time, its signal or its connection', async () => {
  const { made, say, drop, heard } = await scripted();
  await assert.rejects(made.call('m', 1, { timeout: 1 }), { code: 'timeout' });
  const late = await heard();
  assert.deepEqual(late, { id: late.id, type: 'call', method: 'm', data: 1 });
  say({ type: 'result', id: late.id, data: 2 }); // nobody waits
  const abort = new AbortController();
  const asked = made.call('m', undefined, { signal: abort.signal });
  assert.equal('data' in await heard(), false);
  abort.abort(new Error('enough'));
  await assert.rejects(asked, /enough/);
  await assert.rejects(made.call('m', 1, { signal: abort.signal }), /enough/);
  await assert.rejects(made.call('m', 'x'.repeat(200_000)), { code: 'too_big' });
  const lost = made.call('m');
  await heard();
  drop();
  await assert.rejects(lost, { code: 'offline' });
  await assert.rejects(made.call('m'), { code: 'offline' });
});

test('the server gets what a handler gives, or why it gives nothing', async () => {
  const { made, say, heard } = await scripted();
  const ask = (method, data) => {
    say({ type: 'call', id: '7', method, ...(data !== undefined && { data }) });
    return heard();
  };
  const off = made.onCall('double', async n => n * 2);
  made.onCall('nothing', () => {});
  made.onCall('refuses', () => { throw new RealtimeError('busy', 'not now'); });
  assert.deepEqual(await ask('double', 4), { type: 'result', id: '7', data: 8 });
  assert.deepEqual(await ask('nothing'), { type: 'result', id: '7' });
  assert.deepEqual(await ask('refuses'), { type: 'error', id: '7', code: 'busy', content: 'not now' });
  off();
  assert.equal((await ask('double', 4)).code, 'unknown_method');
  assert.equal((await ask('constructor')).code, 'unknown_method');

  // What a handler throws is reported as uncaught; here the runner of tests is not to have it.
  const failures = [];
  const listeners = process.listeners('uncaughtException');
  for (const listener of listeners) process.removeListener('uncaughtException', listener);
  const report = error => failures.push(error.message);
  process.on('uncaughtException', report);
  made.onCall('fails', () => { throw new Error('secret'); });
  made.onCall('gives no JSON', () => 1n);
  made.onCall('gives too much', () => 'x'.repeat(200_000));
  for (const method of ['fails', 'gives no JSON', 'gives too much'])
    assert.deepEqual(await ask(method), { type: 'error', id: '7', code: 'call_failed', content: 'The method failed.' });
  await new Promise(resolve => setImmediate(resolve));
  process.removeListener('uncaughtException', report);
  for (const listener of listeners) process.on('uncaughtException', listener);
  assert.equal(failures.length, 3);
  assert.match(failures[0], /secret/);
});
