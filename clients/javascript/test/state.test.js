import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, member, next, within } from '../support/clients.js';
import { front, proxy, serve } from '../support/served.js';

serve();

async function withState(url, user, room, options) {
  const made = client({ url, user });
  await made.connect();
  const whole = next(made, 'roomState');
  await made.join(room, { state: true, ...options });
  await whole;
  return made;
}

const shown = (from, room) => [...from.roomState(room)].map(([key, { data, seq }]) => `${key}${seq}=${JSON.stringify(data)}`).sort().join(' ');

test('who joins with state has it, and all maps follow what is set and removed', async () => {
  const alice = await member(front.url, 'alice', 'board');
  assert.equal(alice.roomState('board'), null);
  assert.equal((await alice.set('board', 'card-1', { x: 1 })).seq, 1);
  const bob = await withState(front.url, 'bob', 'board');
  assert.equal(shown(bob, 'board'), 'card-11={"x":1}');
  const carl = await withState(front.url, 'carl', 'board', { echo: false });
  const map = carl.roomState('board');
  const arrived = next(bob, 'message', ({ key }) => key === 'card-2');
  const { seq } = await carl.set('board', 'card-2', null, { if: 0 });
  assert.deepEqual([seq, map.get('card-2').data], [2, null]);
  assert.equal((await arrived).key, 'card-2');
  await assert.rejects(carl.set('board', 'card-2', 2, { if: 1 }), { code: 'version_conflict' });
  const removed = next(carl, 'message');
  await bob.remove('board', 'card-2', { if: 2 });
  assert.equal((await removed).deleted, true);
  assert.equal(shown(carl, 'board'), shown(bob, 'board'));
  assert.equal(carl.roomState('board'), map);
  assert.equal(map.size, 1);
});

test('what a service changes without telling the client is in its map all the same', async () => {
  const alice = await withState(front.url, 'alice', 'services');
  const exclude = await alice.connectionId();
  const told = [];
  alice.on('message', message => told.push(message.content));
  const post = body => front.post('/api/rooms/services/messages', body);
  await post({ key: 'stays', data: 1, ttl: 60_000, from: 'billing', exclude });
  await post({ key: 'goes', data: 2, exclude });
  await post({ key: 'goes', deleted: true, exclude });
  const last = next(alice, 'message');
  await post({ content: 'seen' });
  await last;
  assert.deepEqual([told, shown(alice, 'services'), alice.position('services').seq], [['seen'], 'stays1=1', 4]);
  const { from, service, expires, timestamp } = alice.roomState('services').get('stays');
  assert.deepEqual([from, service, expires - timestamp], ['billing', true, 60_000]);
});

test('a cut loses nothing of the state, and what could not be had comes anew', async () => {
  const alice = await member(front.url, 'alice', 'cuts');
  for (let i = 0; i < 3; i++) await alice.set('cuts', `k${i}`, 'x'.repeat(30_000)); // more than a page
  const bob = await withState(proxy.url, 'bob', 'cuts');
  assert.equal(bob.roomState('cuts').size, 3);
  const back = next(bob, 'joined');
  proxy.cut();
  await alice.remove('cuts', 'k1');
  const last = next(bob, 'message', ({ key }) => key === 'k2');
  await alice.set('cuts', 'k2', 2);
  assert.equal((await back).recovered, true);
  await last;
  assert.deepEqual([[...bob.roomState('cuts').keys()], bob.roomState('cuts').get('k2').data], [['k0', 'k2'], 2]);
  // A stay that ended before its state had come begins with it.
  const carl = client({ url: proxy.url, user: 'carl' });
  await carl.connect();
  let cuts = 1;
  carl.on('joined', () => { if (cuts-- > 0) proxy.cut(); });
  const whole = next(carl, 'roomState');
  await carl.join('cuts', { state: true });
  await whole;
  assert.equal(carl.roomState('cuts').size, 2);
});

test('a key expires by itself', async () => {
  const alice = await withState(front.url, 'alice', 'times');
  const expired = next(alice, 'expired');
  await alice.set('times', 'a', 1, { ttl: 150 });
  await within(alice.set('times', 'b', 1, { ttl: 60_000 }), 'b');
  assert.deepEqual(await expired, { room: 'times', key: 'a' });
  await within((async () => { while (alice.roomState('times').size !== 1) await new Promise(go => setTimeout(go, 10)); })(), 'the end of a');
  assert.ok(alice.roomState('times').get('b').expires > Date.now());
});

test('what the server would refuse is refused at once', async () => {
  const alice = await member(front.url, 'alice', 'wrong');
  for (const call of [() => alice.set('wrong', 1, 1), () => alice.set('wrong', 'k', undefined), () => alice.set('wrong', 'k', 1, { ttl: '1' }), () => alice.set('wrong', 'k', 1, { key: 'x' }), () => alice.join('other', { state: 1 })])
    await assert.rejects(call, TypeError);
  for (const call of [() => alice.set('wrong', '', 1), () => alice.set('wrong', 'k', 1, { ttl: 99 }), () => alice.remove('wrong', 'k', { if: -1 })])
    await assert.rejects(call, RangeError);
  await assert.rejects(alice.set('elsewhere', 'k', 1), { code: 'not_joined' });
});
