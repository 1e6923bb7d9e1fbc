// A program that uses the package, as its author would write it. It is compiled and not run: what must not compile is marked.
import { backoff, nameProblem, RealtimeClient, RealtimeError, subprotocol } from 'realtime-client';
import type { Joined, Operation, Position, Room, RoomEntry, RoomMessage, Status } from 'realtime-client';

interface Note { x: number; y: number; text: string }
type Board = { data: { note: string }; state: Note; shown: { colour: string } };

const client = new RealtimeClient({ url: '/ws', token: async () => 'eyJ..', retryBase: 500 });
const off: () => void = client.on('status', (status: Status) => console.log(status.state, status.retryAt));
client.once('direct', ({ from, content }) => console.log(from?.toUpperCase(), content));
client.on('joined', ({ room, by }) => console.log(room, by === 'server'));
off();

const board: Room<Board> = client.room<Board>('board');
const listener = (message: RoomMessage<{ note: string }>) => console.log(message.data?.note, message.seq);
board.on('message', listener);
board.off('message', listener);
board.on('update', ({ from, data }) => console.log(from, data?.colour));
board.once('state', ({ entries }) => { for (const [key, { data }] of entries) console.log(key, data?.x); });

const abort = new AbortController();
await client.connect({ signal: abort.signal });
const joined: Joined<{ colour: string }> = await board.join({ state: true, data: { colour: 'red' }, presence: 'members', since: board.position, signal: AbortSignal.timeout(5_000) });
console.log(joined.users?.length, joined.data?.['alice']?.colour);
const { seq }: Position = await board.set('note-1', { x: 1, y: 2, text: '' }, { if: 0, ttl: 60_000 });
await board.remove('note-1', { if: seq });
await board.publish({ data: { note: 'note-1' } }, { id: 'once' });
await board.publish('plain words', { ephemeral: true, key: 'typing' }).then(({ room }) => room);
const entry: RoomEntry<Note> | undefined = board.state?.get('note-1');
console.log(entry?.data?.text, board.joined?.members, client.rooms.map(({ name }) => name));
const { messages } = await board.history({ limit: 10, signal: abort.signal });
console.log(messages[0]?.data?.note, (await board.members({ after: 'a' })).data?.['bob']?.colour);

try {
  const order = await client.call<{ total: number }>('orders.get', { number: 7 });
  console.log(order.total.toFixed(2));
} catch (error) {
  if (error instanceof RealtimeError) {
    const operation: Operation | undefined = error.operation;
    console.log(error.code, error.room, operation, error.retryAfter?.toFixed());
  }
}
client.onCall('confirm', (data: { order: number }) => data.order > 0);
console.log(backoff(0, 1, 2), nameProblem('x', 'room'), subprotocol, (await client.inbox()).seq, await client.ping());
await client.sendTo('bob', { content: 'psst', data: 1 });

// A room of which nothing is said takes any data.
const any = client.room('any');
any.on('message', ({ data }) => console.log(data.whatever));
await any.set('k', [1, 'two']);

// @ts-expect-error: the state of this room is notes.
await board.set('note-1', { x: 'left' });
// @ts-expect-error: what members show has a colour.
await board.update({ color: 'red' });
// @ts-expect-error: a message has content or data.
await board.publish({});
// @ts-expect-error: an event that does not exist.
board.on('mesage', () => {});
// @ts-expect-error: what is ephemeral has no position.
(await board.publish('x', { ephemeral: true })).seq;
// @ts-expect-error: an option that does not exist.
new RealtimeClient({ url: '/ws', retries: 3 });
// @ts-expect-error: the name is not to be changed.
board.name = 'other';
