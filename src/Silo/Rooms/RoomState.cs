using Realtime.Silo.Hooks;
using Realtime.Silo.Logs;
using Realtime.Silo.Webhooks;

namespace Realtime.Silo.Rooms;

/// <summary>All that a room holds: what goes with it to another silo.</summary>
[GenerateSerializer, Immutable, Alias("realtime.room.state")]
internal sealed record RoomState
{
    [Id(0)] public required string Epoch { get; init; }

    [Id(1)] public required long Sequence { get; init; }

    [Id(2)] public required long Order { get; init; }

    [Id(3)] public required FrontMembers[] Members { get; init; }

    [Id(4)] public required FrontEvent[] History { get; init; }

    [Id(5)] public required KnownPublish[] Publishes { get; init; }

    /// <summary>The last batch of each front.</summary>
    [Id(6)] public LastBatch[] Batches { get; init; } = [];

    /// <summary>The room's log as it is open; null when it is not.</summary>
    [Id(7)] public LogMark? Log { get; init; }

    /// <summary>Whose coming, going or data is not told yet.</summary>
    [Id(8)] public ToldPresence[] Untold { get; init; } = [];

    /// <summary>How far the room's hooks are.</summary>
    [Id(9)] public FactsState? Facts { get; init; }

    /// <summary>What waits for receivers of webhooks.</summary>
    [Id(10)] public WebhookState[] Webhooks { get; init; } = [];

    /// <summary>Members have asked to know of the others.</summary>
    [Id(11)] public bool IsFollowed { get; init; }

    /// <summary>What its keys have.</summary>
    [Id(12)] public StateEntry[] State { get; init; } = [];
}

/// <summary>Whether a user was last told to be in the room.</summary>
[GenerateSerializer, Immutable, Alias("realtime.room.state.told")]
internal readonly record struct ToldPresence([property: Id(0)] string User, [property: Id(1)] bool IsIn)
{
    /// <summary>It is what the user shows that is not told yet.</summary>
    [Id(2)] public bool IsData { get; init; }

    /// <summary>The connection that has written it.</summary>
    [Id(3)] public string? Except { get; init; }
}

/// <summary>The members of a room on one front.</summary>
[GenerateSerializer, Immutable, Alias("realtime.room.state.front")]
internal readonly record struct FrontMembers([property: Id(0)] string Front, [property: Id(1)] Member[] Members);

/// <summary>The receipt of a publish that carried an id.</summary>
/// <param name="User">Who has published; <see cref="OfService"/> for a service, null for one without a name.</param>
/// <param name="Id">The publish's id.</param>
/// <param name="BodyHash">Of the message's body.</param>
/// <param name="Receipt">What the publisher was told.</param>
[GenerateSerializer, Immutable, Alias("realtime.room.state.publish")]
public readonly record struct KnownPublish(
    [property: Id(0)] string? User, [property: Id(1)] string Id, [property: Id(2)] ulong BodyHash, [property: Id(3)] Receipt Receipt)
{
    /// <summary>Stands for the user where a service has published. No name begins like this; logs keep it like this.</summary>
    public static string OfService(string? from) => "\u0001" + from;
}

/// <summary>The last batch of a front, and its answer.</summary>
[GenerateSerializer, Immutable, Alias("realtime.room.state.batch")]
internal readonly record struct LastBatch([property: Id(0)] string Front, [property: Id(1)] long Batch, [property: Id(2)] SubmitReply Reply);
