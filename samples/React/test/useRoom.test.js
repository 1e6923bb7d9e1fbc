import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Window } from 'happy-dom';
import { createElement, StrictMode } from 'react';
import { RealtimeClient } from 'realtime-client';
import { startFront } from '../../../clients/javascript/support/front.js';
import { useRoom } from '../useRoom.js';

/** The bound of every wait, in ms. */
const patience = 30_000;

let front;
let page;
let root;
before(async () => {
  front = await startFront();
  page = new Window();
  Object.assign(globalThis, { window: page, document: page.document });
  const { createRoot } = await import('react-dom/client');
  root = createRoot(page.document.body.appendChild(page.document.createElement('div')));
});
after(async () => {
  root.unmount();
  await page.happyDOM.close();
  await front?.stop();
});

/** Waits until the page says so. */
async function shows(text) {
  const end = Date.now() + patience;
  while (page.document.body.textContent !== text) {
    assert.ok(Date.now() < end, `The page says '${page.document.body.textContent}', and not '${text}'.`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

async function until(what, holds) {
  const end = Date.now() + patience;
  while (!await holds()) {
    assert.ok(Date.now() < end, `Waited ${patience} ms for ${what}.`);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
}

test('components show what a room says, and the last one that goes leaves it', async () => {
  const [alice, bob] = ['alice', 'bob'].map(user => new RealtimeClient({ url: front.url, user }));
  try {
    const Lines = ({ name }) => {
      const { messages, state, joined } = useRoom(alice, name, { state: true });
      return createElement('p', null, `${joined ? 'in' : 'out'} ${messages.filter(({ key }) => !key).map(({ content }) => content).join()} ${state?.get('topic')?.data ?? ''};`);
    };
    const render = (...names) => root.render(createElement(StrictMode, null, names.map((name, i) => createElement(Lines, { key: i, name }))));
    await Promise.all([alice.connect(), bob.connect()]);
    const room = bob.room('hook');
    await room.join();
    render('hook', 'hook');
    await shows('in  ;in  ;');
    await room.publish('one');
    await room.set('topic', 'tea');
    await shows('in one tea;in one tea;');
    render('hook');
    await room.publish('two');
    await shows('in one,two tea;');
    assert.deepEqual(alice.rooms, [alice.room('hook')]);

    // Another room in its place.
    render('other');
    await shows('in  ;');
    await until('the leave', async () => (await room.members()).total === 1);
    assert.deepEqual(alice.rooms, [alice.room('other')]);

    // With the connection it is out, and comes back by itself.
    alice.close();
    await shows('out  ;');
    await alice.connect();
    await shows('in  ;');
    await bob.room('other').join();
    await bob.room('other').publish('three');
    await shows('in three ;');
    render();
    await until('the leave', () => alice.rooms.length === 0);
  } finally {
    alice.close();
    bob.close();
  }
});
