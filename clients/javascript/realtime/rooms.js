import { RealtimeError } from './errors.js';
import { Membership } from './membership.js';

/** The rooms that this client is in or keeps trying to be in, because the application wants it or the server has put it there. */
export class Rooms {
  #session;
  /** @type {Map<string, Membership>} */
  #all = new Map();
  /** Rooms that were left and whose answer is not there yet. @type {Set<string>} */
  #leaving = new Set();

  /** @param {import('./session.js').Session} session */
  constructor(session) { this.#session = session; }

  get names() { return [...this.#all.keys()]; }

  get all() { return this.#all.values(); }

  get(/** @type {string} */ name) { return this.#all.get(name); }

  isLeaving(/** @type {string} */ name) { return this.#leaving.has(name); }

  /**
   * The answer to a call of `join`.
   * @param {string} name @param {import('../realtime.d.ts').Position|null} since @param {import('./membership.js').Asked} asked @param {AbortSignal} [signal]
   */
  enter(name, since, asked, signal) {
    let room = this.get(name);
    if (!room) {
      room = this.#add(name, since);
      room.begin(asked);
    }
    return room.enter(asked, signal);
  }

  /** @param {string} name @returns {Promise<void>} */
  leave(name) {
    if (!this.#all.has(name)) return Promise.resolve();
    this.drop(name, new RealtimeError('left', `You left ${name}.`));
    if (!this.#session.connection.isOnline || this.#leaving.has(name)) return Promise.resolve();
    return this.sendLeave(name).then(() => {}, error => {
      // With its connection the stay has ended too; and a join that was refused has begun none.
      if (error.code !== 'offline' && error.code !== 'not_joined') throw error;
    });
  }

  /** Leaves at the server, and joins again after the answer when the room is wanted then. @param {string} name */
  sendLeave(name) {
    const { connection, requests } = this.#session;
    const { generation } = connection;
    this.#leaving.add(name);
    return requests.ask({ type: 'leave', room: name }).finally(() => {
      if (generation !== connection.generation) return;
      this.#leaving.delete(name);
      this.get(name)?.join();
    });
  }

  /** Takes a room out, with who waits for it and its messages that wait. @param {string} name @param {RealtimeError} error */
  drop(name, error) {
    const room = this.get(name);
    this.#all.delete(name);
    room?.end(error);
    this.#session.outbox.rejectAll(error, name);
  }

  /** Out of a room without having asked for it. @param {string} name @param {RealtimeError} error */
  lose(name, error) {
    this.drop(name, error);
    this.#session.emit(name, 'left', { room: name, error });
  }

  /** The answer to a join; without an id the server has put this client there, or its position right, by itself. @param {any} frame */
  joined(frame) {
    this.#session.requests.take(frame.id)?.resolve(frame);
    // One that it has asked for, as after a reconnect, waits for the answer to its own join: that brings what was missed.
    if (frame.by === 'server' && !this.get(frame.room) && !this.isLeaving(frame.room)) this.#add(frame.room, null).putIn();
    this.get(frame.room)?.answered(frame);
  }

  /** The server has taken this client out of a room. It stays out until the application joins again. @param {string} name */
  removed(name) {
    const room = this.get(name);
    if (room && !room.takenOut()) this.lose(name, new RealtimeError('removed', `The server has taken you out of ${name}.`, { room: name }));
  }

  /** A new connection is there: joins all, but for those that a listener has joined by now. */
  opened() { for (const room of this.all) room.opened(); }

  #add(/** @type {string} */ name, /** @type {import('../realtime.d.ts').Position|null} */ position) {
    const room = new Membership(this.#session, name, position);
    this.#all.set(name, room);
    return room;
  }

  /** The connection is gone. */
  lost() {
    this.#leaving.clear();
    for (const room of this.all) room.lost();
  }

  /** No other one will come by itself. @param {RealtimeError} error */
  stopped(error) { for (const room of this.all) room.reject(error); }
}
