import assert from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { backoff } from 'realtime-client';
import { client, closeAll, history, member, next, quick, within } from '../support/clients.js';
import { startFront } from '../support/front.js';
import { front, proxy, serve } from '../support/served.js';

const key = randomBytes(32);
serve(
  '--Authentication:Schemes:Bearer:ValidIssuer=test', '--Authentication:Schemes:Bearer:ValidAudience=realtime', '--Authentication:Schemes:Bearer:ClockSkew=00:00:00',
  '--Authentication:Schemes:Bearer:SigningKeys:0:Id=k1', `--Authentication:Schemes:Bearer:SigningKeys:0:Value=${key.toString('base64')}`);

/** A token for the user that is good for so many seconds. */
function tokenFor(/** @type {string} */ user, /** @type {number} */ seconds) {
  const now = Math.floor(Date.now() / 1000);
  const text = [{ alg: 'HS256', kid: 'k1', typ: 'JWT' }, { iss: 'test', aud: 'realtime', sub: user, iat: now, exp: now + seconds }]
    .map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${createHmac('sha256', key).update(text).digest('base64url')}`;
}

/** Has the next answer of the server to the client be a close with this code. */
async function closeWith(/** @type {any} */ of, /** @type {number} */ code, reason = '') {
  proxy.closeNext = { code, reason };
  const state = next(of, 'status');
  of.ping().catch(() => {});
  return state;
}

for (const code of [1000, 1002, 1003, 1007, 1008, 4001, 4002, 4003]) {
  test(`close code ${code} means stop`, async () => {
    const alice = await member(proxy.url, 'alice', 'stop');
    proxy.change = text => (text.includes('"type":"ack"') ? null : text);
    const waiting = alice.room('stop').publish('never answered');
    const rejected = assert.rejects(waiting, { code: 'offline', message: code === 4001 ? 'from elsewhere' : /./ });
    const status = await closeWith(alice, code, code === 4001 ? 'from elsewhere' : '');
    assert.equal(alice.status.state, 'offline');
    assert.equal(status.code, code);
    assert.equal(status.retryAt, null);
    assert.notEqual(status.reason, '');
    await rejected;
    await assert.rejects(alice.room('stop').publish('x'), { code: 'offline' });
    // It is the application's to come back, and the room is resumed then.
    proxy.change = null;
    const joined = next(alice, 'joined');
    await alice.connect();
    assert.equal((await joined).recovered, true);
  });
}

for (const [code, least] of [[1001, 0], [1006, 0], [1011, 1_000], [1013, 1_000], [4006, 1_000], [4000, 0], [4004, 0], [4999, 0]]) {
  test(`close code ${code} means come back${least ? ' after a while' : ''}, and resume`, async () => {
    const alice = await member(proxy.url, 'alice', 'back');
    const before = Date.now();
    const joined = next(alice, 'joined');
    let status;
    if (code === 1006) {
      status = next(alice, 'status');
      proxy.cut();
      status = await status;
    } else {
      status = await closeWith(alice, code, 'why');
    }
    assert.deepEqual({ ...status, retryAt: 0 }, { state: 'reconnecting', attempt: 1, retryAt: 0, code, reason: code === 1006 ? '' : 'why' });
    const wait = status.retryAt - before;
    assert.ok(wait >= least && wait <= least + 1_000, `waits ${wait} ms`);
    assert.equal((await joined).recovered, true);
    assert.equal(alice.status.state, 'online');
  });
}

test('a server that stops says when to come back, and the client heeds it', async () => {
  const bounds = [['server shuts down; retry after 734 ms', 734, 754], ['retry after 0 ms', 0, 20], ['retry after 99999999999 ms', 1_200_000, 1_200_020],
    // Not such words, and the client's own back-off.
    ['retry after 734 ms or so', 0, 20], ['retry after -5 ms', 0, 20]];
  for (const [reason, least, most] of bounds) {
    const alice = await member(proxy.url, 'alice', 'hint', { retryBase: 20 });
    const before = Date.now();
    const status = await closeWith(alice, 1001, reason);
    const after = Date.now();
    assert.equal(status.state, 'reconnecting');
    assert.ok(status.retryAt >= before + least && status.retryAt <= after + most, `${reason}: waits ${status.retryAt - before} ms`);
    alice.close();
  }
  // Other codes do not mean it.
  const alice = await member(proxy.url, 'alice', 'hint');
  const before = Date.now();
  assert.ok((await closeWith(alice, 4004, 'retry after 60000 ms')).retryAt < before + 30_000);
});

test('a message over the size of the server is rejected, and what went with it arrives', async () => {
  const small = await startFront('--Connections:MaxMessageSize=2000');
  try {
    const alice = await member(small.url, 'alice', 'big');
    const seen = history(alice, 'big');
    const results = await Promise.allSettled([alice.room('big').publish('1'), alice.room('big').publish('x'.repeat(3_000)), alice.room('big').publish('2')]);
    assert.deepEqual(results.map(r => r.status), ['fulfilled', 'rejected', 'fulfilled']);
    assert.equal(/** @type {any} */ (results[1]).reason.code, 'too_big');
    await seen.until(2);
    assert.deepEqual(seen.contents, ['1', '2']);
    assert.equal(alice.status.state, 'online');
  } finally {
    closeAll();
    await small.stop();
  }
});

test('one whom the server disconnects stays away', async () => {
  const alice = await member(front.url, 'kicked', 'kick');
  const stopped = next(alice, 'status');
  await front.post('/api/users/kicked/disconnect', { reason: 'house rules' });
  assert.deepEqual(await stopped, { state: 'offline', attempt: 0, retryAt: null, code: 4002, reason: 'house rules' });
});

test('a new token is asked for at each attempt, also when the server says that the old one has expired', async () => {
  let asked = 0;
  const alice = client({ url: front.url, token: async () => {
    if (++asked === 2) throw new Error('the identity server is away'); // when it is to be renewed
    return tokenFor('alice-t', asked === 1 ? 2 : 600);
  } });
  await alice.connect();
  await alice.room('tokens').join();
  const { seq } = await alice.room('tokens').publish('with the first');
  const expired = await next(alice, 'status');
  assert.deepEqual([expired.state, expired.code], ['reconnecting', 4003]);
  assert.equal((await next(alice, 'joined')).seq, seq);
  assert.equal(asked, 3);
});

test('a token is renewed on the open connection before it runs out, and is in no address', async () => {
  const tokens = [tokenFor('alice-r', 3), tokenFor('alice-r', 600)];
  const alice = client({ url: proxy.url, token: async () => tokens.shift() });
  const states = [];
  alice.on('status', ({ state }) => states.push(state));
  const renewed = new Promise(resolve => {
    proxy.change = text => {
      if (text.includes('"type":"refreshed"')) resolve(text);
      return text;
    };
  });
  const end = Date.now() + 3_000;
  await alice.connect();
  await within(renewed, 'the answer to a refresh');
  while (Date.now() <= end + 500) await alice.ping(); // the first token is over by then
  assert.deepEqual(states, ['connecting', 'online']);
  assert.equal(tokens.length, 0);
  assert.match(proxy.requests[0], /^GET \/ws HTTP/);
});

test('a new token of another user is used for a new connection', async () => {
  const tokens = [tokenFor('alice-u', 3), tokenFor('bob-u', 600), tokenFor('bob-u', 600)];
  const alice = client({ url: front.url, token: async () => tokens.shift() });
  await alice.connect();
  const left = await next(alice, 'status');
  assert.deepEqual([left.state, left.reason], ['reconnecting', 'The server refused the new token: The token is of another user (sub).']);
  await next(alice, 'status', ({ state }) => state === 'online');
});

test('a token goes in the address when that is asked for', async () => {
  const alice = client({ url: proxy.url, token: tokenFor('alice-q', 600), tokenIn: 'query' });
  await alice.connect();
  assert.match(proxy.requests[0], /^GET \/ws\?access_token=/);
  const odd = client({ url: front.url, token: 'a/b=' });
  await assert.rejects(odd.connect(), { code: 'offline', message: /tokenIn: 'query'/ });
});

test('a token that does not change and has expired means stop', async () => {
  const alice = client({ url: front.url, token: tokenFor('alice-s', 2) });
  await alice.connect();
  const expired = await next(alice, 'status');
  assert.deepEqual([expired.state, expired.code], ['offline', 4003]);
});

test('a token function that fails is asked again; one that gives none means stop; one that hangs is given up', async () => {
  const answers = [() => { throw new Error('the identity server is away'); }, () => 7, () => new Promise(() => {}), () => null];
  const alice = client({ url: front.url, openTimeout: 100, token: /** @type {any} */ (() => answers.shift()?.()) });
  const reasons = [];
  alice.on('status', ({ state, reason, retryAt }) => { if (state === 'offline' || retryAt !== null) reasons.push(reason); });
  await assert.rejects(alice.connect(), { code: 'offline' });
  assert.deepEqual(reasons, [
    'There is no token: the identity server is away',
    'There is no token: the token function gave a number; it must give a string',
    'The server did not answer in time.',
    'There is no token: the token function gave none.',
  ]);
  assert.equal(alice.status.state, 'offline');
});

test('a server that is away is tried again and again, further and further apart', async () => {
  const alice = client({ url: proxy.url, user: 'alice' });
  proxy.down = true;
  const connected = alice.connect();
  const attempts = [];
  const off = alice.on('status', ({ attempt, retryAt }) => { if (retryAt !== null) attempts.push(attempt); });
  await next(alice, 'status', s => s.attempt === 5);
  assert.deepEqual(attempts.slice(0, 5), [1, 2, 3, 4, 5]);
  off();
  proxy.down = false;
  await connected;
  assert.equal(alice.status.state, 'online');
});

test('an attempt that nobody answers is given up, and retryNow ends a wait', async () => {
  const alice = client({ url: proxy.url, user: 'alice', openTimeout: 200, retryBase: 1_000_000, retryMax: 1_000_000 });
  proxy.silent = true;
  const connected = alice.connect();
  const late = await next(alice, 'status', s => s.retryAt !== null);
  assert.equal(late.reason, 'The server did not answer in time.');
  proxy.silent = false;
  alice.retryNow();
  await connected;
});

test('the wait before an attempt is uniform between nothing and a bound that doubles up to a limit', () => {
  assert.equal(backoff(0, 1_000, 30_000, () => 0), 0);
  assert.deepEqual([0, 1, 2, 4, 5, 50, 5_000].map(n => backoff(n, 1_000, 30_000, () => 0.5)), [500, 1_000, 2_000, 8_000, 15_000, 15_000, 15_000]);
  const waits = Array.from({ length: 1_000 }, () => backoff(3, 1_000, 30_000));
  assert.ok(waits.every(w => w >= 0 && w < 8_000));
  for (let part = 0; part < 8; part++)
    assert.ok(waits.some(w => w >= part * 1_000 && w < (part + 1) * 1_000), `none in ${part} s`);
});

test('close ends everything at once: promises, timers, attempts', async () => {
  const alice = await member(proxy.url, 'alice', 'end');
  proxy.change = () => null;
  const waiting = [alice.room('end').publish('x'), alice.sendTo('bob', 'x'), alice.room('end').members(), alice.room('end').leave(), alice.room('other').join(), alice.ping()];
  const results = Promise.allSettled(waiting);
  alice.close();
  // To leave is done with the connection; the message of a room that is left goes before it.
  assert.deepEqual((await results).map(r => r.status === 'fulfilled' ? 'done' : r.reason.code), ['left', 'offline', 'offline', 'done', 'offline', 'offline']);
  assert.deepEqual(alice.status, { state: 'offline', attempt: 0, retryAt: null, code: 1000, reason: '' });
  const early = client({ url: proxy.url, user: 'alice', ...quick });
  const never = early.connect();
  early.close();
  await assert.rejects(never, { code: 'offline' });
  alice.close();
});

test('a listener may close the client at any event', async () => {
  for (const when of ['connecting', 'online', 'reconnecting']) {
    const alice = client({ url: proxy.url, user: 'alice' });
    const states = [];
    alice.on('status', ({ state }) => {
      states.push(state);
      if (state === when) alice.close();
    });
    const connected = alice.connect();
    if (when === 'reconnecting') {
      await connected;
      const stopped = next(alice, 'status', s => s.state === 'offline');
      proxy.cut();
      await stopped;
    } else {
      await connected.catch(() => {});
    }
    assert.equal(states.at(-1), 'offline');
    assert.equal(alice.status.state, 'offline');
  }
});
