import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { client, member, next, within } from '../support/clients.js';
import { front, proxy, serve } from '../support/served.js';

serve('--Front:MaxRoomsPerConnection=2');

/**
 * Runs programs one after another in a process that lives on, each with a client `c` that is in the room `home`; gives what
 * each has left unhandled, which would have ended the process.
 * @param {string[]} programs @returns {Promise<string[][]>}
 */
async function run(programs) {
  const child = spawn(process.execPath, ['--input-type=module', '--eval', `
    import { RealtimeClient } from 'realtime-client';
    let unhandled = [];
    process.on('unhandledRejection', error => unhandled.push(String(error)));
    const told = [];
    for (const program of ${JSON.stringify(programs)}) {
      const c = new RealtimeClient({ url: ${JSON.stringify(front.url)}, user: 'alice', retryBase: 20, retryMax: 100 });
      await c.connect();
      await c.room('home').join();
      await new Function('c', 'return (async () => {' + program + '})()')(c);
      await c.ping().catch(() => {});
      c.close();
      await new Promise(resolve => setTimeout(resolve, 20)); // the time limits of messages are over
      told.push(unhandled);
      unhandled = [];
    }
    console.log(JSON.stringify(told));
  `], { cwd: fileURLToPath(new URL('..', import.meta.url)), stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  child.stdout.on('data', text => { output += text; });
  try {
    assert.equal(await within(new Promise(resolve => child.once('close', resolve)), 'the end of the programs'), 0);
    return JSON.parse(output);
  } finally {
    child.kill('SIGKILL');
  }
}

/** What is called and not waited for. */
const calls = Object.entries({
  'a join that is left at once': "c.room('r').join(); c.room('r').leave();",
  'a room that is left twice': "c.room('r').join(); c.room('r').leave(); c.room('r').leave();",
  'a join that is left and joined and left': "c.room('r').join(); c.room('r').leave(); c.room('r').join(); c.room('r').leave();",
  'a join that the server refuses, left at once': "c.room('r').join(); c.room('one-too-many').join(); await c.room('one-too-many').leave();",
  'a join that the client is closed upon': "c.room('r').join(); c.close();",
  'a leave that the client is closed upon': "c.room('home').leave(); c.close();",
  'messages that the room is left upon': "c.room('home').publish('x'); c.room('home').leave();",
  'everything that the client is closed upon': "c.room('home').publish('x'); c.sendTo('bob', 'x'); c.room('home').members(); c.room('home').history(); c.ping(); c.room('r').join(); c.room('r').leave(); c.close();",
  'everything after the close': "c.close(); c.room('home').publish('x'); c.sendTo('bob', 'x'); c.room('home').members(); c.room('home').history(); c.ping(); c.room('r').join(); c.room('r').leave(); c.close();",
  'a room that was not joined': "c.room('elsewhere').publish('x'); c.room('elsewhere').history(); c.room('elsewhere').leave();",
  'what the server refuses': "c.room('home').publish('x'.repeat(70_000)); c.room('r').join(); c.room('one-too-many').join();",
  'what is too large or has no time': "c.room('home').publish('x'.repeat(2 ** 21)); c.room('home').publish('x', { timeout: 1 });",
  'a connect that is closed': "c.close(); c.connect(); c.close();",
});

test('a call that nobody waits for ends no process, however it ends', async () => {
  const unhandled = await run(calls.map(([, program]) => program));
  assert.deepEqual(calls.map(([what], i) => [what, unhandled[i]]), calls.map(([what]) => [what, []]));
});

test('wrong arguments that nobody waits for are reported as any fault of a program', async () => {
  const [[told]] = await run(["c.room('r').join(7);"]);
  assert.match(told, /TypeError: The options of join are of type number/);
});

test('a join that the server refuses can be left without an error, and left twice', async () => {
  const alice = await member(front.url, 'alice', 'one');
  await alice.room('two').join();
  const refused = assert.rejects(alice.room('three').join(), { code: 'left' });
  const left = alice.room('three').leave();
  await Promise.all([refused, left, alice.room('three').leave()]);
  assert.deepEqual(alice.rooms.map(({ name }) => name), ['one', 'two']);
});

test('the id stands first in every request, so that an error about the rest can name it', async () => {
  const texts = [];
  class Recorder extends WebSocket {
    send(/** @type {any} */ data) {
      texts.push(data);
      super.send(data);
    }
  }
  const alice = await member(front.url, 'alice', 'first', { WebSocket: Recorder });
  await Promise.all([alice.room('first').publish({ content: 'x', data: 1 }), alice.sendTo('bob', 'x'), alice.room('first').members({ limit: 1 }), alice.room('first').history(), alice.ping()]);
  await alice.room('first').leave();
  assert.equal(texts.length, 7);
  for (const text of texts) assert.match(text, /^\{"id":"[^"]+","type":/);
});

test('a request that is answered by an error without an id is rejected in time, and a join is not repeated for ever', async () => {
  const alice = await member(proxy.url, 'alice', 'nameless', { answerTimeout: 300, publishTimeout: 300 });
  proxy.change = text => text.replace(/"type":"(joined|left|ack|members|history|pong)","id":"[^"]*"/, '"type":"error","code":"bad_request"');
  const timeout = { name: 'RealtimeError', code: 'timeout' };
  for (const call of [() => alice.room('nameless').members(), () => alice.room('nameless').history(), () => alice.ping(), () => alice.room('nameless').publish('x'), () => alice.sendTo('bob', 'x')])
    await assert.rejects(within(call(), 'the rejection'), timeout);
  const error = next(alice, 'error');
  const before = proxy.accepted;
  const left = next(alice, 'left', ({ room }) => room === 'nameless');
  await assert.rejects(within(alice.room('other').join(), 'the rejection of the join'), timeout);
  assert.equal((await error).code, 'bad_request');
  // The room that it was in is given up as well, and is told so.
  assert.equal((await left).error.code, 'timeout');
  assert.deepEqual(alice.rooms.map(({ name }) => name), []);
  assert.ok(proxy.accepted - before <= 6, `${proxy.accepted - before} connections`);
  proxy.change = null;
  assert.equal((await within(alice.room('other').join(), 'the join')).room, 'other');
});
