namespace Realtime.Client;

/// <summary>Something that happened in a room, in the room's order: one of the types below. New ones may come.</summary>
public abstract class RoomEvent
{
    private protected RoomEvent()
    {
    }
}

/// <summary>A message of a room: once each, in order.</summary>
public class RoomMessage : RoomEvent
{
    internal RoomMessage(string room, Position position) => (Room, Position) = (room, position);

    /// <summary>The room.</summary>
    public string Room { get; }

    /// <summary>Its place in the room.</summary>
    public Position Position { get; }

    /// <summary>The user who wrote it; null when a service did and named none.</summary>
    public string? From { get; internal set; }

    /// <summary>Whether a service sent it: then <see cref="From"/> is no user, whatever name it is.</summary>
    public bool IsService { get; internal set; }

    /// <summary>Its text, if it has one.</summary>
    public string? Content { get; internal set; }

    /// <summary>Its data, if it has some.</summary>
    public JsonData Data { get; internal set; }

    /// <summary>When the room took it.</summary>
    public DateTimeOffset Timestamp { get; internal set; }

    /// <summary>Not null when messages between the one before and this one are lost to this client.</summary>
    public RoomMissed? Missed { get; internal set; }

    /// <summary>The key of the room's state that it has set or deleted; null when it is about none.</summary>
    public virtual string? Key => null;

    /// <summary>When that key ends by itself; null when it does not.</summary>
    public virtual DateTimeOffset? Expires => null;

    /// <summary>Whether it has deleted the key.</summary>
    public virtual bool IsDeleted => false;
}

/// <summary>One that is about a key: the others, which are most, have no place for it.</summary>
internal sealed class KeyMessage(string room, Position position, string key, DateTimeOffset? expires, bool isDeleted) : RoomMessage(room, position)
{
    public override string Key { get; } = key;

    public override DateTimeOffset? Expires { get; } = expires;

    public override bool IsDeleted { get; } = isDeleted;

    /// <summary>What the key has now; null when it was deleted.</summary>
    public RoomEntry? Entry => IsDeleted ? null : new(Key, Position.Sequence)
    {
        From = From,
        IsService = IsService,
        Content = Content,
        Data = Data,
        Timestamp = Timestamp,
        Expires = Expires,
    };
}

/// <summary>
/// All of a room's state is there, after a join with <see cref="JoinOptions.State"/> or anew: in place of all that was known. What changes it after that comes as
/// <see cref="RoomMessage"/> with a key, and <see cref="KeyExpired"/>. One of these that gives way to newer events is told by <see cref="RoomMissed"/>, as a message is.
/// </summary>
public sealed class StateLoaded : RoomEvent
{
    internal StateLoaded(IReadOnlyDictionary<string, RoomEntry> entries) => Entries = entries;

    /// <summary>As it was then, by key. <see cref="RealtimeRoom.State"/> is how it is now.</summary>
    public IReadOnlyDictionary<string, RoomEntry> Entries { get; }
}

/// <summary>A key of such a state is gone, as its time is over by this client's clock.</summary>
public sealed class KeyExpired : RoomEvent
{
    internal KeyExpired(string key) => Key = key;

    /// <summary>The key.</summary>
    public string Key { get; }
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

    /// <summary>Whether the server has put this client there, without its asking.</summary>
    public bool ByServer { get; internal init; }

    /// <summary>The last message of the room at that time.</summary>
    public Position Position { get; internal init; }

    /// <summary>Users in the room.</summary>
    public long Members { get; internal init; }

    /// <summary>Null unless it resumes: true when everything that was missed follows, false when it cannot, and <see cref="RoomMissed"/> comes.</summary>
    public bool? Recovered { get; internal init; }

    /// <summary>
    /// Only when <see cref="RoomPresence.Members"/> was asked for: the first page of who is there. Null when the server cannot give it: then ask
    /// <see cref="RealtimeRoom.MembersAsync"/>.
    /// </summary>
    public MembersPage? Users { get; internal init; }

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

/// <summary>Something about one user in the room.</summary>
public abstract class MemberEvent : RoomEvent
{
    private protected MemberEvent(string user, long? order) => (User, Order) = (user, order);

    /// <summary>Who.</summary>
    public string User { get; }

    /// <summary>Only after a join with <see cref="RoomPresence.Members"/>: counts the room's events, to compare with <see cref="MembersPage.Order"/>.</summary>
    public long? Order { get; }
}

/// <summary>A user came into the room. After a join with <see cref="RoomPresence.Members"/> the user may be known already.</summary>
public sealed class MemberJoined : MemberEvent
{
    internal MemberJoined(string user, JsonData data, long? order)
        : base(user, order) => Data = data;

    /// <summary>What the user shows of itself, if it does.</summary>
    public JsonData Data { get; }
}

/// <summary>A user in the room shows something else of itself.</summary>
public sealed class MemberUpdated : MemberEvent
{
    internal MemberUpdated(string user, JsonData data, long? order)
        : base(user, order) => Data = data;

    /// <summary>What the user shows of itself now; none when it shows nothing any more.</summary>
    public JsonData Data { get; }
}

/// <summary>A user went out of the room.</summary>
public sealed class MemberLeft : MemberEvent
{
    internal MemberLeft(string user, long? order)
        : base(user, order)
    {
    }
}

/// <summary>How many users are in a room that is too large for names, or in which only the count was asked for.</summary>
public sealed class MemberCount : RoomEvent
{
    internal MemberCount(long members, long? order) => (Members, Order) = (members, order);

    /// <summary>Users in the room.</summary>
    public long Members { get; }

    /// <summary>Only after a join with <see cref="RoomPresence.Members"/>: counts the room's events.</summary>
    public long? Order { get; }
}

/// <summary>After a join with <see cref="RoomPresence.Members"/>: who is in the room, in place of all that was known, as after a failure of the server.</summary>
public sealed class RoomMembers : RoomEvent
{
    internal RoomMembers(MembersPage page) => Page = page;

    /// <summary>The first page.</summary>
    public MembersPage Page { get; }
}
