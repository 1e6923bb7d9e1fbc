namespace Realtime.Client;

/// <summary>What became of a message to a user.</summary>
/// <param name="Connections">How many connections of the user it reached.</param>
/// <param name="Position">Its place in the user's inbox, which has kept it; null when the user has none.</param>
public readonly record struct DirectReceipt(int Connections, Position? Position);

/// <summary>Where this client begins in its user's inbox.</summary>
/// <param name="Position">The last message at that time.</param>
/// <param name="Recovered">Null unless it resumes: true when everything that was missed follows, false when it cannot, and <see cref="DirectMissed"/> comes.</param>
public readonly record struct InboxOpened(Position Position, bool? Recovered);

/// <summary>A page of the users in a room, in ordinal order.</summary>
/// <param name="Users">The users.</param>
/// <param name="Total">How many are in the room.</param>
/// <param name="Next">What the next page begins after; null on the last.</param>
public sealed record MembersPage(IReadOnlyList<string> Users, long Total, string? Next)
{
    /// <summary>What those of <see cref="Users"/> show of themselves who show something, by user.</summary>
    public IReadOnlyDictionary<string, JsonData> Data { get; internal init; } = new Dictionary<string, JsonData>();

    /// <summary>Only after a join with <see cref="RoomPresence.Members"/>: what is told with a greater order is newer than the page.</summary>
    public long? Order { get; internal init; }
}

/// <summary>A page of the messages that a room has kept, oldest first.</summary>
/// <param name="Epoch">The room's epoch; null when nobody uses the room.</param>
/// <param name="Messages">The messages. The page before begins before the sequence of the first.</param>
/// <param name="More">Whether there is a page before it.</param>
public sealed record HistoryPage(string? Epoch, IReadOnlyList<HistoryMessage> Messages, bool More);

/// <summary>A message that a room has kept.</summary>
public sealed record HistoryMessage
{
    internal HistoryMessage()
    {
    }

    /// <summary><c>message</c>; or what a service sent unwrapped, <c>text</c> in <see cref="Content"/> or <c>binary</c> as base64 in <see cref="Data"/>.</summary>
    public string Type { get; internal init; } = "message";

    /// <summary>Its place in the room.</summary>
    public Position Position { get; internal init; }

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

    /// <summary>The key of the room's state that it has set or deleted, if it has.</summary>
    public string? Key { get; internal init; }

    /// <summary>When that key ends by itself, if it does.</summary>
    public DateTimeOffset? Expires { get; internal init; }

    /// <summary>Whether it has deleted the key.</summary>
    public bool IsDeleted { get; internal init; }
}

/// <summary>A frame in an application's own format, as a service sends it unwrapped. It has no position: after a resume it may come twice.</summary>
/// <param name="IsText">Whether it is text, in UTF-8.</param>
/// <param name="Bytes">The frame.</param>
public sealed record RawFrame(bool IsText, ReadOnlyMemory<byte> Bytes);

/// <summary>How a room is joined.</summary>
public sealed record JoinOptions
{
    /// <summary>A position of an earlier visit: messages since then come first, or <see cref="RoomMissed"/> does. It counts for nothing in a room that the client is in already.</summary>
    public Position? Since { get; init; }

    /// <summary>How many of the newest messages come first, 1 to 100, also after a reconnect, unless messages since a position do. None by default.</summary>
    public int? Last { get; init; }

    /// <summary>Whether this client gets what it publishes there itself, unless a publish says otherwise. It does by default.</summary>
    public bool Echo { get; init; } = true;

    /// <summary>What the others see of this client there, by default at most 1 KiB. <see cref="RealtimeRoom.UpdateAsync(JsonData, CancellationToken)"/> changes it, and a reconnect brings it again as it was last.</summary>
    public JsonData Data { get; init; }

    /// <summary>What this client wants to know of the others.</summary>
    public RoomPresence Presence { get; init; }

    /// <summary>
    /// Whether the room's state comes and is kept up to date: <see cref="RealtimeRoom.State"/>. The join waits for it. It comes in place of the messages since
    /// <see cref="Since"/>: those are told as missed. Not by default.
    /// </summary>
    public bool State { get; init; }
}

/// <summary>What a client wants to know of the others in a room.</summary>
public enum RoomPresence
{
    /// <summary>Who comes and goes and what they show, in rooms that are not too large for names. Who is there can be asked for.</summary>
    Names,

    /// <summary>Who is there as well: <see cref="RoomJoined.Users"/> has the first page, and what is told after it misses nothing between.</summary>
    Members,

    /// <summary>Only how many there are: <see cref="MemberCount"/>.</summary>
    Count,
}

/// <summary>How a message is sent.</summary>
public sealed record PublishOptions
{
    /// <summary>1 to 128 bytes, for a message that must not go out twice even if the program restarts. It is the room's; another room may have the same. By default a new one.</summary>
    public string? Id { get; init; }

    /// <summary>How long the message is tried, instead of <see cref="RealtimeClientOptions.PublishTimeout"/>.</summary>
    public TimeSpan? Timeout { get; init; }

    /// <summary>
    /// Whether this client gets the message itself; by default as <see cref="JoinOptions.Echo"/> of the room. Without an echo its number counts as had once the room has
    /// kept it; only a connection that is lost before that may bring it after all.
    /// </summary>
    public bool? Echo { get; init; }
}
