namespace Realtime.Client;

/// <summary>Something that happened in a room, in the room's order: one of the types below. New ones may come.</summary>
public abstract class RoomEvent
{
    private protected RoomEvent()
    {
    }
}

/// <summary>A message of a room: once each, in order.</summary>
public sealed class RoomMessage : RoomEvent
{
    internal RoomMessage(string room, Position position) => (Room, Position) = (room, position);

    /// <summary>The room.</summary>
    public string Room { get; }

    /// <summary>Its place in the room.</summary>
    public Position Position { get; }

    /// <summary>The user who wrote it; null when a service did and named none.</summary>
    public string? From { get; internal init; }

    /// <summary>Whether a service sent it: then <see cref="From"/> is no user, whatever name it is.</summary>
    public bool IsService { get; internal init; }

    /// <summary>Its text, if it has one.</summary>
    public string? Content { get; internal init; }

    /// <summary>Its data, if it has some.</summary>
    public JsonData Data { get; internal init; }

    /// <summary>When the room took it.</summary>
    public DateTimeOffset Timestamp { get; internal init; }

    /// <summary>Not null when messages between the one before and this one are lost to this client.</summary>
    public RoomMissed? Missed { get; internal set; }
}

/// <summary>
/// A message that is of use only now, as that somebody types. It has no position, and is kept nowhere: some may be missing, as they are the first to give way to a client
/// that reads too slowly. In its place between the others.
/// </summary>
public sealed class EphemeralMessage : RoomEvent
{
    internal EphemeralMessage()
    {
    }

    /// <summary>The user who wrote it; null when a service did and named none.</summary>
    public string? From { get; internal init; }

    /// <summary>Whether a service sent it: then <see cref="From"/> is no user, whatever name it is.</summary>
    public bool IsService { get; internal init; }

    /// <summary>Of those with this key, room and sender only the newest is of use; null when it has none.</summary>
    public string? Key { get; internal init; }

    /// <summary>Its text, if it has one.</summary>
    public string? Content { get; internal init; }

    /// <summary>Its data, if it has some.</summary>
    public JsonData Data { get; internal init; }

    /// <summary>When the room took it.</summary>
    public DateTimeOffset Timestamp { get; internal init; }
}

/// <summary>This client is in the room, for the first time or again. What was missed follows, when it can be had.</summary>
public sealed class RoomJoined : RoomEvent
{
    internal RoomJoined()
    {
    }

    /// <summary>The last message of the room at that time.</summary>
    public Position Position { get; internal init; }

    /// <summary>Users in the room.</summary>
    public long Members { get; internal init; }

    /// <summary>Null unless it resumes: true when everything that was missed follows, false when it cannot, and <see cref="RoomMissed"/> comes.</summary>
    public bool? Recovered { get; internal init; }

    /// <summary>How many of the newest messages follow: at most <see cref="JoinOptions.Last"/>.</summary>
    public int Last { get; internal init; }
}

/// <summary>Why messages are lost to this client.</summary>
public enum MissedReason
{
    /// <summary>The server does not have them any more, or as many as that it does not send.</summary>
    Lost,

    /// <summary>The server left them out, as the connection reads too slowly for the room's policy.</summary>
    SlowConnection,

    /// <summary>This client left them out, as more came than wait for the application: <see cref="RealtimeClientOptions.ReceiveMessages"/>, <see cref="RealtimeClientOptions.ReceiveBytes"/>.</summary>
    SlowConsumer,
}

/// <summary>Messages are lost to this client: those after <see cref="Since"/>, up to <see cref="Position"/>. <see cref="RealtimeRoom.HistoryAsync"/> has what the room still has.</summary>
public sealed class RoomMissed : RoomEvent
{
    internal RoomMissed()
    {
    }

    /// <summary>The last position before the loss; null when there was none.</summary>
    public Position? Since { get; internal init; }

    /// <summary>Where the room goes on: the next message comes after it.</summary>
    public Position Position { get; internal init; }

    /// <summary>Why.</summary>
    public MissedReason Reason { get; internal init; }

    /// <summary>Whether who came and went is lost as well, or nothing else (then <see cref="Since"/> is <see cref="Position"/>): <see cref="RealtimeRoom.MembersAsync"/> tells who is there.</summary>
    public bool Presence { get; internal init; }
}

/// <summary>A user came into the room.</summary>
public sealed class MemberJoined : RoomEvent
{
    internal MemberJoined(string user) => User = user;

    /// <summary>Who.</summary>
    public string User { get; }
}

/// <summary>A user went out of the room.</summary>
public sealed class MemberLeft : RoomEvent
{
    internal MemberLeft(string user) => User = user;

    /// <summary>Who.</summary>
    public string User { get; }
}

/// <summary>How many users are in a room that is too large for <see cref="MemberJoined"/> and <see cref="MemberLeft"/>.</summary>
public sealed class MemberCount : RoomEvent
{
    internal MemberCount(long members) => Members = members;

    /// <summary>Users in the room.</summary>
    public long Members { get; }
}
