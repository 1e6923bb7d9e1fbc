import { byId, el } from '../shared/dom.js';

/** Shows the state of the connection in words, with a count-down while it waits to try again. */
export function statusLine() {
  const line = byId('status');
  const retry = byId('retry');
  /** @type {ReturnType<typeof setInterval>|undefined} */
  let timer;

  /** @param {import('../realtime.js').Status} status */
  return status => {
    clearInterval(timer);
    line.dataset.state = status.state;
    retry.hidden = status.state !== 'offline' && status.retryAt === null;
    retry.textContent = status.state === 'offline' ? 'Connect again' : 'Try now';
    if (status.retryAt === null) {
      line.textContent = { connecting: 'Connecting…', online: 'Online', reconnecting: 'Reconnecting…', offline: 'Offline' }[status.state];
      return;
    }
    const until = status.retryAt;
    // Read out once, not every second.
    const countdown = el('span', { 'aria-hidden': 'true' });
    const tick = () => {
      const seconds = Math.max(1, Math.ceil((until - Date.now()) / 1000));
      countdown.textContent = ` in ${seconds} s`;
    };
    tick();
    line.replaceChildren('Reconnecting', countdown);
    timer = setInterval(tick, 1000);
  };
}
