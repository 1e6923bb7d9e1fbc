import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RealtimeError } from 'realtime-client';
import { client, member, next, within } from '../support/clients.js';
import { scripted } from '../support/scripted.js';
import { front, proxy, serve } from '../support/served.js';

serve();

test('a room is one object for its name, and hears of itself before the client does, and of no other', async () => {
  const alice = client({ url: front.url, user: 'alice' });
  const [one, two] = [alice.room('one'), alice.room('two')];
  assert.equal(alice.room('one'), one);
  const heard = [];
  one.on('message', ({ content }) => heard.push(`one ${content}`));
  two.on('message', ({ content }) => heard.push(`two ${content}`));
  alice.on('message', ({ room, content }) => heard.push(`client ${room} ${content}`));
  assert.deepEqual([one.name, one.joined, one.position, one.state, alice.rooms], ['one', null, null, null, []]);
  await alice.connect();
  const joined = await one.join();
  await two.join();
  assert.deepEqual(one.joined, joined);
  assert.deepEqual(alice.rooms, [one, two]);
  // The answer to a publish and its message come in either order.
  for (const [room, content] of /** @type {const} */ ([[one, 'a'], [two, 'b'], [one, 'c']])) {
    const told = next(alice, 'message');
    await room.publish(content);
    await told;
  }
  assert.deepEqual(heard, ['one a', 'client one a', 'two b', 'client two b', 'one c', 'client one c']);
  assert.deepEqual(one.position, { epoch: joined.epoch, seq: 2 });
  await one.leave();
  assert.deepEqual([one.joined, one.position, alice.rooms], [null, null, [two]]);
  // Who listens goes on to do so.
  await one.join();
  const again = next(one, 'message');
  await one.publish('d');
  await again;
  assert.equal(heard.at(-2), 'one d');
});

test('once is once, off is at once, and both may happen while an event is told', async () => {
  const { made, say, heard: sent } = await scripted();
  const room = made.room('r');
  room.join();
  say({ type: 'joined', id: (await sent()).id, room: 'r', epoch: 'e', seq: 0, members: 1 });
  const heard = [];
  const message = seq => say({ type: 'message', room: 'r', epoch: 'e', seq, content: String(seq), timestamp: 1 });
  for (const from of [room, made]) {
    from.once('message', ({ seq }) => heard.push(`once ${seq}`));
    const off = from.once('message', () => assert.fail('ended before'));
    off();
    const listener = ({ seq }) => { heard.push(`until 2: ${seq}`); if (seq === 2) from.off('message', listener); };
    from.on('message', listener);
    from.on('message', listener); // twice is once
    from.once('message', listener); // and it stays
  }
  for (const seq of [1, 2, 3]) message(seq);
  assert.deepEqual(heard, ['once 1', 'until 2: 1', 'once 1', 'until 2: 1', 'until 2: 2', 'until 2: 2']);
  for (const from of [room, made]) {
    from.off('message', () => {}); // that was none
    assert.throws(() => from.off('mesage', () => {}), /no event 'mesage'/);
    assert.throws(() => from.once('message', 1), /must be a function/);
  }
  assert.throws(() => room.on('status', () => {}), /no event 'status'; there are message/);
});

test('what a call ends with says which room and what was asked for', async () => {
  const alice = await member(proxy.url, 'alice', 'told');
  const room = alice.room('told');
  proxy.change = text => text.replace(/"type":"(members|pong)","id":("[^"]*").*/, '"type":"error","id":$2,"code":"rate_limited","content":"slowly","retryAfter":1500}');
  const told = async (/** @type {Promise<any>} */ call) => {
    const error = await call.then(() => assert.fail('it was done'), failure => failure);
    assert.ok(error instanceof RealtimeError);
    return [error.code, error.operation, error.room, error.retryAfter];
  };
  assert.deepEqual(await told(room.members()), ['rate_limited', 'members', 'told', 1500]);
  assert.deepEqual(await told(alice.ping()), ['rate_limited', 'ping', undefined, 1500]);
  assert.deepEqual(await told(alice.room('other').publish('x')), ['not_joined', 'publish', 'other', undefined]);
  assert.deepEqual(await told(alice.call('no-such')), ['unknown_method', 'call', undefined, undefined]);
  // What ends many at once is told to each as its own.
  proxy.change = () => null;
  const all = [room.publish('x'), room.set('k', 1), room.remove('k'), room.history(), room.update(1), alice.room('more').join(), alice.sendTo('bob', 'x'), alice.inbox(), alice.connectionId()].map(told);
  alice.close();
  assert.deepEqual((await Promise.all(all)).map(([code, operation, of]) => [code, operation, of]), [
    ...['publish', 'set', 'remove', 'history', 'update'].map(operation => ['offline', operation, 'told']), ['offline', 'join', 'more'],
    ...['sendTo', 'inbox', 'connectionId'].map(operation => ['offline', operation, undefined])]);
  const never = client({ url: proxy.url, user: 'alice' });
  const connecting = told(never.connect());
  never.close();
  assert.deepEqual(await connecting, ['offline', 'connect', undefined, undefined]);
});

test('a signal ends any wait with its reason, and what it was for does not happen later', async () => {
  const { made, say, heard } = await scripted();
  const room = made.room('r');
  const reason = new Error('enough');
  const over = async (/** @type {(options: {signal: AbortSignal}) => Promise<any>} */ call) => {
    const abort = new AbortController();
    const waiting = call({ signal: abort.signal });
    abort.abort(reason);
    await assert.rejects(within(waiting, 'the rejection'), error => error === reason);
    await assert.rejects(call({ signal: abort.signal }), error => error === reason); // before it begins
  };
  // A first join that nobody waits for any more is left.
  await over(options => room.join(options));
  assert.deepEqual([(await heard()).type, (await heard()).type, made.rooms], ['join', 'leave', []]);
  for (const call of [options => room.members(options), options => room.history(options), options => made.ping(options), options => made.connectionId(options), options => made.inbox(options), options => made.call('m', 1, options)]) {
    await over(call);
    await heard();
  }
  made.close();
  await made.connect();
  await heard(); // for the inbox
  // One that somebody waits for stays.
  const joined = room.join();
  await over(options => room.join(options));
  const { id } = await heard();
  say({ type: 'joined', id, room: 'r', epoch: 'e', seq: 0, members: 1 });
  assert.equal((await joined).seq, 0);
  // A message that has gone may have arrived; one that has not goes no more.
  await over(options => room.publish('sent', options));
  assert.equal((await heard()).content, 'sent');
  await over(options => room.set('k', 1, options));
  await over(options => room.remove('k', options));
  await over(options => room.publish('now', { ephemeral: true, ...options }));
  await over(options => room.update(1, options));
  await over(options => made.sendTo('bob', 'x', options));
  const types = [];
  for (let i = 0; i < 5; i++) types.push((await heard()).type);
  assert.deepEqual(types, ['message', 'message', 'message', 'update', 'message']);
  await over(options => room.leave(options));
  assert.equal((await heard()).type, 'leave');
});

test('what is aborted without a connection is not sent by the next one', async () => {
  const alice = await member(proxy.url, 'alice', 'abort');
  const room = alice.room('abort');
  const lost = next(alice, 'status', ({ state }) => state === 'reconnecting');
  proxy.down = true;
  proxy.cut();
  await lost;
  const abort = new AbortController();
  const waiting = [room.publish('no', { signal: abort.signal }), room.publish('yes')];
  const refused = assert.rejects(waiting[0], { name: 'AbortError' });
  const connecting = assert.rejects(alice.connect({ signal: abort.signal }), { name: 'AbortError' });
  abort.abort();
  await Promise.all([refused, connecting]);
  proxy.down = false;
  assert.equal((await waiting[1]).seq, 1);
  assert.deepEqual((await room.history()).messages.map(({ content }) => content), ['yes']);
});
