import { useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';

/** How many of the newest messages a component is given. */
const shownMessages = 100;

/** How many components of a client are in a room: the last one that goes leaves it. */
const users = new WeakMap();

/** Enters a room with others; gives what leaves it when they have done so too. */
function enter(room, options, onError) {
  const count = users.get(room) ?? 0;
  users.set(room, count + 1);
  room.join(options).catch(onError);
  return () => {
    const rest = users.get(room) - 1;
    users.set(room, rest);
    // What React takes away and puts back at once, as it does in development, is not left in between.
    queueMicrotask(() => { if (rest === 0 && users.get(room) === 0) room.leave(); });
  };
}

/**
 * A room for as long as the component is shown. Options are those of `join`; they count when the room is entered.
 * @returns `room`, to publish with; `messages`, the newest ones; `state`, by key; `joined`, null while this client is not in the room;
 * `error`, why it could not come in or had to go.
 */
export function useRoom(client, name, options) {
  const room = useMemo(() => client.room(name), [client, name]);
  const wanted = useRef(options);
  const [messages, setMessages] = useState([]);
  const [error, setError] = useState(null);

  useEffect(() => {
    setMessages([]);
    setError(null);
    const offs = [
      room.on('message', message => setMessages(before => [...before, message].slice(-shownMessages))),
      room.on('left', ({ error: why }) => setError(why)),
      enter(room, wanted.current, why => { if (why.code !== 'left') setError(why); }),
    ];
    return () => { for (const off of offs) off(); };
  }, [room]);

  // The state is one map that changes, as is whether this client is in the room: what React compares is how often they did.
  const { subscribe, version } = useMemo(() => changesOf(client, room), [client, room]);
  useSyncExternalStore(subscribe, version);
  return { room, messages, state: room.state, joined: room.joined, error };
}

function changesOf(client, room) {
  let count = 0;
  const subscribe = tell => {
    const changed = () => { count++; tell(); };
    const offs = ['state', 'message', 'expired', 'joined', 'left'].map(event => room.on(event, changed));
    offs.push(client.on('status', changed)); // with its connection a stay ends, until it has joined again
    return () => { for (const off of offs) off(); };
  };
  return { subscribe, version: () => count };
}
