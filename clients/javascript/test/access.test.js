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
  await assert.rejects(alice.room('closed').join(), forbidden);
  assert.deepEqual(alice.rooms.map(({ name }) => name), []);
  await assert.rejects(alice.room('closed').history(), forbidden);
  await assert.rejects(alice.room('closed').members(), forbidden);
  await assert.rejects(alice.sendTo('bob', 'x'), forbidden);
  assert.deepEqual((await alice.room('past-1').history()).messages, []);
  await alice.room('read-1').join();
  await assert.rejects(alice.room('read-1').publish('x'), forbidden);
  assert.deepEqual(alice.rooms.map(({ name }) => name), ['read-1']);
});

test('who is taken out of a room by the server is told, and stays out until it joins again', async () => {
  const [alice, bob] = [await member(front.url, 'alice', 'open-1'), await member(front.url, 'bob', 'open-1')];
  await alice.room('open-2').join();
  const seen = history(alice, 'open-1');
  const left = next(alice, 'left');
  assert.equal((await front.call('DELETE', '/api/rooms/open-1/members/alice')).connections, 1);
  const { room, error } = await left;
  assert.deepEqual([room, error.code, error.room], ['open-1', 'removed', 'open-1']);
  assert.deepEqual(alice.rooms.map(({ name }) => name), ['open-2']);
  await assert.rejects(alice.room('open-1').publish('x'), { code: 'not_joined' });
  await bob.room('open-1').publish('among us');
  await alice.ping();
  assert.deepEqual(seen.contents, []);

  await alice.room('open-1').join();
  await alice.room('open-1').publish('back');
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
  assert.deepEqual(alice.rooms.map(({ name }) => name), []);
  const online = next(alice, 'status', ({ state }) => state === 'online');
  proxy.cut();
  await online;
  await alice.ping();
  assert.equal(joins, 1);
});
