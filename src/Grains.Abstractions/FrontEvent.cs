namespace Realtime.Grains;

/// <summary>What a <see cref="FrontEvent"/> is.</summary>
public enum FrontEventKind : byte
{
    /// <summary>A message of a room; <see cref="FrontEvent.Body"/> is its JSON members.</summary>
    Message,
    /// <summary>A text frame for the members of a room, without envelope.</summary>
    Text,
    /// <summary>A binary frame for the members of a room, without envelope.</summary>
    Binary,
    /// <summary>The first connection of a user came into a room.</summary>
    Joined,
    /// <summary>The last connection of a user left a room.</summary>
    Left,
    /// <summary>How many users are in a room that is too large for <see cref="Joined"/> and <see cref="Left"/>.</summary>
    Presence,
    /// <summary>A message for a user. With a position it is in the user's inbox too, whose connections have it from there.</summary>
    DirectMessage,
    /// <summary>A text frame for a user, without envelope.</summary>
    DirectText,
    /// <summary>A binary frame for a user, without envelope.</summary>
    DirectBinary,
    /// <summary>All connections of a user are to be closed.</summary>
    Disconnect,
    /// <summary>A message for every connection of the front; no target.</summary>
    EveryoneMessage,
    /// <summary>A text frame for every connection of the front, without envelope; no target.</summary>
    EveryoneText,
    /// <summary>A binary frame for every connection of the front, without envelope; no target.</summary>
    EveryoneBinary,
    /// <summary>
    /// <see cref="FrontEvent.Positions"/> of one silo: comes every two seconds from each of them, so its absence shows
    /// that the stream is dead, and a front detects events that it has missed in a room that is quiet now.
    /// </summary>
    Positions,
    /// <summary>
    /// A message of a room that is of use only now: in order with its other events, but without a sequence and in no log. Whoever misses it
    /// gets nothing in its place.
    /// </summary>
    Ephemeral,
    /// <summary>What a user shows of itself in a room has changed; <see cref="FrontEvent.Body"/> is the new data.</summary>
    Updated,
    /// <summary>
    /// Who is in a room, where that has changed without <see cref="Joined"/> and <see cref="Left"/>; <see cref="FrontEvent.Body"/> is the
    /// first page as JSON members, for the members who have asked for it.
    /// </summary>
    Members,
}

/// <summary>
/// One event on a front's stream. A room sends it once to each front that has a member, however many members that
/// front has; the front fans it out.
/// </summary>
[GenerateSerializer, Immutable, Alias("realtime.event")]
public sealed record FrontEvent
{
    /// <summary>What happened.</summary>
    [Id(0)] public required FrontEventKind Kind { get; init; }

    /// <summary>The room's name, the user id for the direct kinds, or nothing for those to everyone.</summary>
    [Id(1)] public required string Target { get; init; }

    /// <summary>The user that it comes from, or the name that a service has given.</summary>
    [Id(2)] public string? From { get; init; }

    /// <summary>The room's epoch.</summary>
    [Id(3)] public string? Epoch { get; init; }

    /// <summary>The message's number in the epoch; 0 for what is not in the log.</summary>
    [Id(4)] public long Sequence { get; init; }

    /// <summary>
    /// Numbers all events of a room's epoch, presence too, without holes: it separates what came before a join from what came after.
    /// </summary>
    [Id(5)] public long Order { get; init; }

    /// <summary>Unix milliseconds.</summary>
    [Id(6)] public long Timestamp { get; init; }

    /// <summary>
    /// The payload: JSON members for messages, the frame's payload for the unwrapped kinds, a reason for a disconnect; of who comes into a room,
    /// or changes what it shows there, the data as JSON, empty for none.
    /// </summary>
    [Id(7)] public byte[] Body { get; init; } = [];

    /// <summary>How many users are in the room, for what tells of them.</summary>
    [Id(8)] public int Members { get; init; }

    /// <summary>For <see cref="FrontEventKind.Positions"/>: the rooms that have had events since the last time.</summary>
    [Id(9)] public RoomOrder[]? Positions { get; init; }

    /// <summary>A message that a service has sent, by a grain or over HTTP: a service may name itself as a user is named.</summary>
    [Id(10)] public bool IsService { get; init; }

    /// <summary>A connection that is not given the event; null for none. Whoever resumes from before it gets it.</summary>
    [Id(11)] public string? Except { get; init; }

    /// <summary>For <see cref="FrontEventKind.Ephemeral"/>: of the room's messages with it and this sender only the newest is of use; null for none.</summary>
    [Id(12)] public string? Key { get; init; }

    /// <summary>Where it comes from, of a message that is measured on its way; null of most.</summary>
    [Id(13)] public MessageTrace? Trace { get; init; }

    /// <summary>About so many bytes it holds: its names are short, and most of them those of other events too.</summary>
    internal int Size => 256 + Body.Length + (Positions?.Length ?? 0) * 128;

    /// <summary>An event of a room, which has an order; others are for users or for the front.</summary>
    internal bool IsOfRoom => Kind is < FrontEventKind.DirectMessage or > FrontEventKind.Positions;

    /// <summary>Who is in a room, how many, or what they show of themselves.</summary>
    internal bool IsPresence => Kind is FrontEventKind.Joined or FrontEventKind.Left or FrontEventKind.Presence or FrontEventKind.Updated or FrontEventKind.Members;

    /// <summary>A message of a room, which has a sequence.</summary>
    internal bool IsRoomMessage => Kind <= FrontEventKind.Binary;
}

/// <summary>How far the events of a room are on their way to the fronts.</summary>
[GenerateSerializer, Immutable, Alias("realtime.room.order")]
public readonly record struct RoomOrder([property: Id(0)] string Room, [property: Id(1)] string Epoch, [property: Id(2)] long Order);

/// <summary>Where a front listens.</summary>
public static class FrontStreams
{
    /// <summary>The name of the stream provider, on silos and fronts.</summary>
    public const string Provider = "fronts";

    /// <summary>The namespace of the streams; the key is the front's id.</summary>
    public const string Namespace = "front";

    /// <summary>The stream of a front.</summary>
    public static StreamId Of(string front) => StreamId.Create(Namespace, front);
}
