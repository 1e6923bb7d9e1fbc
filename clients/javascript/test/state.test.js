import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, member, next, within } from '../support/clients.js';
import { scripted } from '../support/scripted.js';
import { front, proxy, serve } from '../support/served.js';

serve();

async function withState(url, user, room, options) {
  const made = client({ url, user });
  await made.connect();
  const whole = next(made, 'state');
  await made.room(room).join({ state: true, ...options });
  await whole;
  return made;
}

const shown = (from, room) => [...from.room(room).state].map(([key, { data, seq }]) => `${key}${seq}=${JSON.stringify(data)}`).sort().join(' ');

test('who joins with state has it, and all maps follow what is set and removed', async () => {
  const alice = await member(front.url, 'alice', 'board');
  assert.equal(alice.room('board').state, null);
  assert.equal((await alice.room('board').set('card-1', { x: 1 })).seq, 1);
  const bob = await withState(front.url, 'bob', 'board');
  assert.equal(shown(bob, 'board'), 'card-11={"x":1}');
  const carl = await withState(front.url, 'carl', 'board', { echo: false });
  const map = carl.room('board').state;
  const arrived = next(bob, 'message', ({ key }) => key === 'card-2');
  const { seq } = await carl.room('board').set('card-2', null, { if: 0 });
  assert.deepEqual([seq, map.get('card-2').data], [2, null]);
  assert.equal((await arrived).key, 'card-2');
  await assert.rejects(carl.room('board').set('card-2', 2, { if: 1 }), { code: 'version_conflict' });
  const removed = next(carl, 'message');
  await bob.room('board').remove('card-2', { if: 2 });
  assert.equal((await removed).deleted, true);
  assert.equal(shown(carl, 'board'), shown(bob, 'board'));
  assert.equal(carl.room('board').state, map);
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
  assert.deepEqual([told, shown(alice, 'services'), alice.room('services').position.seq], [['seen'], 'stays1=1', 4]);
  const { from, service, expires, timestamp } = alice.room('services').state.get('stays');
  assert.deepEqual([from, service, expires - timestamp], ['billing', true, 60_000]);
});

test('a cut loses nothing of the state, and what could not be had comes anew', async () => {
  const alice = await member(front.url, 'alice', 'cuts');
  for (let i = 0; i < 3; i++) await alice.room('cuts').set(`k${i}`, 'x'.repeat(30_000)); // more than a page
  const bob = await withState(proxy.url, 'bob', 'cuts');
  assert.equal(bob.room('cuts').state.size, 3);
  const back = next(bob, 'joined');
  proxy.cut();
  await alice.room('cuts').remove('k1');
  const last = next(bob, 'message', ({ key }) => key === 'k2');
  await alice.room('cuts').set('k2', 2);
  assert.equal((await back).recovered, true);
  await last;
  assert.deepEqual([[...bob.room('cuts').state.keys()], bob.room('cuts').state.get('k2').data], [['k0', 'k2'], 2]);
  // A stay that ended before its state had come begins with it.
  const carl = client({ url: proxy.url, user: 'carl' });
  await carl.connect();
  let cuts = 1;
  carl.on('joined', () => { if (cuts-- > 0) proxy.cut(); });
  const whole = next(carl, 'state');
  await carl.room('cuts').join({ state: true });
  await whole;
  assert.equal(carl.room('cuts').state.size, 2);
});

test('a key expires by itself', async () => {
  const alice = await withState(front.url, 'alice', 'times');
  const expired = next(alice, 'expired');
  await alice.room('times').set('a', 1, { ttl: 150 });
  await within(alice.room('times').set('b', 1, { ttl: 60_000 }), 'b');
  assert.deepEqual(await expired, { room: 'times', key: 'a' });
  await within((async () => { while (alice.room('times').state.size !== 1) await new Promise(go => setTimeout(go, 10)); })(), 'the end of a');
  assert.ok(alice.room('times').state.get('b').expires > Date.now());
});

test('what the server would refuse is refused at once', async () => {
  const alice = await member(front.url, 'alice', 'wrong');
  for (const call of [() => alice.room('wrong').set(1, 1), () => alice.room('wrong').set('k', undefined), () => alice.room('wrong').set('k', 1, { ttl: '1' }), () => alice.room('wrong').set('k', 1, { key: 'x' }), () => alice.room('other').join({ state: 1 })])
    await assert.rejects(call, TypeError);
  for (const call of [() => alice.room('wrong').set('', 1), () => alice.room('wrong').set('k', 1, { ttl: 99 }), () => alice.room('wrong').remove('k', { if: -1 })])
    await assert.rejects(call, RangeError);
  await assert.rejects(alice.room('elsewhere').set('k', 1), { code: 'not_joined' });
});

test('a room that the server has put this client into gives its state to who joins it with state', async () => {
  const bob = await member(front.url, 'bob-put', 'put-state');
  await bob.room('put-state').set('k', 1);
  for (const joinsFirst of [false, true]) {
    const alice = client({ url: front.url, user: `alice-put-${joinsFirst}` });
    await alice.connect();
    await alice.ping();
    const messages = [];
    alice.on('message', ({ content }) => messages.push(content));
    alice.on('missed', missed => assert.fail(JSON.stringify(missed)));
    const put = next(alice, 'joined');
    await front.call('PUT', `/api/rooms/put-state/users/alice-put-${joinsFirst}`);
    const { seq } = await put;
    if (joinsFirst) assert.equal((await alice.room('put-state').join()).by, 'server');
    const whole = next(alice, 'state');
    const joining = alice.room('put-state').join({ state: true, echo: false });
    await bob.room('put-state').publish(`to ${joinsFirst}`);
    const joined = await joining;
    assert.equal(joined.by, undefined);
    await whole;
    assert.equal(alice.room('put-state').state.get('k').data, 1);
    await alice.room('put-state').set('k2', 2);
    await alice.ping();
    assert.deepEqual([messages, alice.room('put-state').position.seq], [[`to ${joinsFirst}`], seq + 2]);
    await bob.room('put-state').remove('k2');
    alice.close();
  }
});

test('a room that was joined without its state gives it to who joins it with that, also at once', async () => {
  const alice = await member(front.url, 'alice', 'more');
  await alice.room('more').set('k', 1);
  const whole = next(alice, 'state');
  await alice.room('more').join({ state: true });
  await whole;
  assert.equal(shown(alice, 'more'), 'k1=1');
  const bob = client({ url: front.url, user: 'bob' });
  await bob.connect();
  const his = next(bob, 'state');
  await Promise.all([bob.room('more').join(), bob.room('more').join({ state: true })]);
  await his;
  assert.equal(shown(bob, 'more'), 'k1=1');
  assert.deepEqual(bob.rooms.map(({ name }) => name), ['more']);
});

test('what is refused to who is in the room already leaves it there, as it was', async () => {
  const alice = client({ url: front.url, user: 'alice-had' });
  await alice.connect();
  await alice.ping();
  const put = next(alice, 'joined');
  await front.call('PUT', '/api/rooms/had/users/alice-had');
  await put;
  await assert.rejects(alice.room('had').join({ data: 'x'.repeat(2_000), state: true }), { code: 'content_too_long' });
  assert.equal(alice.room('had').state, null);
  const whole = next(alice, 'state');
  await alice.room('had').join({ state: true });
  await whole;
  assert.equal((await alice.room('had').set('k', 1)).seq, 1);
});

/** A client whose server is the test, in a room with state; the answer to its join has been given. */
async function scriptedState() {
  const all = await scripted();
  all.made.room('r').join({ state: true, echo: false });
  const { id } = await all.heard();
  all.say({ type: 'joined', id, room: 'r', epoch: 'e', seq: 5, members: 1 });
  return all;
}

const entry = (key, seq, data) => ({ key, seq, data, timestamp: 1 });

test('an own change without an echo, made while the state is on its way, is newer than that', async () => {
  const { made, say, heard } = await scriptedState();
  say({ type: 'state', room: 'r', entries: [entry('a', 1, 'old'), entry('b', 2, 'old')], more: true });
  const set = made.room('r').set('a', 'new');
  say({ type: 'ack', id: (await heard()).id, room: 'r', epoch: 'e', seq: 6 });
  await set;
  const removed = made.room('r').remove('c');
  say({ type: 'ack', id: (await heard()).id, room: 'r', epoch: 'e', seq: 7 });
  await removed;
  // This one was kept before the state was read: what has become of it since is in there.
  const again = made.room('r').set('d', 'gone');
  say({ type: 'ack', id: (await heard()).id, room: 'r', epoch: 'e', seq: 3 });
  await again;
  const whole = next(made, 'state');
  say({ type: 'state', room: 'r', entries: [entry('c', 4, 'old')], more: false });
  await whole;
  assert.equal(shown(made, 'r'), 'a6="new" b2="old"');
});

test('what is dropped at the same position once more has the state come anew, and is told once', async () => {
  const { made, say, heard } = await scriptedState();
  say({ type: 'state', room: 'r', entries: [entry('a', 1, 'old')], more: false });
  const missed = [];
  made.on('missed', detail => missed.push(detail));
  const rejoin = async answer => {
    const { type, id } = await heard();
    assert.equal(type, 'leave');
    say({ type: 'left', id, room: 'r' });
    const join = await heard();
    assert.equal(join.type, 'join');
    say({ type: 'joined', id: join.id, room: 'r', epoch: 'e', members: 1, ...answer });
    return join.seq;
  };
  const dropped = { type: 'dropped', room: 'r', epoch: 'e', from: 6, to: 8 };
  say(dropped);
  assert.equal(await rejoin({ seq: 8, recovered: true }), 5);
  say(dropped);
  assert.equal(await rejoin({ seq: 9 }), undefined);
  const whole = next(made, 'state');
  say({ type: 'state', room: 'r', entries: [entry('a', 7, 'new')], more: false });
  await whole;
  assert.deepEqual(missed, [{ room: 'r', since: { epoch: 'e', seq: 5 }, epoch: 'e', seq: 9 }]);
  assert.equal(shown(made, 'r'), 'a7="new"');
});
