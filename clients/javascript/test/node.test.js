import assert from 'node:assert/strict';
import { test } from 'node:test';
import { member, next } from '../support/clients.js';
import { folder, needsTools, run } from '../support/tools.js';
import { front, proxy, serve } from '../support/served.js';

serve();

/** Without a global WebSocket, as Node 20; the one of the PATH is often another one than this. */
const flags = ['--no-experimental-websocket', '--input-type=module', '--eval'];
const nodes = [process.execPath, 'node'];

test('without a global WebSocket the error says what to do, and a class that is given works', { skip: needsTools }, async context => {
  for (const node of nodes) {
    const told = await run(node, [...flags, `
      import { RealtimeClient } from 'realtime-client';
      import { WebSocket } from 'ws';
      const options = { url: ${JSON.stringify(front.url)}, user: 'alice' };
      let words = '';
      try { new RealtimeClient(options); } catch (error) { words = String(error); }
      const client = new RealtimeClient({ ...options, WebSocket });
      await client.connect();
      const room = client.room('old');
      await room.join({ state: true });
      const heard = new Promise(resolve => room.once('message', resolve));
      await room.publish('hi');
      console.log(JSON.stringify([process.version, words, (await heard).content, client.transport]));
      client.close();
    `], { cwd: folder });
    const [version, words, content, transport] = JSON.parse(told);
    context.diagnostic(version);
    assert.match(words, /^TypeError: There is no global WebSocket here \(Node has one from version 22 on, .*\); give a class like it as the option WebSocket/);
    assert.deepEqual([content, transport], ['hi', 'websocket']);
  }
});

test('an own class of WebSockets is cut, resumed and read in bytes as the global one', { skip: needsTools }, async () => {
  const { WebSocket } = await import('ws');
  const alice = await member(proxy.url, 'alice', 'own', { WebSocket });
  const room = alice.room('own');
  const back = next(room, 'joined');
  const heard = next(room, 'message');
  proxy.down = true;
  proxy.cut();
  await front.post('/api/rooms/own/messages', { content: 'meanwhile' });
  proxy.down = false;
  assert.equal((await back).recovered, true);
  assert.equal((await heard).content, 'meanwhile');
});
