import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { client, closeAll, member, next } from '../support/clients.js';
import { startFront } from '../support/front.js';
import { startProxy } from '../support/proxy.js';

let front;
before(async () => { front = await startFront(); });
after(() => front?.stop());
afterEach(closeAll);

test('the others see what a member shows, and who asks knows who is there', async () => {
  const alice = await member(front.url, 'alice', 'data');
  const came = next(alice, 'join');
  const bob = client({ url: front.url, user: 'bob' });
  await bob.connect();
  const shown = { status: 'here' };
  const joining = bob.room('data').join({ data: shown, presence: 'members' });
  shown.status = 'too late';
  const { users, data, order, members } = await joining;
  assert.deepEqual({ users, data, members }, { users: ['alice', 'bob'], data: { bob: { status: 'here' } }, members: 2 });
  assert.deepEqual(await came, { room: 'data', from: 'bob', data: { status: 'here' } });

  const changed = next(alice, 'update');
  await bob.room('data').update(null);
  assert.deepEqual(await changed, { room: 'data', from: 'bob', data: null });
  const theirs = next(bob, 'update');
  await alice.room('data').update([1]);
  assert.deepEqual(await theirs, { room: 'data', from: 'alice', data: [1], order: order + 2 });
  assert.deepEqual(await alice.room('data').members(), { users: ['alice', 'bob'], total: 2, next: undefined, data: { alice: [1], bob: null } });
  assert.equal((await bob.room('data').members()).order, order + 2);
});

test('who asks for the count is told nobody by name', async () => {
  const alice = client({ url: front.url, user: 'alice' });
  await alice.connect();
  await alice.room('count').join({ presence: 'count' });
  alice.on('join', () => assert.fail('a name'));
  const counted = next(alice, 'presence');
  await member(front.url, 'bob', 'count');
  assert.deepEqual(await counted, { room: 'count', members: 2 });
});

test('what is shown comes back with the connection, as it was last', async () => {
  const proxy = await startProxy(front.port);
  const alice = await member(front.url, 'alice', 'back');
  const bob = client({ url: proxy.url, user: 'bob' });
  await bob.connect();
  await bob.room('back').join({ data: 1 });
  await bob.room('back').update(2);
  const back = next(alice, 'join');
  proxy.cut();
  assert.deepEqual(await back, { room: 'back', from: 'bob', data: 2 });
  // Without a connection the next join brings it.
  const online = next(bob, 'status', ({ state }) => state === 'reconnecting');
  const again = next(alice, 'join');
  proxy.cut();
  await online;
  await bob.room('back').update(3);
  assert.equal((await again).data, 3);
  proxy.stop();
});

test('what the server refuses is rejected, and what was shown before stays', async () => {
  const alice = await member(front.url, 'alice', 'refused');
  const bob = client({ url: front.url, user: 'bob' });
  await bob.connect();
  await bob.room('refused').join({ data: 'first' });
  await assert.rejects(bob.room('refused').update('x'.repeat(1023)), { code: 'content_too_long' });
  assert.deepEqual((await alice.room('refused').members()).data, { bob: 'first' });
  await assert.rejects(bob.room('elsewhere').update(1), { code: 'not_joined' });
  await assert.rejects(bob.room('other').join({ data: 'x'.repeat(1023) }), { code: 'content_too_long' });
  for (const wrong of [undefined, () => {}, 1n]) await assert.rejects(() => bob.room('refused').update(wrong), TypeError);
  for (const presence of ['all', true, null]) await assert.rejects(() => bob.room('other').join({ presence }), TypeError);
});
