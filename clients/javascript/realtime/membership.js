import { backoff } from './backoff.js';
import { passingErrors, until } from './errors.js';
import { joinTries } from './inbox.js';
import { StateCopy } from './state.js';

/** In the place of the id of a join, where the server has joined. */
const byServer = 'by the server';
/** Numbers of messages without an echo that are kept while others before them may come yet. */
const ownMax = 1_000;

/**
 * What the application wants of a room; each join says so.
 * @typedef {object} Wanted
 * @property {boolean} echo   Whether this client gets what it publishes there, unless a publish says otherwise.
 * @property {any} data       What this client shows of itself there, undefined for nothing.
 * @property {'members'|'count'|undefined} presence  What it wants to know of the others.
 * @property {number|undefined} last  How many of the newest messages a join brings that resumes nothing.
 * @property {StateCopy|null} state   The room's state; null where it was not asked for.
 *
 * @typedef {Omit<Wanted, 'state'> & {state: boolean}} Asked
 * @typedef {import('../realtime.d.ts').Position} Position
 * @typedef {import('../realtime.d.ts').Joined} Joined
 * @typedef {{resolve: (value: any) => void, reject: (error: Error) => void}} Waiting
 */

/**
 * A room that this client is in or keeps trying to be in: it is joined again on each connection, resumed from the last position, and hands out
 * each message once and in order. Its many fields are of three kinds: how the join stands, which messages were had, and a pause of publishing.
 */
export class Membership {
  #session;
  name;
  /** @type {Wanted} */
  wanted = { echo: true, data: undefined, presence: undefined, last: undefined, state: null };
  /** Of the last message that was handed out. @type {Position|null} */
  position;
  /** The server's answer, while the connection is in the room. @type {Joined|null} */
  joined = null;
  /** The join whose answer counts; one for an earlier stay does not. @type {string|null} */
  #joinId = null;
  /** What this client shows of itself, as the server has taken it last. @type {any} */
  #shown;
  /** The server has put this client there, and it has not joined by itself since then. */
  #isPut = false;
  /** What held before a join that asks for more in a room that this client is in; null when there is none. @type {(() => void)|null} */
  #goBack = null;
  /** Joins that have failed in a row, for reasons that pass. */
  #attempt = 0;
  /** Joins in a row that got no answer in time, each on a connection of its own. */
  #unanswered = 0;
  /** No join was answered yet. */
  #isNew = true;
  /** Callers of `join`. @type {Waiting[]} */
  #waiting = [];

  /** Numbers after `position` of messages of this client's that it gets no echo of. @type {Set<number>} */
  #own = new Set();
  /** Frames that wait until it is known whether a hole before them is such a number. @type {any[]} */
  held = [];
  /** The connection's count of unwrapped frames at `position`. */
  #rawSeen;
  /** The hole that was last repaired: a second try would not do better. */
  #repaired = '';

  /** Publishes were refused for a reason that passes; none goes out until the pause ends. */
  #isPaused = false;
  /** Such pauses in a row. */
  #pauses = 0;

  /** @param {import('./session.js').Session} session @param {string} name @param {Position|null} position */
  constructor(session, name, position) {
    this.#session = session;
    this.name = name;
    this.position = position;
    this.#rawSeen = session.raw;
  }

  /** The first join says what is wanted. @param {Asked} asked */
  begin({ state, ...wanted }) {
    this.wanted = { ...wanted, state: state ? this.#newState() : null };
    this.#shown = wanted.data;
    this.join();
  }

  get mayPublish() { return this.joined !== null && !this.#isPaused; }

  get #isWanted() { return this.#session.rooms.get(this.name) === this; }

  // --- joining ---

  /**
   * The answer to a call of `join`. In a room that this client is in already it asks for what that stay has not.
   * @param {Asked} asked @param {AbortSignal} [signal]  @returns {Promise<Joined>}
   */
  async enter(asked, signal) {
    const { state, echo, data, presence } = asked;
    const isMore = (state && !this.wanted.state) || (this.#isPut && (!echo || data !== undefined || presence !== undefined));
    if (!this.#goBack) {
      if (this.joined && !isMore) return this.joined;
      if (isMore && (this.joined || this.#joinId === null)) this.#askForMore(state, this.#isPut ? { echo, data, presence } : {});
    }
    /** @type {Waiting} */
    let waiting;
    const joined = await until(signal, () => new Promise((resolve, reject) => this.#waiting.push(waiting = { resolve, reject })), () => {
      this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
      // Nobody has been told that this client is there, and nobody waits for that any more.
      if (this.#isNew && this.#waiting.length === 0 && this.#isWanted) this.#session.rooms.leave(this.name).catch(() => {});
    });
    // An earlier join was under way, without the state.
    return state && !this.wanted.state && this.#isWanted ? this.enter(asked, signal) : joined;
  }

  /** Sends a join, unless one is under way. A room on the way out cannot be entered before it has been left; the end of that sends the join. */
  join() {
    const { connection, requests, rooms } = this.#session;
    if (this.#joinId !== null || !connection.isOnline || rooms.isLeaving(this.name)) return;
    const { state, echo, data, presence, last } = this.wanted;
    const id = this.#joinId = requests.newId();
    // Where the state has not come to its end a resume would not bring it.
    const since = state?.isComplete === false ? null : this.position;
    requests.send(id, { type: 'join', room: this.name, ...since, last, echo: echo && undefined, data, presence, state: state ? true : undefined }).catch(error => {
      // A lost connection joins again by itself; what was left or joined anew meanwhile is not this join's concern.
      if (this.#joinId !== id || !this.#isWanted) return;
      this.#joinId = null;
      const isIn = error.code === 'already_joined';
      // The server takes one join of a room that it has put this client in. Any other room is left for it.
      if (isIn && this.#goBack) return this.#joinAnew();
      if (error.code === 'timeout' && ++this.#unanswered < joinTries) return connection.lost(0, 'The server did not answer a join.');
      if (isIn || passingErrors.has(error.code)) return this.#joinLater(isIn);
      // The server does not give more than there was: the stay goes on without.
      if (this.#goBack) {
        this.#goBack();
        return this.reject(error);
      }
      // The one who called join hears of it there; a refusal on the way back has no such caller.
      if (this.#waiting.length === 0) rooms.lose(this.name, error);
      else rooms.drop(this.name, error);
    });
  }

  /** Joins with what that stay has not. Until the answer the room goes on as before. @param {boolean} state @param {Partial<Wanted>} more */
  #askForMore(state, more) {
    const before = this.wanted;
    const [shown, isPut, joinId] = [this.#shown, this.#isPut, this.#joinId];
    if (this.joined) this.#goBack = () => {
      if (this.wanted.state !== before.state) this.wanted.state?.end();
      this.wanted = before;
      [this.#shown, this.#isPut, this.#joinId, this.#goBack] = [shown, isPut, joinId, null];
    };
    this.wanted = { ...before, ...more, state: before.state ?? (state ? this.#newState() : null) };
    this.#shown = this.wanted.data;
    this.#isPut = false;
    this.#joinId = null;
    this.join();
  }

  /** Tries again after a pause. A stay that the server knows and this client does not is ended first. */
  #joinLater(/** @type {boolean} */ leaveFirst) {
    const { connection, options, rooms } = this.#session;
    connection.later(backoff(this.#attempt++, options.retryBase, options.retryMax), () => {
      if (!this.#isWanted || this.#joinId !== null) return;
      if (leaveFirst) rooms.sendLeave(this.name).catch(() => {});
      else this.join();
    });
  }

  /** Leaves at the server and joins again, from where this client is. */
  #joinAnew() {
    this.lost();
    if (!this.#session.rooms.isLeaving(this.name)) this.#session.rooms.sendLeave(this.name).catch(() => {});
  }

  #newState() { return new StateCopy(key => this.#emit('expired', { room: this.name, key })); }

  /** The server has joined. */
  putIn() {
    this.#joinId = byServer;
    this.#isPut = true;
  }

  /** The server has taken this client out: says whether it is asked for again, by a join that is answered after that. */
  takenOut() {
    if (this.#goBack) this.#joinAnew(); // whether its join came before or after that, it is in no doubt then
    return this.#waiting.length > 0;
  }

  opened() {
    this.#rawSeen = 0;
    this.#isPaused = false;
    this.join();
  }

  /** The stay has ended with its connection, and what was held comes again. */
  lost() {
    this.joined = this.#joinId = this.#goBack = null;
    this.held = [];
  }

  /** Nobody wants to be here any more. */
  end(/** @type {Error} */ error) {
    this.wanted.state?.end();
    this.reject(error);
  }

  reject(/** @type {Error} */ error) { for (const { reject } of this.#waiting.splice(0)) reject(error); }

  /** The answer to a join. @param {any} frame */
  answered({ type: _, id, ...joined }) {
    if (id === undefined ? this.joined === null && this.#joinId !== byServer : id !== this.#joinId) return;
    const before = this.position;
    const { state } = this.wanted;
    const position = { epoch: joined.epoch, seq: joined.seq - (joined.last ?? 0) };
    // The position moves with the messages that follow, missed or newest ones: a cut among them then resumes where it was.
    if (joined.recovered !== true) {
      state?.begin(joined.seq);
      // Without a position the newest messages may be ones that this client has had.
      const had = joined.recovered === undefined && before !== null && before.epoch === joined.epoch ? Math.min(before.seq, joined.seq) : 0;
      this.position = { epoch: joined.epoch, seq: Math.max(position.seq, had) };
      this.#own.clear();
    }
    this.#rawSeen = this.#session.raw;
    this.joined = joined;
    this.#isNew = false;
    this.#attempt = this.#unanswered = 0;
    // Who asks for more waits for the answer to that.
    if (id !== undefined) this.#goBack = null;
    if (!this.#goBack) for (const { resolve } of this.#waiting.splice(0)) resolve(joined);
    this.#emit('joined', joined);
    // A join without the position, for the state, skips what came since.
    const isSkipped = state !== null && joined.recovered === undefined && before !== null && (before.epoch !== position.epoch || before.seq < position.seq);
    if (joined.recovered === false || isSkipped) this.#emitMissed(before, position);
    this.#session.outbox.flush(this.name);
  }

  /** Shows something to the others: at once where this client is in the room or about to be, or else by the join to come. @param {any} data */
  async show(data) {
    const { requests, connection } = this.#session;
    this.wanted.data = data;
    for (;;) {
      if (this.#joinId === null) return void await new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
      try {
        await requests.ask({ type: 'update', room: this.name, data });
        this.#shown = data;
        return;
      } catch (error) {
        const { code } = /** @type {any} */ (error);
        // The join that was before it has failed, or the connection was lost: the next join brings it.
        if ((code === 'offline' || code === 'not_joined') && this.#joinId === null && this.#isWanted && connection.status.state !== 'offline') continue;
        // What the server has refused is not brought by a join either.
        if (this.wanted.data === data && code !== 'offline' && code !== 'timeout') this.wanted.data = this.#shown;
        throw error;
      }
    }
  }

  // --- what arrives ---

  /** @param {any} frame */
  message(frame) {
    // While a room is joined anew, what still comes from the former stay comes again.
    if (!this.joined) return;
    const { state } = this.wanted;
    const before = /** @type {Position} */ (this.position);
    if (before.epoch === frame.epoch) {
      if (frame.seq <= before.seq) return;
      let missing = frame.seq - before.seq - 1;
      for (const seq of this.#own) missing -= seq < frame.seq ? 1 : 0;
      // Unwrapped frames have numbers too, but do not show them: each one that came since may fill one.
      if (missing > this.#session.raw - this.#rawSeen) {
        if (this.#session.outbox.awaitsOwn(this.name)) return void this.held.push(frame);
        if (this.#repair(frame)) return;
      }
    } else {
      if (state) return this.#joinForState();
      this.#emitMissed(before, { epoch: frame.epoch, seq: frame.seq - 1 });
      this.#own.clear();
    }
    const isOwn = this.#own.has(frame.seq);
    this.#move(frame);
    if (frame.key !== undefined) state?.change(frame);
    if (isOwn || frame.type === 'excluded') return; // a resume brings it, and no echo was wanted; or a service has left this client out
    const { type: _, ...message } = frame;
    this.#emit('message', message);
  }

  /** A part of the state, in place of what was known; the last one tells. @param {any} frame */
  stateCame({ entries, more }) {
    const { state } = this.wanted;
    if (this.joined && state?.replace(entries, more)) this.#emit('state', { room: this.name, entries: state.entries });
  }

  /** What has no number, as who comes and goes: nothing shows whether it is missing, and the position stays. @param {string} event @param {any} frame */
  tell(event, { type: _, ...detail }) { if (this.joined) this.#emit(event, detail); }

  /** The server has left messages out, or who came and went, because this client reads too slowly for the room. @param {any} frame */
  dropped(frame) {
    if (!this.joined) return;
    const before = /** @type {Position} */ (this.position);
    const isRepeat = frame.to === undefined || (before.epoch === frame.epoch && frame.to <= before.seq);
    if (isRepeat && !frame.presence) return;
    // The state lacks what they have changed: this client comes back from before them, and has them or all of it anew.
    if (!isRepeat && this.wanted.state) return void this.#repair({ epoch: frame.epoch, seq: frame.to + 1 });
    if (!isRepeat) this.#move({ epoch: frame.epoch, seq: frame.to });
    this.#emit('missed', { room: this.name, since: before, .../** @type {Position} */ (this.position), dropped: true, ...(frame.presence && { presence: true }) });
  }

  /** The room has kept a message of this client's. @param {Position} place @param {boolean} silent  It comes without an echo: its number counts as had. */
  kept({ epoch, seq }, silent) {
    this.#pauses = 0;
    const { position } = this;
    if (!silent || !this.joined || position?.epoch !== epoch || seq <= position.seq) return;
    this.#own.add(seq);
    // Those of others before it may come yet; when they do not, this room is joined anew from before them.
    if (this.#own.size > ownMax && !this.#repair({ epoch, seq })) this.#move({ epoch, seq });
    else if (seq === position.seq + 1) this.#move(position);
  }

  /** What was held is looked at again, now that one more of this client's messages has its answer. */
  releaseHeld() { for (const frame of this.held.splice(0)) this.#session.handle(frame); }

  /** Everything up to there is had, and so are messages of this client's that follow it. @param {Position} place */
  #move({ epoch, seq }) {
    for (const own of this.#own) if (own <= seq) this.#own.delete(own);
    while (this.#own.delete(seq + 1)) seq++;
    this.position = { epoch, seq };
    this.#rawSeen = this.#session.raw;
  }

  /** Fetches what is missing before this message by joining again; false when that was tried, and it has to be told. @param {Position} frame */
  #repair({ epoch, seq }) {
    const before = /** @type {Position} */ (this.position);
    const hole = `${before.epoch}/${before.seq}`;
    if (this.#repaired !== hole) this.#joinAnew();
    else if (this.wanted.state) this.#joinForState();
    else {
      this.#emitMissed(before, { epoch, seq: seq - 1 });
      return false;
    }
    this.#repaired = hole;
    return true;
  }

  /** The state lacks what has changed in between: it comes anew, and the answer tells what is missed. */
  #joinForState() {
    this.wanted.state?.begin();
    this.#joinAnew();
  }

  #emitMissed(/** @type {Position|null} */ since, /** @type {Position} */ position) { this.#emit('missed', { room: this.name, since, ...position }); }

  #emit(/** @type {string} */ event, /** @type {any} */ detail) { this.#session.emit(this.name, event, detail); }

  /** The room could not be reached: a pause for all that were under way, as these are refused at about the same time. @param {number} least */
  pausePublishing(least) {
    if (this.#isPaused) return;
    this.#isPaused = true;
    const { connection, options, outbox } = this.#session;
    connection.later(least + backoff(this.#pauses++, options.retryBase, options.retryMax), () => {
      this.#isPaused = false;
      outbox.flush(this.name);
    });
  }
}
