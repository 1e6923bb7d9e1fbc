namespace Realtime.Grains;

/// <summary>A message to a user, on its way to the user's partition and inbox.</summary>
[GenerateSerializer, Immutable, Alias("realtime.direct")]
public sealed record DirectMessage
{
    /// <summary>Whom it is for.</summary>
    [Id(0)] public required string User { get; init; }

    /// <summary>The user who sends it, or the name that a service gives; none when null.</summary>
    [Id(1)] public string? From { get; init; }

    /// <summary>Names it, so that an inbox recognises a repeat; null for none.</summary>
    [Id(2)] public string? Id { get; init; }

    /// <summary>The <c>content</c> and <c>data</c> members as JSON text, as in <see cref="PublishCommand"/>.</summary>
    [Id(3)] public required byte[] Body { get; init; }

    /// <summary>A service sends it.</summary>
    [Id(4)] public bool IsService { get; init; }
}

/// <summary>What became of a message to a user.</summary>
/// <param name="Connections">How many connections the user has; 0 when the user is away.</param>
/// <param name="Kept">Where it stands in the user's inbox; null when the user has none, so that it is kept nowhere.</param>
[GenerateSerializer, Immutable, Alias("realtime.direct.receipt")]
public readonly record struct DirectReceipt([property: Id(0)] int Connections, [property: Id(1)] Receipt? Kept = null);

/// <summary>What an inbox says to the partition of its user.</summary>
/// <param name="Reply">The receipt, or why there is none.</param>
/// <param name="Fronts">Those that it has sent the message to: they give it to all connections of the user.</param>
/// <param name="IsRepeat">It had the message already, and has sent it to nobody.</param>
[GenerateSerializer, Immutable, Alias("realtime.inbox.reply")]
public sealed record InboxReply(
    [property: Id(0)] RoomReply Reply, [property: Id(1)] string[] Fronts, [property: Id(2)] bool IsRepeat);

/// <summary>Where an inbox is that keeps no message.</summary>
/// <param name="Epoch">Its epoch.</param>
/// <param name="Sequence">Of its last message; 0 when there was none.</param>
/// <param name="Order">Of its last event.</param>
[GenerateSerializer, Immutable, Alias("realtime.inbox.state")]
public sealed record InboxState([property: Id(0)] string Epoch, [property: Id(1)] long Sequence, [property: Id(2)] long Order);
