import assert from 'node:assert/strict';
import { test } from 'node:test';
import { client, closeAll, history, member, next, numbers, within } from '../support/clients.js';
import { startFront } from '../support/front.js';
import { startProxy } from '../support/proxy.js';
import { front, proxy, serve } from '../support/served.js';

/** How many messages a room of this front keeps. */
const kept = 1_500;
serve(`--Rooms:HistoryMessages=${kept}`);

/** Another service writes to the room. */
const post = (/** @type {string} */ room, /** @type {string} */ content) => front.post(`/api/rooms/${room}/messages`, { content });
/** What the room itself says of its position. */
const roomPosition = async (/** @type {string} */ room) => (await (await fetch(`http://127.0.0.1:${front.port}/api/rooms/${room}`)).json()).seq;

test('1,000 messages under random cuts: each arrives once, in order, at everyone', async context => {
  const seed = Number(process.env.REALTIME_SEED ?? Math.floor(Math.random() * 2 ** 31));
  context.diagnostic(`REALTIME_SEED=${seed}`);
  const random = generator(seed);
  const [alice, bob, carl] = await Promise.all(['alice', 'bob', 'carl'].map(user => member(proxy.url, user, 'storm')));
  const steady = await member(front.url, 'dora', 'storm');
  const seen = [alice, bob, carl, steady].map(each => history(each, 'storm'));
  let cuts = 0;
  for (const each of [alice, bob, carl]) each.on('status', ({ state, retryAt }) => { if (state === 'reconnecting' && retryAt) cuts++; });

  // Cut anywhere in the stream of the server, in the middle of a frame too, and sometimes everybody at once.
  proxy.cutAfter = 20_000;
  const cutter = setInterval(() => {
    if (random() < 0.3) proxy.cut();
    else if (proxy.cutAfter === Infinity) proxy.cutAfter = Math.floor(random() * 20_000);
  }, 40);
  const publish = async (/** @type {any} */ who, /** @type {string} */ word) => {
    const receipts = [];
    for (let i = 1; i <= 500; i += 10)
      receipts.push(...await Promise.all(numbers(10, i).map(n => who.room('storm').publish(`${word}${n}`))));
    return receipts;
  };
  let receipts;
  try {
    receipts = await within(Promise.all([publish(alice, 'a'), publish(bob, 'b')]), 'the receipts');
  } finally {
    clearInterval(cutter);
    proxy.cutAfter = Infinity;
  }

  await Promise.all(seen.map(each => each.until(1_000)));
  context.diagnostic(`${cuts} connections were cut`);
  assert.ok(cuts >= 10, `only ${cuts} cuts`);
  for (const { seqs, contents, missed } of seen) {
    assert.deepEqual(missed, []);
    assert.deepEqual(seqs, numbers(1_000));
    assert.deepEqual(contents, seen[0].contents);
  }
  for (const [at, word] of ['a', 'b'].entries()) {
    assert.deepEqual(seen[0].contents.filter(c => c.startsWith(word)), numbers(500).map(n => `${word}${n}`));
    // Each receipt names the place where its message is.
    receipts[at].forEach((receipt, i) => assert.equal(seen[0].contents[receipt.seq - 1], `${word}${i + 1}`));
  }
  assert.equal(await roomPosition('storm'), 1_000);
});

test('a room that a service puts the client into is told, resumed after a cut, and left when it is taken out', async () => {
  const alice = client({ url: proxy.url, user: 'alice-put' });
  await alice.connect();
  await alice.ping();
  const seen = history(alice, 'put');
  const put = next(alice, 'joined');
  assert.equal((await front.call('PUT', '/api/rooms/put/users/alice-put')).connections, 1);
  const { room, by, seq } = await put;
  assert.deepEqual({ room, by, seq, rooms: alice.rooms.map(({ name }) => name) }, { room: 'put', by: 'server', seq: 0, rooms: ['put'] });
  await alice.room('put').publish('one');
  const back = next(alice, 'joined');
  proxy.down = true;
  proxy.cut();
  await post('put', 'two');
  proxy.down = false;
  assert.equal((await back).recovered, true);
  await seen.until(2);
  assert.deepEqual([seen.contents, seen.missed], [['one', 'two'], []]);
  const out = next(alice, 'left');
  await front.call('DELETE', '/api/rooms/put/users/alice-put');
  assert.equal((await out).error.code, 'removed');
  assert.deepEqual(alice.rooms.map(({ name }) => name), []);
});

test('without an echo, cuts cost nobody a message of others', async () => {
  const alice = client({ url: proxy.url, user: 'alice' });
  await alice.connect();
  await alice.room('quiet').join({ echo: false });
  const bob = await member(front.url, 'bob', 'quiet');
  const seen = history(alice, 'quiet');
  const sent = [];
  for (const i of numbers(150)) {
    sent.push(alice.room('quiet').publish(`a${i}`), bob.room('quiet').publish(`b${i}`));
    if (i % 10 === 0) await sent.at(-1);
    if (i % 30 === 0) proxy.cut();
  }
  await Promise.all(sent);
  const last = next(alice, 'message', m => m.content === 'end');
  await bob.room('quiet').publish('end');
  await last;
  assert.equal(alice.room('quiet').position.seq, 301);
  assert.deepEqual(seen.contents.filter(c => c.startsWith('b')), numbers(150).map(i => `b${i}`));
  assert.deepEqual(seen.missed, []);
  // One of its own comes only when its answer was lost.
  assert.equal(new Set(seen.contents).size, seen.contents.length);
  assert.ok(seen.contents.length < 300, `${seen.contents.length}`);
});

test('one who was away gets what was missed, all of it', async () => {
  const alice = await member(proxy.url, 'alice', 'away');
  const seen = history(alice, 'away');
  await post('away', '1');
  await seen.until(1);
  proxy.down = true;
  const lost = next(alice, 'status', s => s.state === 'reconnecting');
  proxy.cut();
  assert.equal((await lost).code, 1006);
  for (const n of numbers(300, 2)) await post('away', String(n));
  proxy.down = false;
  assert.equal((await next(alice, 'joined')).recovered, true);
  await seen.until(301);
  assert.deepEqual(seen.contents, numbers(301).map(String));
  assert.deepEqual(seen.missed, []);
});

test('what the server drops for a slow client is told, and not fetched', async () => {
  const alice = await member(proxy.url, 'alice', 'slow');
  const seen = history(alice, 'slow');
  const order = [];
  alice.on('missed', ({ seq, dropped, presence }) => order.push({ missed: seq, dropped, presence }));
  alice.on('message', ({ seq }) => order.push(seq));
  let joins = 0;
  alice.on('joined', () => joins++);
  // 2 to 4 give way, and tell so in the place of 4; then somebody's coming; 6 tells again what is known.
  proxy.change = text => {
    const frame = JSON.parse(text);
    if (frame.type !== 'message') return text;
    const { room, epoch, seq } = frame;
    if (seq === 2 || seq === 3) return null;
    if (seq === 4) return JSON.stringify({ type: 'dropped', room, epoch, from: 2, to: 4 });
    if (seq === 6) return JSON.stringify({ type: 'dropped', room, presence: true });
    if (seq === 7) return JSON.stringify({ type: 'dropped', room, epoch, from: 6, to: 7, presence: true });
    if (seq === 9) return JSON.stringify({ type: 'dropped', room, epoch, from: 6, to: 7 });
    return text;
  };
  const { epoch } = alice.room('slow').position;
  for (let i = 1; i <= 9; i++) await post('slow', `${i}`);
  await seen.until(3);
  await alice.ping();
  assert.deepEqual(order, [
    1, { missed: 4, dropped: true, presence: undefined }, 5, { missed: 5, dropped: true, presence: true },
    { missed: 7, dropped: true, presence: true }, 8]);
  assert.deepEqual(seen.missed[0], { room: 'slow', since: { epoch, seq: 1 }, epoch, seq: 4, dropped: true });
  assert.deepEqual(alice.room('slow').position, { epoch, seq: 8 });
  assert.equal(joins, 0);
});

test('direct messages that gave way are told by their sender, in their place', async () => {
  const alice = await member(proxy.url, 'alice-g', 'gave-way');
  const order = [];
  alice.on('direct', ({ content }) => order.push(content));
  alice.on('dropped', detail => order.push(detail));
  alice.on('missed', () => assert.fail('no room lost anything'));
  alice.on('raw', () => assert.fail('a frame that is not known'));
  proxy.change = text => {
    const { type, content } = JSON.parse(text);
    if (type !== 'message') return text;
    if (content === '2') return JSON.stringify({ type: 'dropped', direct: true, sender: 'bob' });
    if (content === '3') return JSON.stringify({ type: 'dropped', direct: true, sender: 'billing', service: true });
    if (content === '4') return JSON.stringify({ type: 'dropped', direct: true, service: true });
    return text;
  };
  const last = next(alice, 'direct', ({ content }) => content === '5'); // what is posted has been answered before it comes
  for (const content of ['1', '2', '3', '4', '5']) await front.post('/api/users/alice-g/messages', { content });
  await last;
  assert.deepEqual(order, ['1', { sender: 'bob' }, { sender: 'billing', service: true }, { service: true }, '5']);
});

test('when more was missed than the room has kept, that is told with the new position, and no part of it comes', async () => {
  const small = await startFront('--Rooms:HistoryMessages=5');
  const between = await startProxy(small.port);
  try {
    const alice = await member(between.url, 'alice', 'gap');
    const seen = history(alice, 'gap');
    const { epoch } = await alice.room('gap').publish('1');
    await seen.until(1);
    between.down = true;
    const lost = next(alice, 'status', s => s.state === 'reconnecting');
    between.cut();
    await lost;
    // Of the same user: what one user sends does not push out what another has said.
    const elsewhere = await member(small.url, 'alice', 'gap');
    for (const n of numbers(6, 2)) await elsewhere.room('gap').publish(String(n));
    between.down = false;
    assert.deepEqual(await next(alice, 'missed'), { room: 'gap', since: { epoch, seq: 1 }, epoch, seq: 7 });
    await alice.room('gap').publish('8');
    await seen.until(2);
    assert.deepEqual(seen.contents, ['1', '8']);
  } finally {
    closeAll();
    await between.stop();
    await small.stop();
  }
});

test('an ack that is lost with its connection comes after the next one, for the same message', async () => {
  const alice = await member(proxy.url, 'alice', 'acks');
  const seen = history(alice, 'acks');
  let acks = 0;
  proxy.change = text => {
    if (!text.includes('"type":"ack"') || acks++ > 0) return text;
    setImmediate(() => proxy.cut());
    return null;
  };
  assert.equal((await alice.room('acks').publish('once')).seq, 1);
  assert.equal(acks, 2);
  assert.equal((await alice.room('acks').publish('next')).seq, 2);
  await seen.until(2);
  assert.deepEqual(seen.contents, ['once', 'next']);
});

test('a publish that the room could not take goes out again under its id, before what was written later', async () => {
  const alice = await member(proxy.url, 'alice', 'again');
  const seen = history(alice, 'again');
  let refused = 0;
  // The room has kept them; to the client it looks as if it had not, so only the id keeps them from coming twice.
  proxy.change = text => {
    const frame = JSON.parse(text);
    if (frame.type !== 'ack' || refused >= 3) return text;
    refused++;
    return JSON.stringify({ type: 'error', id: frame.id, room: frame.room, code: 'unavailable', content: 'The room could not be reached; try again.' });
  };
  const receipts = await Promise.all(numbers(5).map(n => alice.room('again').publish(String(n))));
  assert.deepEqual(receipts.map(r => r.seq), numbers(5));
  await seen.until(5);
  assert.deepEqual(seen.contents, ['1', '2', '3', '4', '5']);
  assert.equal(await roomPosition('again'), 5);
});

test('a direct message whose answer is lost is not sent twice, and its sender is told', async () => {
  const alice = await member(proxy.url, 'alice-u', 'unconfirmed');
  const bob = await member(front.url, 'bob-u', 'unconfirmed');
  const got = [];
  bob.on('direct', message => got.push(message.content));
  proxy.change = text => {
    if (!text.includes('"type":"ack"')) return text;
    setImmediate(() => proxy.cut());
    return null;
  };
  await assert.rejects(alice.sendTo('bob-u', 'first'), { code: 'unconfirmed' });
  proxy.change = null;
  const second = next(bob, 'direct', message => message.content === 'second');
  await alice.sendTo('bob-u', 'second');
  await second;
  assert.deepEqual(got, ['first', 'second']);
});

test('a dead network is found by the silence, and what was sent into it arrives once it is back', async () => {
  const alice = await member(proxy.url, 'alice', 'dead', { pingAfter: 300, pongTimeout: 300, openTimeout: 300 });
  const bob = await member(front.url, 'bob', 'dead');
  const seen = history(bob, 'dead');
  const start = performance.now();
  const lost = next(alice, 'status', s => s.state === 'reconnecting' && s.retryAt !== null);
  proxy.silent = true;
  const receipts = Promise.all(numbers(10).map(n => alice.room('dead').publish(String(n))));
  assert.deepEqual({ ...await lost, retryAt: 0 }, { state: 'reconnecting', attempt: 1, retryAt: 0, code: 0, reason: 'The server fell silent.' });
  assert.ok(performance.now() - start < 5_000);
  proxy.silent = false;
  proxy.cut();
  assert.deepEqual((await receipts).map(r => r.seq), numbers(10));
  await seen.until(10);
  assert.deepEqual(seen.contents, numbers(10).map(String));
});

test('an idle connection stays: its pings are answered', async () => {
  const alice = await member(proxy.url, 'alice', 'idle', { pingAfter: 50, pongTimeout: 5_000 });
  const off = alice.on('status', ({ state }) => assert.fail(state));
  let pongs = 0;
  const enough = new Promise(resolve => {
    proxy.change = text => {
      if (text.includes('"type":"pong"') && ++pongs === 5) resolve(undefined);
      return text;
    };
  });
  await within(enough, 'five pongs');
  off();
  assert.equal(alice.status.state, 'online');
  assert.equal(proxy.requests.length, 1);
});

test('a hole in the numbers is filled before anything newer is handed out', async () => {
  const alice = await member(proxy.url, 'alice', 'hole');
  const seen = history(alice, 'hole');
  let dropped = 0;
  proxy.change = text => (text.includes('"content":"3"') && dropped++ === 0 ? null : text);
  for (const n of numbers(20)) await post('hole', String(n));
  await seen.until(20);
  assert.equal(dropped, 2);
  assert.deepEqual(seen.contents, numbers(20).map(String));
  assert.deepEqual(seen.missed, []);
  assert.equal(proxy.requests.length, 1, 'the connection was kept');
});

test('a hole that stays is told, and the room goes on', async () => {
  const alice = await member(proxy.url, 'alice', 'stays');
  const seen = history(alice, 'stays');
  proxy.change = text => (text.includes('"content":"3"') ? null : text);
  for (const n of numbers(6)) await post('stays', String(n));
  await seen.until(5);
  assert.deepEqual(seen.contents, ['1', '2', '4', '5', '6']);
  assert.deepEqual(seen.missed.map(m => [m.since.seq, m.seq]), [[2, 3]]);
});

test('unwrapped frames have numbers that nobody sees: no hole', async () => {
  const alice = await member(proxy.url, 'alice', 'raw');
  const seen = history(alice, 'raw');
  const raw = [];
  alice.on('raw', data => raw.push(data));
  alice.on('joined', () => assert.fail('joined again'));
  proxy.change = text => (text.includes('"content":"own') ? '{"type":"price","eur":7}' : text);
  for (const content of ['1', 'own format', 'own format', '4']) await post('raw', content);
  await seen.until(2);
  assert.deepEqual(seen.seqs, [1, 4]);
  assert.deepEqual(raw, ['{"type":"price","eur":7}', '{"type":"price","eur":7}']);
});

test('a new epoch in the middle of a connection is told', async () => {
  const alice = await member(proxy.url, 'alice', 'epoch');
  const seen = history(alice, 'epoch');
  const { epoch } = await alice.room('epoch').publish('1');
  await seen.until(1);
  proxy.change = text => text.replace(/"epoch":"[^"]*","seq":2/, '"epoch":"new","seq":5');
  await post('epoch', '2');
  await seen.until(2);
  assert.deepEqual(seen.missed, [{ room: 'epoch', since: { epoch, seq: 1 }, epoch: 'new', seq: 4 }]);
  assert.deepEqual(alice.room('epoch').position, { epoch: 'new', seq: 5 });
});

test('what waits for a connection is bounded in messages, in bytes and in time', async () => {
  const bob = await member(front.url, 'bob', 'queue');
  const seen = history(bob, 'queue');
  const alice = await member(proxy.url, 'alice', 'queue', { queueMessages: 10, queueBytes: 4_000 });
  proxy.down = true;
  const lost = next(alice, 'status', s => s.state === 'reconnecting');
  proxy.cut();
  await lost;
  const waiting = numbers(8).map(n => alice.room('queue').publish(String(n)));
  await assert.rejects(alice.room('queue').publish('x'.repeat(4_000)), { code: 'queue_full', message: /4000 may/ });
  await assert.rejects(alice.room('queue').publish('too late', { timeout: 50 }), { code: 'timeout', message: /no connection/ });
  waiting.push(alice.room('queue').publish('9'), alice.room('queue').publish('10'));
  await assert.rejects(alice.room('queue').publish('11'), { code: 'queue_full', message: /10 messages wait/ });
  await assert.rejects(alice.sendTo('bob', '11'), { code: 'queue_full' });
  await assert.rejects(alice.room('queue').members(), { code: 'offline' });
  proxy.down = false;
  assert.deepEqual((await Promise.all(waiting)).map(r => r.seq), numbers(10));
  await seen.until(10);
  assert.deepEqual(seen.contents, numbers(10).map(String));
  assert.equal((await alice.room('queue').publish('11')).seq, 11);
});

test('a message is written out when it is published: what happens to its data later changes nothing', async () => {
  const bob = await member(front.url, 'bob', 'snapshot');
  const alice = client({ url: proxy.url, user: 'alice' });
  alice.connect();
  alice.room('snapshot').join();
  const data = { n: 1 };
  const sent = alice.room('snapshot').publish({ data });
  data.n = 2;
  const arrived = next(bob, 'message');
  await sent;
  assert.deepEqual((await arrived).data, { n: 1 });
});

test('several rooms are each resumed from their own place', async () => {
  const alice = await member(proxy.url, 'alice', 'many-1');
  await alice.room('many-2').join();
  const seen = [history(alice, 'many-1'), history(alice, 'many-2')];
  await post('many-1', 'a');
  await seen[0].until(1);
  proxy.down = true;
  const lost = next(alice, 'status', s => s.state === 'reconnecting');
  proxy.cut();
  await lost;
  await post('many-1', 'b');
  await post('many-2', 'c');
  proxy.down = false;
  await Promise.all([seen[0].until(2), seen[1].until(1)]);
  assert.deepEqual(seen.map(s => s.contents), [['a', 'b'], ['c']]);
});

/** Random numbers in 0 .. 1 that a seed repeats (mulberry32). */
function generator(/** @type {number} */ seed) {
  return () => {
    seed = (seed + 0x6d2b79f5) | 0;
    let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
