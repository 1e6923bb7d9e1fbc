import { Calls } from './calls.js';
import { Connection } from './connection.js';
import { RealtimeError } from './errors.js';
import { clientEvents, Emitter } from './events.js';
import { Outbox } from './outbox.js';
import { pageOf } from './pages.js';
import { Requests } from './requests.js';
import { Rooms } from './rooms.js';

const tooBig = 1009;
/** Frames that have their place in the order of a room. */
const heldTypes = new Set(['message', 'excluded', 'joined', 'state', 'dropped', 'join', 'leave', 'update', 'members', 'presence']);

/** The parts of a client, and the way of a frame to the part that it is for. */
export class Session {
  events = new Emitter(clientEvents);
  /** Listeners to one room, by its name. @type {Map<string, Emitter>} */
  roomEvents = new Map();
  /** Unwrapped frames that this connection has brought. */
  raw = 0;
  /** @type {import('./inbox.js').Inbox|null} */
  inbox = null;
  options;
  /** @type {Connection} */
  connection;
  requests;
  rooms;
  /** @type {Outbox} */
  outbox;
  calls;

  /** @param {ReturnType<typeof import('./options.js').checkOptions>} options */
  constructor(options) {
    this.options = options;
    this.connection = new Connection(options, this);
    this.requests = new Requests(this.connection, options.answerTimeout);
    this.rooms = new Rooms(this);
    this.outbox = new Outbox(options, this.connection, this.rooms);
    this.calls = new Calls(this.connection, options.messageBytes);
  }

  /** Tells of a room: first who listens to it, then who listens to all. @param {string} room @param {string} event @param {any} detail */
  emit(room, event, detail) {
    const listeners = this.roomEvents.get(room);
    listeners?.emit(event, detail);
    if (listeners?.isEmpty) this.roomEvents.delete(room);
    this.events.emit(event, detail);
  }

  // --- as the owner of the connection ---

  opening() { this.raw = 0; }

  opened() {
    this.rooms.opened();
    this.inbox?.ask();
    this.outbox.flush(null);
  }

  lost(/** @type {number} */ code, /** @type {string} */ reason) {
    this.#endRequests(new RealtimeError('offline', 'The connection was lost before the server answered.'));
    if (code === tooBig) this.outbox.refuseLargest(reason);
    this.outbox.lost();
  }

  stopped(/** @type {RealtimeError} */ error) {
    this.#endRequests(error);
    this.outbox.rejectAll(error);
    this.rooms.stopped(error);
    this.inbox?.reject(error);
  }

  changed(/** @type {import('../realtime.d.ts').Status} */ status) { this.events.emit('status', status); }

  isBusy() { return this.outbox.isBusy; }

  refresh(/** @type {string} */ token) { return this.requests.ask({ type: 'refresh', token }); }

  #endRequests(/** @type {RealtimeError} */ error) {
    const requests = this.requests.takeAll();
    this.rooms.lost();
    this.inbox?.lost();
    for (const { reject } of requests) reject(error);
  }

  // --- what arrives ---

  received(/** @type {string|ArrayBuffer} */ data) {
    const frame = typeof data === 'string' ? parse(data) : null;
    const held = heldTypes.has(frame?.type) && this.rooms.get(frame.room)?.held;
    if (held && held.length > 0 && (frame.id === undefined || frame.type === 'joined')) held.push(frame); // behind what waits there
    else this.handle(frame, data);
  }

  /** @param {any} frame @param {string|ArrayBuffer} [data] */
  handle(frame, data) {
    const room = frame && this.rooms.get(frame.room);
    switch (frame?.type) {
      case 'message':
        if (frame.ephemeral) return room?.tell('ephemeral', frame);
        return frame.room === undefined ? this.#direct(frame) : room?.message(frame);
      case 'excluded': return room?.message(frame);
      case 'joined': return this.rooms.joined(frame);
      case 'state': return room?.stateCame(frame);
      case 'inbox':
        this.requests.take(frame.id)?.resolve(frame);
        return this.inbox?.answered(frame);
      case 'dropped': return frame.inbox ? this.inbox?.dropped(frame) : frame.direct ? this.#directDropped(frame) : room?.dropped(frame);
      case 'ack': return void (this.outbox.acknowledged(frame) || this.requests.take(frame.id)?.resolve(frame));
      case 'left': return frame.by === 'server' ? this.rooms.removed(frame.room) : this.requests.take(frame.id)?.resolve(frame);
      case 'members':
        if (frame.id === undefined) return room?.tell('members', { room: frame.room, ...pageOf(frame) });
      // falls through
      case 'updated':
      case 'history':
      case 'refreshed':
      case 'result':
      case 'pong': return this.requests.take(frame.id)?.resolve(frame);
      case 'error': return this.#failed(frame);
      case 'call': return void this.calls.called(frame);
      case 'join':
      case 'leave':
      case 'update':
      case 'presence': return room?.tell(frame.type, frame);
      // A frame in an application's own format.
      default:
        this.raw++;
        this.events.emit('raw', data);
    }
  }

  #direct(/** @type {any} */ { type: _, ...message }) {
    if (this.inbox && message.epoch !== undefined && !this.inbox.isNext(message)) return;
    this.events.emit('direct', message);
  }

  #directDropped(/** @type {any} */ { sender, service }) {
    this.events.emit('dropped', { ...(sender !== undefined && { sender }), ...(service && { service: true }) });
  }

  #failed(/** @type {{id?: string, code: string, content?: string, room?: string, retryAfter?: number}} */ frame) {
    const error = new RealtimeError(frame.code, frame.content ?? frame.code, { room: frame.room, retryAfter: frame.retryAfter });
    if (this.outbox.failed(frame, error)) return;
    const waiting = this.requests.take(frame.id);
    if (waiting) waiting.reject(error);
    else this.events.emit('error', error);
  }
}

/** A frame of the protocol is a JSON object with a type; anything else is an application's own. */
function parse(/** @type {string} */ text) {
  try {
    const value = JSON.parse(text);
    return typeof value?.type === 'string' ? value : null;
  } catch {
    return null;
  }
}
