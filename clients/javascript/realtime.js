/**
 * Client of the protocol `realtime.json.v1`: one WebSocket, kept open.
 *
 *     const client = new RealtimeClient({ url: '/ws', token: () => fetchToken() });
 *     const room = client.room('lobby');
 *     room.on('message', m => console.log(m.seq, m.from, m.content));
 *     await client.connect();
 *     await room.join();
 *     const { seq } = await room.publish('hello');   // resolves when the room has kept it
 *
 * What it takes care of, and where:
 * - It reconnects with full jitter and a new token (`connection`, `tokens`), notices a connection that has gone silent (`liveness`), and does without
 *   WebSockets where something on the way cuts them (`transport`, `fallback`).
 * - It joins its rooms again and resumes each from its last position; messages come once and in order, and what is lost is told (`membership`,
 *   `rooms`). The state of a room is kept up to date, by key (`state`). The inbox likewise (`inbox`).
 * - A room publish without an answer is sent again under the same id, which the server deduplicates, until a time limit (`outbox`).
 *   What else is asked ends with its connection (`requests`). The server may call (`calls`).
 * - What the server would refuse is refused here, before it is sent (`checks`). How a call ends may be left unread: only wrong
 *   arguments (TypeError, RangeError) are reported as unhandled (`errors`).
 *
 * `client` and `room` are what an application sees, `session` is what they share: the way of a frame to the part that it is for.
 * No dependency, no DOM: it runs where `WebSocket` is global, and elsewhere with the option `WebSocket`.
 */
// All of them here, so that a page asks for all at once and not for each when it comes to it.
export {} from './realtime/calls.js';
export {} from './realtime/connection.js';
export {} from './realtime/events.js';
export {} from './realtime/fallback.js';
export {} from './realtime/inbox.js';
export {} from './realtime/liveness.js';
export {} from './realtime/membership.js';
export {} from './realtime/options.js';
export {} from './realtime/outbox.js';
export {} from './realtime/pages.js';
export {} from './realtime/requests.js';
export {} from './realtime/room.js';
export {} from './realtime/rooms.js';
export {} from './realtime/session.js';
export {} from './realtime/state.js';
export {} from './realtime/tokens.js';
export { backoff } from './realtime/backoff.js';
export { nameProblem } from './realtime/checks.js';
export { RealtimeClient } from './realtime/client.js';
export { RealtimeError } from './realtime/errors.js';
export { subprotocol } from './realtime/transport.js';
