import { after, afterEach, before } from 'node:test';
import { closeAll } from './clients.js';
import { startFront } from './front.js';
import { startProxy } from './proxy.js';

/** The front of the tests of a file. @type {Awaited<ReturnType<typeof startFront>>} */
export let front;
/** What stands between it and the clients; each test finds it as it is at the start. @type {Awaited<ReturnType<typeof startProxy>>} */
export let proxy;

/** Has both for the tests of the file that calls it, and closes its clients after each. @param {...string} settings */
export function serve(...settings) {
  before(async () => {
    front = await startFront(...settings);
    proxy = await startProxy(front.port);
  });
  after(async () => {
    await proxy?.stop();
    await front?.stop();
  });
  afterEach(() => {
    closeAll();
    Object.assign(proxy, { down: false, silent: false, cutAfter: Infinity, change: null, closeNext: null, requests: [] });
    proxy.cut();
  });
}
