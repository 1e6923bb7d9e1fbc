/** The subprotocol that the client asks for. */
export const subprotocol: 'realtime.json.v1';

export interface RealtimeOptions {
  /** The endpoint: `wss://host/ws`, `https://host/ws`, or on a page a path such as `/ws`. */
  url: string | URL;
  /** The user's name, where the server believes it: in Development. */
  user?: string;
  /**
   * JWT, or a function that is called at each attempt to connect, and when four fifths of a JWT's life are over: the new one renews
   * the connection that is open. A function that throws is asked again at the next attempt, or in half of the time that is
   * left; one that gives null, undefined or '' says that nobody is signed in any more, and the client stops. A new token that the
   * server refuses, as that of another user, is used for a new connection.
   */
  token?: string | (() => string | null | undefined | Promise<string | null | undefined>);
  /**
   * How the token goes to the server: as a subprotocol, by which no proxy and no history keeps it, or in the address as `access_token`,
   * for tokens with other characters than those of a JWT. Default `subprotocol`.
   */
  tokenIn?: 'subprotocol' | 'query';
  /** A class like the browser's, where there is no global one, as in Node 20: that of the package `ws`, for one. */
  WebSocket?: any;
  /**
   * Whether it does without WebSockets where three in a row were cut on the way within 5 s: then frames come by server-sent events
   * and go by posts, at `/api/session` beside the `/ws` of the url, with `fetch`. Default true, and false with an own `WebSocket`.
   */
  fallback?: boolean;
  /** About how long it does so before it looks whether WebSockets pass again. Default 300,000 ms. */
  webSocketAgain?: number;
  /** The wait before attempt n (0, 1, 2 ...) is random in 0 .. min(retryMax, retryBase * 2^n) ms. Default 1,000; 1 to retryMax. */
  retryBase?: number;
  /** Default 30,000 ms; 1 to 2^31 - 1, as with all times here. */
  retryMax?: number;
  /** How long the token and the opening handshake may take together. Default 10,000 ms. */
  openTimeout?: number;
  /** Silence after which the client asks whether the server is there. Default 25,000 ms. */
  pingAfter?: number;
  /** How long the answer to that may take before the connection counts as dead. Default 10,000 ms. */
  pongTimeout?: number;
  /** How long any other answer may take. Default 60,000 ms. */
  answerTimeout?: number;
  /**
   * How long a message is tried, over reconnects, before its promise is rejected with the code `timeout`. Default
   * 60,000 ms. Keep it below the server's `Rooms:DedupeWindow` (5 minutes), after which a repeat is a new message.
   */
  publishTimeout?: number;
  /** How many messages may wait for their answers; one more is rejected with the code `queue_full`. Default 1,000. */
  queueMessages?: number;
  /** How many bytes of frames they may have together. Default 4 MiB. */
  queueBytes?: number;
  /**
   * The longest message, in bytes of its frame; a longer one is rejected with the code `too_big` and not sent. Default
   * 160 KiB, as the server's `Connections:MaxMessageSize` at `/ws`, over which a connection is closed.
   */
  messageBytes?: number;
}

/**
 * `connecting`: the first attempt. `online`: connected. `reconnecting`: trying or waiting to try again.
 * `offline`: not trying: before `connect`, after `close`, and after a close code that means stop.
 */
export type State = 'connecting' | 'online' | 'reconnecting' | 'offline';

export interface Status {
  readonly state: State;
  /** Attempts that have failed in a row. */
  readonly attempt: number;
  /** When the next attempt starts (Unix ms); null while one is under way or none will be. */
  readonly retryAt: number | null;
  /** Close code of the last connection; 0 when there was none. */
  readonly code: number;
  /** Its reason, as the server gave it, or what else went wrong. Empty after `close`. */
  readonly reason: string;
}

/** A place in a room. Messages count 1, 2, 3 ... within an epoch; a new epoch means that the room lost its history. */
export interface Position {
  readonly epoch: string;
  readonly seq: number;
}

export interface RoomMessage<Data = any> extends Position {
  readonly room: string;
  /** The user who wrote it; absent when a service did and named none. */
  readonly from?: string;
  /** Only on what a service sent: its `from` is no user, whatever name it is. */
  readonly service?: true;
  readonly content?: string;
  readonly data?: Data;
  /** Unix ms. */
  readonly timestamp: number;
  /** The key of the room's state that it has set or deleted. */
  readonly key?: string;
  /** From when on the key is gone, Unix ms; absent for never. */
  readonly expires?: number;
  /** Only where it has deleted the key: there is neither `content` nor `data`. */
  readonly deleted?: true;
}

/** What a key of a room's state has: what the message said that has set it last. */
export interface RoomEntry<Data = any> {
  readonly key: string;
  /** The key's version, for `if`. */
  readonly seq: number;
  /** Who has set it; absent for this client's own change without an echo, and for a service that named none. */
  readonly from?: string;
  readonly service?: true;
  readonly content?: string;
  readonly data?: Data;
  /** Unix ms. */
  readonly timestamp: number;
  /** From when on it is gone, Unix ms; absent for never. */
  readonly expires?: number;
}

/** A message to send: its content, a string of valid Unicode, and `data`, anything that has JSON, at most 60 arrays and objects deep; one of them at the least. */
export type Message<Data = any> = string | { readonly content: string; readonly data?: Data } | { readonly content?: string; readonly data: Data };

/** Ends the wait: the promise is rejected with the signal's reason. */
export interface Abortable {
  readonly signal?: AbortSignal;
}

export interface JoinOptions<Shown = any> extends Abortable {
  /**
   * A position of an earlier visit: messages since then come first, or `missed` does. It counts for nothing when this client is in
   * the room already.
   */
  readonly since?: Position | null;
  /** 1 to 100: so many of the newest messages come first, also after a reconnect, unless messages since a position do. */
  readonly last?: number;
  /** False: this client does not get what it publishes there, unless a publish says `echo: true`. Default true. */
  readonly echo?: boolean;
  /** What the others see of this client, anything that has JSON, by default at most 1 KiB of it; `update` changes it, and a reconnect brings it again as it was last. */
  readonly data?: Shown;
  /** `members`: the answer, and `joined` after each reconnect, has who is in the room. `count`: only how many there are is told. */
  readonly presence?: 'members' | 'count';
  /** True: the room's state comes, by the event `state`, and is kept up to date in `room.state`. */
  readonly state?: boolean;
}

export interface PublishOptions extends Abortable {
  /** 1 to 128 bytes, for a message that must not go out twice even if the application restarts. It is the room's, another room may have the same. */
  readonly id?: string;
  /** In ms, instead of `publishTimeout`. */
  readonly timeout?: number;
  /**
   * Of use only now: it goes to who is in the room, has no position, is kept nowhere, and is sent once, on the connection that is open;
   * without one it is rejected with `offline`.
   */
  readonly ephemeral?: boolean;
  /** For those, 1 to 128 bytes: for a member who reads too slowly the newest of this sender, room and key takes the place of the older one. */
  readonly key?: string;
  /**
   * False: this client gets no event `message` of it: its number counts as had once the room has kept it. Only a connection that is
   * lost before that may bring it after all. Default as the join said.
   */
  readonly echo?: boolean;
}

export interface ChangeOptions extends Abortable {
  /** The version that the key must have, the `seq` of its last change; 0: it must not be there. Else it is rejected with `version_conflict`. */
  readonly if?: number;
  readonly id?: string;
  readonly timeout?: number;
  readonly echo?: boolean;
}

export interface SetOptions extends ChangeOptions {
  /** After so many ms, 100 to 365 days, the key is gone. */
  readonly ttl?: number;
}

/** A message that is of use only now, as that somebody types: it has no position, and is kept nowhere. */
export interface EphemeralMessage<Data = any> extends Omit<RoomMessage<Data>, keyof Position> {
  readonly ephemeral: true;
  /** Of those with this key, room and sender only the newest is of use. */
  readonly key?: string;
}

export interface DirectMessage<Data = any> {
  /** This client's user; absent in a message to everyone. */
  readonly to?: string;
  readonly from?: string;
  /** Only on what a service sent: its `from` is no user, whatever name it is. */
  readonly service?: true;
  readonly content?: string;
  readonly data?: Data;
  /** Where it stands in the user's inbox; absent when the user has none. */
  readonly epoch?: string;
  readonly seq?: number;
  /** Unix ms. */
  readonly timestamp: number;
}

/** Where this client begins in its user's inbox. */
export interface Inbox extends Position {
  /** Only with a position: true when everything that was missed follows, false when it cannot and `inboxMissed` comes. */
  readonly recovered?: boolean;
}

/** The position is where the inbox goes on: the next of its messages comes after it. */
export interface InboxMissed extends Position {
  /** The last position before the loss. */
  readonly since: Position | null;
  /** When the server left them out because this client reads too slowly. */
  readonly dropped?: true;
}

export interface Dropped {
  /** The user whose direct messages they were, or the name that a service gave itself; absent when it gave none. */
  readonly sender?: string;
  /** Only when a service sent them: its `sender` is no user. */
  readonly service?: true;
}

export interface Joined<Shown = any> extends Position {
  readonly room: string;
  /** Users in the room. */
  readonly members: number;
  /** Only on a resume: true when everything that was missed follows, false when it cannot and `missed` comes. */
  readonly recovered?: boolean;
  /** Only when the server has put this client there, without its asking. */
  readonly by?: 'server';
  /** Only when `last` was asked for and nothing was resumed: how many of the newest messages follow. */
  readonly last?: number;
  /**
   * Only when `presence: 'members'` was asked for: the first 100 user ids in the room, in ordinal order. Events `join`, `leave` and `update` that
   * come after it are later; none is missing. Absent when the server cannot give them: then ask `members`.
   */
  readonly users?: readonly string[];
  /** What those of `users` show of themselves who show something. */
  readonly data?: Readonly<Record<string, Shown>>;
  /** What to give to `members` as `after` for the others; absent when these are all. */
  readonly next?: string;
  /** The number of the room's last event that is in `users` and `data`. */
  readonly order?: number;
}

/** A page of who is in a room. */
export interface MembersPage<Shown = any> {
  readonly users: readonly string[];
  /** How many users are in the room. */
  readonly total: number;
  /** What to pass as `after` for the next page; undefined on the last. */
  readonly next?: string;
  /** What those of `users` show of themselves who show something, by user id; absent when nobody does. */
  readonly data?: Readonly<Record<string, Shown>>;
  /** Only after a join with `presence: 'members'`: events with a greater `order` are newer than the page. */
  readonly order?: number;
}

/** A user in a room has come, gone or changed what it shows. */
export interface Presence<Shown = any> {
  readonly room: string;
  readonly from: string;
  /** What the user shows of itself; absent when that is nothing, or it goes. */
  readonly data?: Shown;
  /** Only after a join with `presence: 'members'`: counts the room's events, without coming twice. */
  readonly order?: number;
}

/** The position is where the room goes on: the next message handed out comes after it. */
export interface Missed extends Position {
  readonly room: string;
  /** The last position before the loss. */
  readonly since: Position | null;
  /**
   * When the server left them out because this client reads too slowly for the room's policy (`Front:SlowConsumers`);
   * in a room that conflates, newer messages of the same keys follow.
   */
  readonly dropped?: true;
  /** Events `join`, `leave`, `update` or `presence` are lost too, or nothing else (then `since` is where the room goes on): ask `members`. */
  readonly presence?: true;
}

/** A message that a room has kept; an application's own frame (`BroadcastText`, `BroadcastBinary`) is `text` in `content` or `binary` as base64 in `data`. */
export interface HistoryMessage<Data = any> extends RoomMessage<Data> {
  readonly type: 'message' | 'text' | 'binary';
}

/** Oldest first. The page before it begins at the `seq` of its first message; `more` says whether there is one. */
export interface HistoryPage<Data = any> {
  readonly room: string;
  readonly epoch: string;
  readonly messages: readonly HistoryMessage<Data>[];
  readonly more: boolean;
}

/**
 * What the data in a room is, for `client.room<..>(name)`: what messages have as `data`, what the values of the room's state are, and what
 * members show of themselves. Nothing checks at run time that the others keep to it.
 */
export interface RoomTypes {
  data?: any;
  state?: any;
  shown?: any;
}

/** What is said of the data, and any where nothing is. */
type Of<Types, Kind extends keyof RoomTypes> = Types extends { [K in Kind]: infer Data } ? Data : any;

/** What happens in a room. The client has the same events, for all rooms. */
export interface RoomEvents<Types extends RoomTypes = any> {
  /** A message: once each, in order. */
  message: RoomMessage<Of<Types, 'data'>>;
  /** An ephemeral message, in order with the others. Some may be missing: they are the first to give way to a client that reads too slowly. */
  ephemeral: EphemeralMessage<Of<Types, 'data'>>;
  /** After a join with `state`: all of the room's state is there, for the first time or anew. What changes after that comes by `message`, with its `key`. */
  state: { readonly room: string; readonly entries: ReadonlyMap<string, RoomEntry<Of<Types, 'state'>>> };
  /** A key of such a state is gone, as its time is over by this machine's clock. */
  expired: { readonly room: string; readonly key: string };
  /** In the room, for the first time or again. A room that the server has put this client into is told by it, with `by`. */
  joined: Joined<Of<Types, 'shown'>>;
  /** Out of the room without having asked for it: taken out by the server (`removed`), or not let in again (`forbidden`). It stays so until `join`. */
  left: { readonly room: string; readonly error: RealtimeError };
  /** Messages of the room are lost to this client, or who came and went. */
  missed: Missed;
  /** A user came into the room. After a join with `presence: 'members'` the user may be known already. */
  join: Presence<Of<Types, 'shown'>>;
  /** A user went out of the room. */
  leave: Presence<Of<Types, 'shown'>>;
  /** A user in the room shows something else of itself. */
  update: Presence<Of<Types, 'shown'>>;
  /** How many users are in a room that is too large for `join` and `leave`, or in which `presence: 'count'` was asked for. */
  presence: { readonly room: string; readonly members: number; readonly order?: number };
  /** After a join with `presence: 'members'`: who is in the room, the first page, in place of what was known; as after a failure of the server. */
  members: MembersPage<Of<Types, 'shown'>> & { readonly room: string };
}

export interface ClientEvents extends RoomEvents {
  /** The state of the connection has changed, or when the next attempt starts. */
  status: Status;
  /** A message to this user, or to everyone (`POST /api/messages`). After `inbox` those of the inbox come once each, in order. */
  direct: DirectMessage;
  /** Messages of the inbox are lost to this client. */
  inboxMissed: InboxMissed;
  /**
   * Direct messages of a sender gave way because this client reads too slowly, in this place between the others. They are not
   * kept, so nobody can load them, and the sender is not told.
   */
  dropped: Dropped;
  /** An error from the server that answers no request. */
  error: RealtimeError;
  /** A frame in an application's own format (`BroadcastText`, `BroadcastBinary`). It has no position: after a resume it may come twice. */
  raw: string | ArrayBuffer;
}

/** What was called when an error came of it. */
export type Operation =
  | 'connect' | 'join' | 'leave' | 'update' | 'publish' | 'set' | 'remove' | 'members' | 'history' | 'inbox' | 'sendTo' | 'call' | 'ping' | 'connectionId';

/**
 * `code` is one of the server's (docs/protocol.md), that of a method of the application, or one of the client's:
 * `offline` (not connected, or no longer), `unconfirmed` (a direct message that may have arrived), `timeout`,
 * `queue_full`, `too_big`, `left` (you left the room), `removed` (the server took you out of it), `not_joined`.
 */
export class RealtimeError extends Error {
  constructor(code: string, message: string, details?: { room?: string; operation?: Operation; retryAfter?: number });
  readonly code: string;
  /** The room that it is about; undefined for none. */
  readonly room: string | undefined;
  /** What this client was asked for; undefined for what nobody has asked for here, as in the events `left` and `error`. */
  readonly operation: Operation | undefined;
  /** After how many ms the server says that it may go better; undefined where it says nothing. */
  readonly retryAfter: number | undefined;
}

/** The wait before attempt `attempt` (0, 1, 2 ...) in ms: full jitter. */
export function backoff(attempt: number, base: number, max: number, random?: () => number): number;

/**
 * What is wrong with the name of a room or user, in words; null when nothing is. The server has the same rule.
 * @param what What it names, for the words: `room`, `user`.
 */
export function nameProblem(name: unknown, what: string): string | null;

/**
 * Arguments that can never be right throw, or reject with, a TypeError or RangeError that says what is allowed, and
 * nothing is sent. Every promise settles: with the answer, or after a bound with a RealtimeError; `connect` and `join`
 * wait for a connection as long as the client tries to have one. A rejection with a RealtimeError may be left unhandled:
 * it ends no process. A `signal` ends the wait for any of them with its reason.
 */
export class RealtimeClient {
  constructor(options: RealtimeOptions);

  /** The state of the connection, as in the event `status`. */
  readonly status: Status;
  /** How frames come and go now; null while it is not online. See the option `fallback`. */
  readonly transport: 'websocket' | 'events' | null;
  /** The rooms that this client is in or keeps trying to be in. */
  readonly rooms: Room[];
  /** Where this client is in its user's inbox: keep it, and give it to `inbox` after a restart. Null when it has not been asked for, or not answered. */
  readonly inboxPosition: Position | null;

  /** A room by its name, whether this client is in it or not: the same object each time, while it is in use. Nothing is sent by that. */
  room<Types extends RoomTypes = any>(name: string): Room<Types>;

  /** Calls `listener` at each event of that kind, in order; the function that it returns ends that. Events of rooms come here after those who listen to the room. */
  on<K extends keyof ClientEvents>(event: K, listener: (detail: ClientEvents[K]) => void): () => void;

  /** The same, for the next one only. */
  once<K extends keyof ClientEvents>(event: K, listener: (detail: ClientEvents[K]) => void): () => void;

  /** Ends that for a listener. */
  off<K extends keyof ClientEvents>(event: K, listener: (detail: ClientEvents[K]) => void): void;

  /**
   * Connects and stays connected. Resolves when connected, for the first time or already; rejected with `offline` when
   * the client stops before that. Repeating it changes nothing. An aborted `signal` ends the wait, and not the attempts: `close` does.
   */
  connect(options?: Abortable): Promise<void>;

  /** Ends the wait before the next attempt. A browser that comes online does so by itself. */
  retryNow(): void;

  /** Ends the connection and all attempts; what has no answer yet is rejected with `offline`. `connect` starts again and resumes the rooms. */
  close(): void;

  /**
   * Asks for this user's inbox, and again after each reconnect, from the last position: direct messages that came meanwhile follow, or
   * `inboxMissed` tells that they cannot. The server keeps them from the first time that a user asks. Waits for a connection; rejected with
   * `forbidden` where the server has no inboxes. With `since`, a position of an earlier visit, messages since then come first; it counts for
   * nothing when the inbox was asked for already.
   */
  inbox(options?: Abortable & { readonly since?: Position | null }): Promise<Inbox>;

  /**
   * Sends a message to all connections of a user, and resolves with how many it reached, and with its position when the
   * user has an inbox, which has kept it then. Without a connection it waits for one. It is sent once: when its answer is lost with the connection, it is rejected with `unconfirmed`.
   * One that is aborted goes out no more, and may have arrived when it had gone already.
   */
  sendTo<Data = any>(user: string, message: Message<Data>, options?: Abortable & { readonly timeout?: number }): Promise<{ connections: number } & Partial<Position>>;

  /**
   * Calls a method of the server's application, once, and resolves with its result; undefined when that has no data. Rejected with the
   * method's own code, or one of the server's (`unknown_method`, `call_failed`, `call_timeout`, `too_many_calls`, `forbidden` ..); with
   * `timeout` or `offline`, or aborted, the method may have run: the server is not told.
   * @param method A name, by the rule of rooms and users.
   * @param data Anything that has JSON, at most 60 arrays and objects deep.
   * @param options `timeout` in ms instead of `answerTimeout`.
   */
  call<Result = any, Data = any>(method: string, data?: Data, options?: Abortable & { readonly timeout?: number }): Promise<Result>;

  /**
   * Answers calls of the server to a method: with what `handler` gives or resolves with. A RealtimeError that it throws is told, with its
   * code and words; of anything else the server learns that it failed (`call_failed`), and it is reported as uncaught. A method has one
   * handler; the function that is returned ends it. Without one the answer is `unknown_method`.
   */
  onCall<Data = any, Result = any>(method: string, handler: (data: Data) => Result | Promise<Result>): () => void;

  /** The id of the connection that is open now, and of no later one: for a service that sends to a room and leaves it out (`exclude`). */
  connectionId(options?: Abortable): Promise<string>;

  /** Asks the server for a sign of life; resolves with the milliseconds that it took. */
  ping(options?: Abortable): Promise<number>;
}

/** A room by its name; made by `client.room`. */
export interface Room<Types extends RoomTypes = any> {
  readonly name: string;

  /** The server's answer to the join, while this client is in the room; null while it is not. */
  readonly joined: Joined<Of<Types, 'shown'>> | null;

  /** Where this client is: the position of the last message handed out; null when not known. Keep it, and give it to `join` as `since` after a restart. */
  readonly position: Position | null;

  /**
   * The state of the room by key, when it was joined with `state: true`; else null. It is one map as long as this client is in the room, changes before the
   * event `message` does, and is empty until the first event `state`.
   */
  readonly state: ReadonlyMap<string, RoomEntry<Of<Types, 'state'>>> | null;

  /** Calls `listener` at each event of that kind, in order, whether this client is in the room yet or not; the function that it returns ends that. */
  on<K extends keyof RoomEvents>(event: K, listener: (detail: RoomEvents<Types>[K]) => void): () => void;

  /** The same, for the next one only. */
  once<K extends keyof RoomEvents>(event: K, listener: (detail: RoomEvents<Types>[K]) => void): () => void;

  /** Ends that for a listener. */
  off<K extends keyof RoomEvents>(event: K, listener: (detail: RoomEvents<Types>[K]) => void): void;

  /**
   * Enters the room and stays in it across reconnects, until `leave`. Waits for a connection. Rejected when the server
   * refuses. In a room that this client is in, `state: true` has it joined anew with that, and in one that the server has put it in so have `echo`,
   * `data` and `presence`; when the server refuses that, the client stays there as it was. A join that three connections in a row do not answer is given
   * up with `timeout`. A first join whose only caller aborts it is left.
   */
  join(options?: JoinOptions<Of<Types, 'shown'>>): Promise<Joined<Of<Types, 'shown'>>>;

  /** Leaves the room. A join and messages that have no answer yet are rejected with `left`. */
  leave(options?: Abortable): Promise<void>;

  /**
   * Changes what the others see of this client, once it was joined: their event is `update`. Of several close together they may see the last one
   * only. Resolves once the room has it; without a connection the next join brings it. Rejected when the server refuses: what was shown before stays.
   * @param data Anything that has JSON, by default at most 1 KiB of it.
   */
  update(data: Of<Types, 'shown'>, options?: Abortable): Promise<void>;

  /**
   * Sends a message to the room, once it was joined. Without a connection it waits for one; without an answer it is sent again
   * under the same id, until the timeout. Resolves with its position once it is in the room's log. One that is aborted goes out no more, and
   * may have arrived when it had gone already.
   */
  publish<O extends PublishOptions = {}>(message: Message<Of<Types, 'data'>>, options?: O): Promise<{ room: string } & (O extends { ephemeral: true } ? {} : Position)>;

  /**
   * Sets a key of the room's state, by a message that members get with this `key`. Tried as `publish` is; resolves once the room has it, with its position, whose
   * `seq` is the key's version then. Rejected with `version_conflict` when `if` does not hold, and with `state_full`.
   * @param key 1 to 128 bytes.
   * @param data Anything that has JSON, at most 60 arrays and objects deep.
   */
  set(key: string, data: Of<Types, 'state'>, options?: SetOptions): Promise<{ room: string } & Position>;

  /** Deletes a key of the room's state, likewise. */
  remove(key: string, options?: ChangeOptions): Promise<{ room: string } & Position>;

  /**
   * A page of the users in the room, in ordinal order, with what they show of themselves.
   * @param page `limit`: 1 to 1,000, by default as the server has it; `after`: the `next` of the page before.
   */
  members(page?: Abortable & { readonly after?: string; readonly limit?: number }): Promise<MembersPage<Of<Types, 'shown'>>>;

  /**
   * A page of the messages that the room has kept, oldest first: after `missed`, to load what there still is. Without being in the room,
   * where the server allows that.
   * @param page `before`: only messages before this `seq`, 1 or more; without it the newest ones; `limit`: 1 to 100, the
   * default; `epoch`: where the room has another one, the rejection is `position_invalid`.
   */
  history(page?: Abortable & { readonly before?: number; readonly limit?: number; readonly epoch?: string }): Promise<HistoryPage<Of<Types, 'data'>>>;
}
