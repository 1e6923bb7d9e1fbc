namespace Realtime.Grains;

/// <summary>A message that a service sends to a room or to a user.</summary>
[GenerateSerializer, Immutable, Alias("realtime.message")]
public sealed record RoomMessage
{
    /// <summary>Who the members see as its sender; none when null. They also see that it is a service and no user.</summary>
    [Id(0)] public string? From { get; init; }

    /// <summary>Text for people. A message needs this or <see cref="Data"/>.</summary>
    [Id(1)] public string? Content { get; init; }

    /// <summary>Anything else, as JSON text: <c>{"amount":12}</c>.</summary>
    [Id(2)] public string? Data { get; init; }

    /// <summary>
    /// Names this publish: a second one with the same id and the same <see cref="From"/>, of a service, within the room's dedupe
    /// window is not delivered and gets the first receipt.
    /// </summary>
    [Id(3)] public string? Id { get; init; }

    /// <summary>
    /// For rooms: it is of use only now, as that somebody types, or where a cursor is. Members get it in order with the room's other
    /// messages, but it has no number, is in no log and no history, and is the first to give way to a slow reader, who is not told. An id
    /// recognises no repeat of it. Its receipt has the sequence 0.
    /// </summary>
    [Id(4)] public bool IsEphemeral { get; init; }

    /// <summary>
    /// For rooms, 1 to <see cref="Limits.IdBytes"/> bytes of UTF-8. The message sets this key of the room's state, which is given to who joins.
    /// Of an ephemeral message it is no state: of those that wait for a slow reader with this key, room and sender only the newest stays.
    /// </summary>
    [Id(5)] public string? Key { get; init; }

    /// <summary>
    /// For rooms: the id of a connection that does not get the message, as that of a client for which the service acts and which knows what it has
    /// done. All others get it. Who resumes from before it, and who asks for history, has it all the same. One that is not there excludes nobody.
    /// </summary>
    [Id(6)] public string? Exclude { get; init; }

    /// <summary>
    /// With a key of the state: the message is kept only if this is the key's version, the number of the message that has set it, or 0 for a key that is
    /// not there. Else it is <see cref="RoomException.VersionConflict"/>.
    /// </summary>
    [Id(7)] public long? IfVersion { get; init; }

    /// <summary>With a key of the state: after so long it is gone, <see cref="Limits.LeastStateTtl"/> to <see cref="Limits.MostStateTtl"/> milliseconds.</summary>
    [Id(8)] public TimeSpan? Ttl { get; init; }

    /// <summary>With a key of the state: it is deleted. There is neither content nor data.</summary>
    [Id(9)] public bool IsDeleted { get; init; }
}

/// <summary>What a publisher gets back: where in the room its message stands.</summary>
/// <param name="Epoch">The room's epoch; a new one means that older positions mean nothing any more.</param>
/// <param name="Sequence">The message's number in the epoch: 1, 2, 3 ...; 0 for an ephemeral one, which has none.</param>
/// <param name="Timestamp">When the room accepted it, Unix milliseconds.</param>
[GenerateSerializer, Immutable, Alias("realtime.receipt")]
public readonly record struct Receipt(
    [property: Id(0)] string Epoch,
    [property: Id(1)] long Sequence,
    [property: Id(2)] long Timestamp);

/// <summary>Where a client is in a room: the last message that it has seen.</summary>
[GenerateSerializer, Immutable, Alias("realtime.position")]
public readonly record struct Position([property: Id(0)] string Epoch, [property: Id(1)] long Sequence);
