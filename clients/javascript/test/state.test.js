import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, member, next, within } from '../support/clients.js';
import { scripted } from '../support/scripted.js';
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

test('a room that the server has put this client into gives its state to who joins it with state', async () => {
  const bob = await member(front.url, 'bob-put', 'put-state');
  await bob.set('put-state', 'k', 1);
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
    if (joinsFirst) assert.equal((await alice.join('put-state')).by, 'server');
    const whole = next(alice, 'roomState');
    const joining = alice.join('put-state', { state: true, echo: false });
    await bob.publish('put-state', `to ${joinsFirst}`);
    const joined = await joining;
    assert.equal(joined.by, undefined);
    await whole;
    assert.equal(alice.roomState('put-state').get('k').data, 1);
    await alice.set('put-state', 'k2', 2);
    await alice.ping();
    assert.deepEqual([messages, alice.position('put-state').seq], [[`to ${joinsFirst}`], seq + 2]);
    await bob.remove('put-state', 'k2');
    alice.close();
  }
});

test('a room that was joined without its state gives it to who joins it with that, also at once', async () => {
  const alice = await member(front.url, 'alice', 'more');
  await alice.set('more', 'k', 1);
  const whole = next(alice, 'roomState');
  await alice.join('more', { state: true });
  await whole;
  assert.equal(shown(alice, 'more'), 'k1=1');
  const bob = client({ url: front.url, user: 'bob' });
  await bob.connect();
  const his = next(bob, 'roomState');
  await Promise.all([bob.join('more'), bob.join('more', { state: true })]);
  await his;
  assert.equal(shown(bob, 'more'), 'k1=1');
  assert.deepEqual(bob.rooms, ['more']);
});

test('what is refused to who is in the room already leaves it there, as it was', async () => {
  const alice = client({ url: front.url, user: 'alice-had' });
  await alice.connect();
  await alice.ping();
  const put = next(alice, 'joined');
  await front.call('PUT', '/api/rooms/had/users/alice-had');
  await put;
  await assert.rejects(alice.join('had', { data: 'x'.repeat(2_000), state: true }), { code: 'content_too_long' });
  assert.equal(alice.roomState('had'), null);
  const whole = next(alice, 'roomState');
  await alice.join('had', { state: true });
  await whole;
  assert.equal((await alice.set('had', 'k', 1)).seq, 1);
});

/** A client whose server is the test, in a room with state; the answer to its join has been given. */
async function scriptedState() {
  const all = await scripted();
  all.made.join('r', { state: true, echo: false });
  const { id } = await all.heard();
  all.say({ type: 'joined', id, room: 'r', epoch: 'e', seq: 5, members: 1 });
  return all;
}

const entry = (key, seq, data) => ({ key, seq, data, timestamp: 1 });

test('an own change without an echo, made while the state is on its way, is newer than that', async () => {
  const { made, say, heard } = await scriptedState();
  say({ type: 'state', room: 'r', entries: [entry('a', 1, 'old'), entry('b', 2, 'old')], more: true });
  const set = made.set('r', 'a', 'new');
  say({ type: 'ack', id: (await heard()).id, room: 'r', epoch: 'e', seq: 6 });
  await set;
  const removed = made.remove('r', 'c');
  say({ type: 'ack', id: (await heard()).id, room: 'r', epoch: 'e', seq: 7 });
  await removed;
  // This one was kept before the state was read: what has become of it since is in there.
  const again = made.set('r', 'd', 'gone');
  say({ type: 'ack', id: (await heard()).id, room: 'r', epoch: 'e', seq: 3 });
  await again;
  const whole = next(made, 'roomState');
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
  const whole = next(made, 'roomState');
  say({ type: 'state', room: 'r', entries: [entry('a', 7, 'new')], more: false });
  await whole;
  assert.deepEqual(missed, [{ room: 'r', since: { epoch: 'e', seq: 5 }, epoch: 'e', seq: 9 }]);
  assert.equal(shown(made, 'r'), 'a7="new"');
});
