import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { client, closeAll, history, member, next, numbers, within } from '../support/clients.js';
import { startFront } from '../support/front.js';

let front;
before(async () => { front = await startFront('--Rooms:PresenceLimit=3'); });
after(() => front?.stop());
afterEach(closeAll);

test('messages reach all members, the sender too, in one order', async () => {
  const alice = await member(front.url, 'alice', 'order');
  const bob = await member(front.url, 'bob', 'order');
  const seen = [history(alice, 'order'), history(bob, 'order')];
  const arrived = next(bob, 'message');
  const first = await alice.room('order').publish({ content: 'hi', data: { n: [1, null, 'ü'] } });
  assert.deepEqual({ room: first.room, seq: first.seq }, { room: 'order', seq: 1 });
  const { timestamp, ...message } = await arrived;
  assert.deepEqual(message, { room: 'order', from: 'alice', content: 'hi', data: { n: [1, null, 'ü'] }, epoch: first.epoch, seq: 1 });
  assert.ok(Math.abs(timestamp - Date.now()) < 60_000);

  const receipts = await Promise.all(numbers(100).flatMap(i => [alice.room('order').publish(`a${i}`), bob.room('order').publish(`b${i}`)]));
  assert.deepEqual(receipts.map(r => r.seq).sort((a, b) => a - b), numbers(200, 2));
  await Promise.all(seen.map(s => s.until(201)));
  assert.deepEqual(seen[0].contents, seen[1].contents);
  assert.deepEqual(seen[0].seqs, numbers(201));
  assert.deepEqual(seen[0].contents.filter(c => c.startsWith('a')), numbers(100).map(i => `a${i}`));
  assert.deepEqual(alice.room('order').position, { epoch: first.epoch, seq: 201 });
});

test('a join brings the last messages, then what is live, and refuses a number that is none', async () => {
  const alice = await member(front.url, 'alice', 'newest');
  for (const i of numbers(5)) await alice.room('newest').publish(`m${i}`);
  const bob = await member(front.url, 'bob', 'elsewhere');
  const seen = history(bob, 'newest');
  const joined = await bob.room('newest').join({ last: 3 });
  assert.deepEqual({ seq: joined.seq, last: joined.last, recovered: joined.recovered }, { seq: 5, last: 3, recovered: undefined });
  await alice.room('newest').publish('m6');
  await seen.until(4);
  assert.deepEqual(seen.contents, ['m3', 'm4', 'm5', 'm6']);
  assert.deepEqual(bob.room('newest').position, { epoch: joined.epoch, seq: 6 });
  for (const last of [0, 101, 1.5, '3', null]) await assert.rejects(() => bob.room('other').join({ last }), TypeError);
});

test('an ephemeral message comes by an event of its own and moves no position', async () => {
  const alice = await member(front.url, 'alice', 'cursors');
  const bob = await member(front.url, 'bob', 'cursors');
  const seen = history(bob, 'cursors');
  await alice.room('cursors').publish('one');
  const arrived = next(bob, 'ephemeral');
  assert.deepEqual(await alice.room('cursors').publish({ data: { x: 1 } }, { ephemeral: true, key: 'cursor' }), { room: 'cursors' });
  const { timestamp, ...message } = await arrived;
  assert.ok(timestamp > 0);
  assert.deepEqual(message, { room: 'cursors', from: 'alice', data: { x: 1 }, ephemeral: true, key: 'cursor' });
  await alice.room('cursors').publish('two');
  await seen.until(2);
  assert.deepEqual(seen.seqs, [1, 2]);
  assert.equal(bob.room('cursors').position.seq, 2);
  await assert.rejects(alice.room('elsewhere').publish('x', { ephemeral: true }), { code: 'not_joined' });
  await assert.rejects(alice.room('cursors').publish('x', { ephemeral: true, id: '1' }), TypeError);
  await assert.rejects(alice.room('cursors').publish('x', { key: 'k' }), TypeError);
  await assert.rejects(alice.room('cursors').publish('x', { ephemeral: 1 }), TypeError);
  await assert.rejects(alice.room('cursors').publish('x', { ephemeral: true, key: '' }), RangeError);
  alice.close();
  await assert.rejects(alice.room('cursors').publish('x', { ephemeral: true }), { code: 'offline' });
});

test('without an echo the number of a message is the one in its answer, and leaves no hole', async () => {
  const alice = client({ url: front.url, user: 'alice' });
  await alice.connect();
  await alice.room('quiet').join({ echo: false });
  const bob = await member(front.url, 'bob', 'quiet');
  const seen = [history(alice, 'quiet'), history(bob, 'quiet')];
  await alice.room('quiet').publish('first');
  assert.equal(alice.room('quiet').position.seq, 1);
  await Promise.all(numbers(100).flatMap(i => [alice.room('quiet').publish(`a${i}`), bob.room('quiet').publish(`b${i}`)]));
  await alice.room('quiet').publish('mine', { echo: true });
  await Promise.all([seen[0].until(101), seen[1].until(202)]);
  assert.deepEqual(seen[0].contents, [...numbers(100).map(i => `b${i}`), 'mine']);
  assert.deepEqual([seen[0].missed, seen[1].missed], [[], []]);
  assert.equal(alice.room('quiet').position.seq, 202);
  await assert.rejects(alice.room('quiet').publish('x', { echo: 0 }), TypeError);
  await assert.rejects(alice.room('other').join({ echo: 'no' }), TypeError);
});

test('a service leaves a connection out by its id, and that leaves no hole', async () => {
  const alice = await member(front.url, 'alice', 'without');
  const bob = await member(front.url, 'bob', 'without');
  const seen = [history(alice, 'without'), history(bob, 'without')];
  const exclude = await alice.connectionId();
  for (const i of numbers(3)) await front.post('/api/rooms/without/messages', { content: `m${i}`, ...(i === 2 && { exclude }) });
  await Promise.all([seen[0].until(2), seen[1].until(3)]);
  assert.deepEqual([seen[0].seqs, seen[1].seqs], [[1, 3], [1, 2, 3]]);
  assert.deepEqual([seen[0].missed, alice.room('without').position.seq], [[], 3]);
});

test('a direct message goes to one user and says how many connections it reached', async () => {
  const alice = await member(front.url, 'alice-d', 'direct');
  const bob = await member(front.url, 'bob-d', 'direct');
  const arrived = next(bob, 'direct');
  alice.on('direct', () => assert.fail('the sender got it'));
  assert.deepEqual(await alice.sendTo('bob-d', { content: 'psst', data: { n: 1 } }), { connections: 1 });
  const { timestamp, ...message } = await arrived;
  assert.ok(timestamp > 0);
  assert.deepEqual(message, { to: 'bob-d', from: 'alice-d', content: 'psst', data: { n: 1 } });
  assert.deepEqual(await alice.sendTo('nobody-at-all', 'psst'), { connections: 0 });
});

test('a message to everyone comes without a receiver', async () => {
  const alice = await member(front.url, 'alice-e', 'everyone');
  const arrived = next(alice, 'direct');
  await front.post('/api/messages', { content: 'back at noon', from: 'operations' });
  const { timestamp, ...message } = await arrived;
  assert.ok(timestamp > 0);
  assert.deepEqual(message, { from: 'operations', service: true, content: 'back at noon' });
});

test('members are paged, comings and goings are told, and only counted in a large room', async () => {
  const alice = await member(front.url, 'a', 'who');
  const came = next(alice, 'join');
  const bob = await member(front.url, 'b', 'who');
  assert.deepEqual(await came, { room: 'who', from: 'b' });
  const carl = await member(front.url, 'c', 'who');
  assert.deepEqual(await alice.room('who').members({ limit: 2 }), { users: ['a', 'b'], total: 3, next: 'b' });
  assert.deepEqual(await alice.room('who').members({ after: 'b' }), { users: ['c'], total: 3, next: undefined });
  const counted = next(alice, 'presence', p => p.members === 4);
  const dora = await member(front.url, 'd', 'who');
  assert.deepEqual(await counted, { room: 'who', members: 4 });
  await dora.room('who').leave();
  const gone = next(alice, 'leave', p => p.from === 'b');
  await bob.room('who').leave();
  assert.deepEqual(await gone, { room: 'who', from: 'b' });
  carl.close();
  assert.deepEqual(await next(alice, 'leave'), { room: 'who', from: 'c' });
});

test('a room can be left and entered again at once, and what comes in between is not for the one who left', async () => {
  const alice = await member(front.url, 'alice', 'door');
  const seen = history(alice, 'door');
  await alice.room('door').publish('in');
  await seen.until(1);
  const left = alice.room('door').leave();
  const joined = alice.room('door').join();
  assert.deepEqual(alice.rooms.map(({ name }) => name), ['door']);
  await left;
  assert.equal((await joined).seq, 1);
  const off = alice.room('door').leave();
  await assert.rejects(alice.room('door').publish('out'), { code: 'not_joined', room: 'door' });
  await off;
  await front.post('/api/rooms/door/messages', { content: 'not seen' });
  assert.equal((await alice.room('door').join()).seq, 2);
  await alice.room('door').publish('in again');
  await seen.until(2);
  assert.deepEqual(seen.contents, ['in', 'in again']);
  assert.deepEqual(seen.missed, []);
  await alice.room('never-joined').leave();
});

test('joins and leaves in any quick order end as the last one says', async () => {
  const alice = await member(front.url, 'alice', 'quick');
  const calls = [];
  for (let i = 0; i < 5; i++) calls.push(alice.room('quick').leave(), alice.room('quick').join());
  const results = await Promise.allSettled(calls);
  // A join that is overtaken by a leave says so; the others are done.
  for (const { status, reason } of results) assert.ok(status === 'fulfilled' || reason.code === 'left', reason);
  assert.equal(results.at(-1).status, 'fulfilled');
  const { seq } = await alice.room('quick').publish('here');
  assert.equal(seq, 1);
});

test('a join with an earlier position brings what came since', async () => {
  const alice = await member(front.url, 'alice', 'since');
  const one = next(alice, 'message');
  await alice.room('since').publish('one');
  await one; // its ack may come first
  const position = alice.room('since').position;
  await alice.room('since').publish('two');
  const bob = await member(front.url, 'bob', 'elsewhere');
  const seen = history(bob, 'since');
  const joined = await bob.room('since').join({ since: position });
  assert.equal(joined.recovered, true);
  await seen.until(1);
  assert.deepEqual(seen.contents, ['two']);

  const carl = await member(front.url, 'carl', 'elsewhere');
  const missed = next(carl, 'missed');
  await carl.room('since').join({ since: { epoch: 'of-another-time', seq: 1 } });
  assert.deepEqual(await missed, { room: 'since', since: { epoch: 'of-another-time', seq: 1 }, epoch: joined.epoch, seq: 2 });
});

test('an id of the application gets its first receipt again; another message under it is refused', async () => {
  const alice = await member(front.url, 'alice', 'ids');
  const first = await alice.room('ids').publish({ content: 'order', data: { n: 7 } }, { id: 'order-7' });
  assert.deepEqual(await alice.room('ids').publish({ content: 'order', data: { n: 7 } }, { id: 'order-7' }), first);
  await assert.rejects(alice.room('ids').publish('another', { id: 'order-7' }), { name: 'RealtimeError', code: 'id_conflict', room: 'ids' });
  const both = [alice.room('ids').publish('x', { id: 'same' }), alice.room('ids').publish('x', { id: 'same' })];
  await assert.rejects(both[1], /id 'same' belongs to a message that waits/);
  await both[0];
});

test('one id may be under way in two rooms at once, for ids are per room', async () => {
  // Alike for longer than any error would show of a name.
  const rooms = ['1', '2'].map(end => 'r'.repeat(127) + end);
  const alice = await member(front.url, 'alice', rooms[0]);
  await alice.room(rooms[1]).join();
  const receipts = await Promise.all(rooms.map(room => alice.room(room).publish('x', { id: 'both' })));
  assert.deepEqual(receipts.map(({ room, seq }) => ({ room, seq })), rooms.map(room => ({ room, seq: 1 })));
  const refused = await Promise.allSettled([
    alice.room(rooms[0]).publish('another', { id: 'both' }),
    alice.room(rooms[1]).publish('y'.repeat(65_537), { id: 'both' }),
  ]);
  assert.deepEqual(refused.map(({ reason }) => [reason.code, reason.room]), [['id_conflict', rooms[0]], ['content_too_long', rooms[1]]]);
});

test('history is paged from the newest message back', async () => {
  const alice = await member(front.url, 'alice', 'past');
  const receipts = [];
  for (const n of numbers(5)) receipts.push(await alice.room('past').publish(`m${n}`));
  const { epoch } = receipts[0];
  const newest = await alice.room('past').history({ limit: 2, epoch });
  assert.deepEqual({ ...newest, messages: newest.messages.map(m => [m.type, m.from, m.content, m.seq]) },
    { room: 'past', epoch, more: true, messages: [['message', 'alice', 'm4', 4], ['message', 'alice', 'm5', 5]] });
  const before = await alice.room('past').history({ before: 4 });
  assert.deepEqual([before.messages.map(m => m.content), before.more], [['m1', 'm2', 'm3'], false]);
});

test('what the server refuses is rejected with its code and words, and the connection goes on', async () => {
  const alice = await member(front.url, 'alice', 'refusals');
  await assert.rejects(alice.room('refusals').publish('x'.repeat(65_537)), { code: 'content_too_long', message: /65536/ });
  await assert.rejects(alice.room('refusals').history({ epoch: 'of-another-time' }), { code: 'position_invalid' });
  assert.equal((await alice.room('refusals').publish({ data: null })).seq, 1);
  assert.ok((await alice.ping()) >= 0);
});

test('one listener that throws does not keep the others from hearing, nor the client from working', async () => {
  const alice = await member(front.url, 'alice', 'throws');
  const uncaught = new Promise(resolve => process.once('uncaughtException', resolve));
  const listeners = process.listeners('uncaughtException').slice(0, -1);
  for (const listener of listeners) process.removeListener('uncaughtException', listener);
  const off = alice.on('message', () => { throw new Error('of the application'); });
  const heard = next(alice, 'message');
  await alice.room('throws').publish('one');
  assert.equal((await heard).content, 'one');
  assert.equal((await uncaught).message, 'of the application');
  for (const listener of listeners) process.on('uncaughtException', listener);
  off();
  await alice.room('throws').publish('two');
});

test('the rule for names is that of the server, at every edge of what is refused', async () => {
  const { nameProblem } = await import('realtime-client');
  const names = ['', ' ', '\u3000', ' a', 'a ', '.', '..', '...', 'a b', 'x'.repeat(128), 'x'.repeat(129), 'ä'.repeat(64), 'ä'.repeat(65), '😀', 'a\ud83d', '\ude00a', '👍\u200d'];
  const isBad = (/** @type {number} */ unit) => nameProblem(`a${String.fromCharCode(unit)}b`, 'room') !== null;
  for (let unit = 1; unit < 0xffff; unit++)
    if (isBad(unit) !== isBad(unit - 1)) names.push(`a${String.fromCharCode(unit - 1)}b`, `a${String.fromCharCode(unit)}b`);
  names.splice(0, names.length, ...new Set(names)); // a room that is on its way out cannot be joined
  const socket = new WebSocket(`${front.url}?user=alice`);
  await new Promise((resolve, reject) => { socket.onopen = resolve; socket.onerror = reject; });
  const answers = new Map();
  const all = new Promise(resolve => {
    socket.onmessage = ({ data }) => {
      const { id, type, code } = JSON.parse(data);
      if (!id?.startsWith('n')) return;
      answers.set(Number(id.slice(1)), type === 'joined' ? null : code);
      if (answers.size === names.length) resolve(undefined);
    };
  });
  for (const [i, room] of names.entries()) {
    socket.send(JSON.stringify({ id: `n${i}`, type: 'join', room }));
    socket.send(JSON.stringify({ id: `l${i}`, type: 'leave', room }));
  }
  await within(all, 'the answers');
  socket.close();
  const differs = names.filter((name, i) => (nameProblem(name, 'room') === null) !== (answers.get(i) === null));
  assert.deepEqual(differs.map(name => JSON.stringify(name)), []);
});
