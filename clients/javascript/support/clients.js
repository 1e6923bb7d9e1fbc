import { RealtimeClient } from 'realtime-client';

/** The bound of every wait, in ms: far above what a test needs, for machines that are busy. */
const patience = 30_000;

/** Comes back quickly, so that tests with many cuts take no minutes. */
export const quick = { retryBase: 20, retryMax: 100, fallback: false }; // what cuts WebSockets here lets nothing else pass

/** @type {RealtimeClient[]} */
const open = [];

/** A client that is closed at the end of the test. @param {import('../realtime.d.ts').RealtimeOptions} options */
export function client(options) {
  const made = new RealtimeClient({ ...quick, ...options });
  open.push(made);
  return made;
}

/** One that is online and in the room. @param {string} url @param {string} user @param {string} room @param {object} [options] */
export async function member(url, user, room, options) {
  const made = client({ url, user, ...options });
  await made.connect();
  await made.room(room).join();
  return made;
}

export function closeAll() {
  for (const made of open.splice(0)) made.close();
}

/**
 * The next event of a kind, or the first one that fits.
 * @param {RealtimeClient|import('../realtime.d.ts').Room} from @param {any} event @param {(detail: any) => boolean} [fits]
 * @returns {Promise<any>}
 */
export function next(from, event, fits = () => true) {
  return within(new Promise(resolve => {
    const off = from.on(event, detail => {
      if (!fits(detail)) return;
      off();
      resolve(detail);
    });
  }), `the event '${event}'`);
}

/** The promise, or an error that says what was waited for. @template T @param {Promise<T>} promise @param {string} what @returns {Promise<T>} */
export function within(promise, what) {
  let timer;
  const late = new Promise((_, reject) => {
    const error = new Error(`Waited ${patience} ms for ${what}.`);
    timer = setTimeout(() => reject(error), patience);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}

/** All that a client is told of a room's messages, in the order of arrival. @param {RealtimeClient} from @param {string} room */
export function history(from, room) {
  /** @type {{seqs: number[], contents: string[], missed: any[], until: (count: number) => Promise<void>}} */
  const seen = {
    seqs: [], contents: [], missed: [],
    until: count => seen.contents.length >= count ? Promise.resolve()
      : next(from, 'message', () => seen.contents.length >= count).catch(() => {
        throw new Error(`${seen.contents.length} of ${count} messages arrived; the last one was ${seen.seqs.at(-1)}.`);
      }),
  };
  from.on('message', message => {
    if (message.room !== room) return;
    seen.seqs.push(message.seq);
    seen.contents.push(message.content);
  });
  from.on('missed', event => { if (event.room === room) seen.missed.push(event); });
  return seen;
}

/** 1, 2 ... count. @param {number} count @param {number} [first] */
export function numbers(count, first = 1) { return Array.from({ length: count }, (_, i) => first + i); }
