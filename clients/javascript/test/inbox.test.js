import assert from 'node:assert/strict';
import { after, afterEach, before, test } from 'node:test';
import { client, closeAll, next, numbers } from '../support/clients.js';
import { startFront } from '../support/front.js';

let front;
before(async () => { front = await startFront('--Inbox:Messages=10'); });
after(() => front?.stop());
afterEach(closeAll);

/** A client that is online. @param {string} user */
async function online(user) {
  const made = client({ url: front.url, user });
  await made.connect();
  return made;
}

/** What comes of direct messages, and until so many have. @param {import('../realtime.d.ts').RealtimeClient} from */
function directs(from) {
  const seen = { contents: [], seqs: [], until: count => seen.contents.length >= count ? undefined : next(from, 'direct', () => seen.contents.length >= count) };
  from.on('direct', message => { seen.contents.push(message.content); seen.seqs.push(message.seq); });
  return seen;
}

test('what came while a client was away follows its return, once and in order', async () => {
  const [alice, bob] = [await online('alice-1'), await online('bob-1')];
  const seen = directs(alice);
  const asked = await alice.inbox();
  assert.deepEqual([asked.seq, asked.recovered], [0, undefined]);
  const first = await bob.sendTo('alice-1', 'm1');
  assert.deepEqual(first, { connections: 1, epoch: asked.epoch, seq: 1 });
  await seen.until(1);

  alice.close();
  for (const i of [2, 3, 4]) await bob.sendTo('alice-1', `m${i}`);
  await alice.connect();
  assert.equal((await alice.inbox()).recovered, true);
  await bob.sendTo('alice-1', 'm5');
  await seen.until(5);
  assert.deepEqual(seen, { ...seen, contents: numbers(5).map(i => `m${i}`), seqs: numbers(5) });
  assert.deepEqual(alice.inboxPosition, { epoch: asked.epoch, seq: 5 });
});

test('a device resumes from its own position, and one that has not asked gets each message as it comes', async () => {
  const [plain, phone, bob] = [await online('alice-2'), await online('alice-2'), await online('bob-2')];
  const [byPlain, byPhone] = [directs(plain), directs(phone)];
  const since = await phone.inbox();
  for (const i of numbers(3)) await bob.sendTo('alice-2', `m${i}`);
  await Promise.all([byPlain.until(3), byPhone.until(3)]);
  const laptop = await online('alice-2');
  const byLaptop = directs(laptop);
  assert.equal((await laptop.inbox({ since: { epoch: since.epoch, seq: 1 } })).recovered, true);
  await bob.sendTo('alice-2', 'm4');
  await Promise.all([byPlain.until(4), byPhone.until(4), byLaptop.until(3)]);
  assert.deepEqual([byPlain.seqs, byPhone.seqs, byLaptop.seqs], [[1, 2, 3, 4], [1, 2, 3, 4], [2, 3, 4]]);
});

test('what is no longer kept is told as missed', async () => {
  const [alice, bob] = [await online('alice-3'), await online('bob-3')];
  const { epoch } = await alice.inbox();
  alice.close();
  for (const i of numbers(30)) await bob.sendTo('alice-3', `m${i}`);
  const missed = next(alice, 'inboxMissed');
  const seen = directs(alice);
  await alice.connect();
  assert.deepEqual(await missed, { since: { epoch, seq: 0 }, epoch, seq: 30 });
  await bob.sendTo('alice-3', 'm31');
  await seen.until(1);
  assert.deepEqual(seen.contents, ['m31']);
});

test('a wrong position is refused, and where there are no inboxes so is asking', async () => {
  const alice = client({ url: front.url, user: 'alice-4' });
  for (const options of [{ since: 1 }, { since: { epoch: 'e' } }, { since: { epoch: 'e', seq: -1 } }, { from: 1 }])
    await assert.rejects(() => alice.inbox(/** @type {any} */ (options)), error => error instanceof TypeError || error instanceof RangeError);
  const without = await startFront('--Inbox:Mode=off');
  try {
    const bob = client({ url: without.url, user: 'bob' });
    await bob.connect();
    await assert.rejects(() => bob.inbox(), { code: 'forbidden' });
    assert.equal(bob.inboxPosition, null);
    assert.deepEqual(await bob.sendTo('bob', 'me'), { connections: 1 });
  } finally {
    await without.stop();
  }
});
