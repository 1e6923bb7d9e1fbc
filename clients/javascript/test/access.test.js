import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, history, member, next, within } from '../support/clients.js';
import { front, proxy, serve } from '../support/served.js';

serve('--Rooms:Access:0:Room=open-*', '--Rooms:Access:0:Allow:0=*', '--Rooms:Access:1:Room=past-*', '--Rooms:Access:1:Allow:0=history',
  '--Rooms:Access:2:Room=read-*', '--Rooms:Access:2:Allow:0=join');

const forbidden = { name: 'RealtimeError', code: 'forbidden' };

test('what is not allowed is rejected with forbidden, and not tried again', async () => {
  const alice = client({ url: front.url, user: 'alice' });
  await alice.connect();
  await assert.rejects(alice.join('closed'), forbidden);
  assert.deepEqual(alice.rooms, []);
  await assert.rejects(alice.history('closed'), forbidden);
  await assert.rejects(alice.members('closed'), forbidden);
  await assert.rejects(alice.sendTo('bob', 'x'), forbidden);
  assert.deepEqual((await alice.history('past-1')).messages, []);
  await alice.join('read-1');
  await assert.rejects(alice.publish('read-1', 'x'), forbidden);
  assert.deepEqual(alice.rooms, ['read-1']);
});

test('who is taken out of a room by the server is told, and stays out until it joins again', async () => {
  const [alice, bob] = [await member(front.url, 'alice', 'open-1'), await member(front.url, 'bob', 'open-1')];
  await alice.join('open-2');
  const seen = history(alice, 'open-1');
  const left = next(alice, 'left');
  assert.equal((await front.call('DELETE', '/api/rooms/open-1/members/alice')).connections, 1);
  const { room, error } = await left;
  assert.deepEqual([room, error.code, error.room], ['open-1', 'removed', 'open-1']);
  assert.deepEqual(alice.rooms, ['open-2']);
  await assert.rejects(alice.publish('open-1', 'x'), { code: 'not_joined' });
  await bob.publish('open-1', 'among us');
  await alice.ping();
  assert.deepEqual(seen.contents, []);

  await alice.join('open-1');
  await alice.publish('open-1', 'back');
  await within(seen.until(1), 'the message');
  assert.deepEqual(seen.contents, ['back']);
});

test('who may not come back after a cut is told, and does not try again', async () => {
  const alice = await member(proxy.url, 'alice', 'open-3');
  let joins = 0;
  proxy.change = text => {
    if (/"type":"joined"/.test(text)) joins++;
    return text.replace(/"type":"joined","id":("[^"]*"),"room":"open-3".*/, '"type":"error","id":$1,"room":"open-3","code":"forbidden","content":"no"}');
  };
  const left = next(alice, 'left');
  proxy.cut();
  assert.equal((await left).error.code, 'forbidden');
  assert.deepEqual(alice.rooms, []);
  const online = next(alice, 'state', ({ state }) => state === 'online');
  proxy.cut();
  await online;
  await alice.ping();
  assert.equal(joins, 1);
});
