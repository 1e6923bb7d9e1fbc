namespace Realtime.Grains;

/// <summary>What a front asks of a room on behalf of one connection.</summary>
[GenerateSerializer, Immutable, Alias("realtime.command")]
public abstract record RoomCommand
{
    private protected RoomCommand() { }
}

/// <summary>The connection enters the room. Repeating it changes nothing but whether it is seen.</summary>
/// <param name="User">The user whose connection it is.</param>
/// <param name="Connection">The connection's id.</param>
/// <param name="Since">Where the client was, to get what it missed; null for a fresh start.</param>
[GenerateSerializer, Immutable, Alias("realtime.command.join")]
public sealed record JoinCommand(
    [property: Id(0)] string User,
    [property: Id(1)] string Connection,
    [property: Id(2)] Position? Since) : RoomCommand
{
    /// <summary>If the client has missed more bytes of messages, it gets none of them and <c>recovered: false</c>; 0 for no bound.</summary>
    [Id(3)] public int MaxBytes { get; init; }

    /// <summary>The others do not see it: it is neither told of, listed nor counted. A repeat may change that.</summary>
    [Id(4)] public bool IsHidden { get; init; }

    /// <summary>
    /// When nothing is resumed, so many of the newest messages come with the answer, as far as the room has them and they are within
    /// <see cref="Limits.HistoryBytes"/> and <see cref="MaxBytes"/>; 0 for none.
    /// </summary>
    [Id(5)] public int Last { get; init; }

    /// <summary>
    /// What the member shows of itself to the others: one JSON value in UTF-8, of at most <c>Rooms:MaxPresenceBytes</c>. Null leaves it as it is.
    /// </summary>
    [Id(6)] public byte[]? Data { get; init; }

    /// <summary>It is a member already, and only <see cref="Data"/> is new: nobody is told of a join.</summary>
    [Id(7)] public bool IsUpdate { get; init; }

    /// <summary>What the member wants to know of the others.</summary>
    [Id(8)] public PresenceMode Presence { get; init; }

    /// <summary>The room's state comes with the answer, unless all that was missed does.</summary>
    [Id(9)] public bool WithState { get; init; }
}

/// <summary>What a member has asked to know of the others in a room.</summary>
public enum PresenceMode : byte
{
    /// <summary>It has not asked: it is told who comes and goes.</summary>
    Changes,

    /// <summary>Who is there, with their data, at the join; and what changes after that, numbered.</summary>
    Members,

    /// <summary>How many there are.</summary>
    Count,
}

/// <summary>The connection goes out of the room. Repeating it changes nothing.</summary>
[GenerateSerializer, Immutable, Alias("realtime.command.leave")]
public sealed record LeaveCommand([property: Id(0)] string Connection) : RoomCommand;

/// <summary>The connection publishes a message. The front has checked that it is in the room.</summary>
/// <param name="User">The sender.</param>
/// <param name="Id">The client's id of this publish, for dedupe; null for none.</param>
/// <param name="Body">The <c>content</c> and <c>data</c> members as JSON text: <c>"content":"hi","data":{}</c>, no braces around.</param>
[GenerateSerializer, Immutable, Alias("realtime.command.publish")]
public sealed record PublishCommand(
    [property: Id(0)] string User,
    [property: Id(1)] string? Id,
    [property: Id(2)] byte[] Body) : RoomCommand
{
    /// <summary>The connection that does not get the message when it is sent, its publisher's; null when all members do.</summary>
    [Id(3)] public string? Except { get; init; }

    /// <summary>It goes to who is there now, without a sequence and past the log. Its receipt has the sequence 0.</summary>
    [Id(4)] public bool IsEphemeral { get; init; }

    /// <summary>As <see cref="RoomMessage.Key"/>.</summary>
    [Id(5)] public string? Key { get; init; }

    /// <summary>As <see cref="RoomMessage.IfVersion"/>.</summary>
    [Id(6)] public long? IfVersion { get; init; }

    /// <summary>The epoch that <see cref="IfVersion"/> is of, as far as the front knows it: in another one it is another version.</summary>
    [Id(7)] public string? IfEpoch { get; init; }

    /// <summary>As <see cref="RoomMessage.Ttl"/>, in milliseconds.</summary>
    [Id(8)] public long? Ttl { get; init; }

    /// <summary>As <see cref="RoomMessage.IsDeleted"/>; <see cref="Body"/> is empty.</summary>
    [Id(9)] public bool IsDeleted { get; init; }

    /// <summary>What its events carry to be measured on the way; null of most.</summary>
    [Id(10)] public MessageTrace? Trace { get; init; }
}

/// <summary>
/// The members at the front, and the last message that it has: after the room was lost with its silo, or when the front
/// has missed events. It publishes no presence.
/// </summary>
/// <param name="Members">The connections, with their users.</param>
/// <param name="Since">The last message that the front has fanned out; null for none.</param>
[GenerateSerializer, Immutable, Alias("realtime.command.sync")]
public sealed record SyncCommand(
    [property: Id(0)] Member[] Members,
    [property: Id(1)] Position? Since) : RoomCommand
{
    /// <summary>If the front lacks more bytes of messages, it gets none of them; 0 for no bound.</summary>
    [Id(2)] public int MaxBytes { get; init; }

    /// <summary>Some of the members have asked to know of the others: <see cref="PresenceMode"/>.</summary>
    [Id(3)] public bool FollowsPresence { get; init; }

    /// <summary>Some of the members have asked for the room's state: it comes with the answer when messages are lost.</summary>
    [Id(4)] public bool FollowsState { get; init; }

    /// <summary>One of them has not got it: it comes with the answer in any case.</summary>
    [Id(5)] public bool NeedsState { get; init; }
}

/// <summary>A connection in a room.</summary>
/// <param name="User">Whose it is.</param>
/// <param name="Connection">Its id.</param>
/// <param name="IsHidden">The others do not see it.</param>
[GenerateSerializer, Immutable, Alias("realtime.member")]
public readonly record struct Member([property: Id(0)] string User, [property: Id(1)] string Connection, [property: Id(2)] bool IsHidden = false)
{
    /// <summary>What it shows of itself, as <see cref="JoinCommand.Data"/>; null for nothing.</summary>
    [Id(3)] public byte[]? Data { get; init; }

    /// <summary>When it was written, in Unix milliseconds: of a user's connections the last one that wrote counts.</summary>
    [Id(4)] public long DataTime { get; init; }
}

/// <summary>The answer to a batch.</summary>
/// <param name="Silo">The silo that the room is on, as <see cref="ClusterView.Silos"/> names it.</param>
/// <param name="KnewFront">Whether the room had members of this front before the batch. If the front had some, room and front are out of step.</param>
/// <param name="Replies">The reply to <c>commands[i]</c> is at index <c>i</c>.</param>
[GenerateSerializer, Immutable, Alias("realtime.submit.reply")]
public sealed record SubmitReply(
    [property: Id(0)] string Silo,
    [property: Id(1)] bool KnewFront,
    [property: Id(2)] RoomReply[] Replies)
{
    /// <summary>
    /// Of an inbox that keeps no message: from now on it knows no front, and the partition of its user, which is on this silo, tells the user's
    /// fronts when there is one. Null while it is as a room is.
    /// </summary>
    [Id(3)] public string? RestsOn { get; init; }
}

/// <summary>The room's answer to one <see cref="RoomCommand"/>.</summary>
[GenerateSerializer, Immutable, Alias("realtime.reply")]
public abstract record RoomReply
{
    private protected RoomReply() { }
}

/// <summary>The connection is in the room.</summary>
/// <param name="Position">The room's position at the join: everything after it comes over the front's stream.</param>
/// <param name="Order">The room's event order at the join: stream events up to it happened before.</param>
/// <param name="Members">How many users are in the room.</param>
/// <param name="Recovered">Null when the client gave no position; true when <paramref name="Missed"/> is all that it missed.</param>
/// <param name="Missed">What the client missed, in order; never a part of it. When it was not recovered, the newest messages that it asked for.</param>
[GenerateSerializer, Immutable, Alias("realtime.reply.joined")]
public sealed record JoinedReply(
    [property: Id(0)] Position Position,
    [property: Id(1)] long Order,
    [property: Id(2)] int Members,
    [property: Id(3)] bool? Recovered,
    [property: Id(4)] FrontEvent[] Missed) : RoomReply
{
    /// <summary>
    /// For <see cref="PresenceMode.Members"/>: the first page of who is in the room at the end of the turn. Changes up to its order are in it.
    /// </summary>
    [Id(5)] public MembersPage? Presence { get; init; }

    /// <summary>For <see cref="JoinCommand.WithState"/>: the room's state at <see cref="Position"/>, in ordinal order of its keys; null when it was not asked for, or is not needed.</summary>
    [Id(6)] public StateEntry[]? State { get; init; }
}

/// <summary>The front is in step with the room.</summary>
/// <param name="Position">The room's position.</param>
/// <param name="Order">The room's event order: everything after it comes over the front's stream.</param>
/// <param name="Missed">The messages after the front's position, in order; those of the whole epoch when the front was in another.</param>
/// <param name="Complete">False when some of them are no longer in the log; then <paramref name="Missed"/> is empty.</param>
/// <param name="Members">How many users are in the room.</param>
[GenerateSerializer, Immutable, Alias("realtime.reply.synced")]
public sealed record SyncedReply(
    [property: Id(0)] Position Position,
    [property: Id(1)] long Order,
    [property: Id(2)] FrontEvent[] Missed,
    [property: Id(3)] bool Complete,
    [property: Id(4)] int Members) : RoomReply
{
    /// <summary>
    /// The first page of who is in the room, where the front asked for it; null also when fronts are still telling their members to a room that
    /// was lost: then it comes as an event.
    /// </summary>
    [Id(5)] public MembersPage? Presence { get; init; }

    /// <summary>The room's state at <see cref="Position"/>, as <see cref="JoinedReply.State"/>, where the front asked for it and it is needed.</summary>
    [Id(6)] public StateEntry[]? State { get; init; }
}

/// <summary>The connection is not in the room (any more).</summary>
[GenerateSerializer, Immutable, Alias("realtime.reply.left")]
public sealed record LeftReply : RoomReply
{
    /// <summary>It has no state, so one is enough.</summary>
    public static readonly LeftReply Instance = new();
}

/// <summary>The message is in the room's log; an ephemeral one, whose receipt has the sequence 0, is on its way.</summary>
[GenerateSerializer, Immutable, Alias("realtime.reply.published")]
public sealed record PublishedReply([property: Id(0)] Receipt Receipt) : RoomReply;

/// <summary>The room does not do that.</summary>
/// <param name="Code">An error code of the wire protocol.</param>
/// <param name="Reason">What was wrong and what is allowed.</param>
[GenerateSerializer, Immutable, Alias("realtime.reply.refused")]
public sealed record RefusedReply([property: Id(0)] string Code, [property: Id(1)] string Reason) : RoomReply;
