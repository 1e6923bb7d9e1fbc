namespace Realtime.SignalR.Cluster;

/// <summary>
/// Part of a hub's topics: which servers have connections in them. Kept in memory only: servers tell it anew after its loss. Key:
/// the hub and a number below <see cref="Topic.Partitions"/>.
/// </summary>
[Alias("realtime.signalr.partition")]
internal interface IHubPartitionGrain : IGrainWithStringKey
{
    /// <summary>Applies what a server has to say, in its order, and renews the server's lease.</summary>
    [Alias("Apply"), ResponseTimeout("00:00:02")]
    Task<HubReply> Apply(HubBatch batch);
}

/// <summary>What a command is.</summary>
internal enum HubCommandKind : byte
{
    /// <summary>The server's first connection has entered the topic.</summary>
    Enter,

    /// <summary>The server's last connection has left the topic.</summary>
    Leave,

    /// <summary>An event for the servers of the topic.</summary>
    Send,
}

/// <summary>Part of a batch.</summary>
[GenerateSerializer, Immutable, Alias("realtime.signalr.command")]
internal readonly record struct HubCommand(
    [property: Id(0)] HubCommandKind Kind, [property: Id(1)] string Topic, [property: Id(2)] HubEvent? Event = null);

/// <summary>One call of a server to a partition; one at a time.</summary>
[GenerateSerializer, Immutable, Alias("realtime.signalr.batch")]
internal sealed record HubBatch
{
    /// <summary>Whose it is: an id that is new at each start.</summary>
    [Id(0)]
    public required string Server { get; init; }

    /// <summary>Of the call. A call that is late, behind a later one, changes nothing.</summary>
    [Id(1)]
    public required long Call { get; init; }

    /// <summary>Of the batch, which a repeated call brings again.</summary>
    [Id(2)]
    public required long Number { get; init; }

    /// <summary>It may have been applied by an activation that is lost.</summary>
    [Id(3)]
    public bool IsRepeat { get; init; }

    /// <summary>An activation has known the server of late: if this one does not, others are lost as well.</summary>
    [Id(4)]
    public bool WasKnown { get; init; }

    /// <summary>All topics of the server, in place of what is known; null: what is known stays.</summary>
    [Id(5)]
    public string[]? Topics { get; init; }

    [Id(6)]
    public required HubCommand[] Commands { get; init; }
}

/// <summary>What has become of a batch.</summary>
internal enum HubOutcome : byte
{
    Applied,

    /// <summary>Nothing was done: the server has to tell its topics.</summary>
    Unknown,

    /// <summary>The topics are known now, the commands wait: other servers have not told theirs yet.</summary>
    Hold,
}

/// <summary>The answer to a batch.</summary>
/// <param name="Outcome">What has become of it.</param>
/// <param name="Servers">The servers in <see cref="Topic.All"/>, for who asks this partition about it; otherwise null.</param>
/// <param name="IsSettled">Who is not among them is gone.</param>
[GenerateSerializer, Immutable, Alias("realtime.signalr.reply")]
internal sealed record HubReply([property: Id(0)] HubOutcome Outcome, [property: Id(1)] string[]? Servers = null, [property: Id(2)] bool IsSettled = false)
{
    public static readonly HubReply Applied = new(HubOutcome.Applied);
    public static readonly HubReply Unknown = new(HubOutcome.Unknown);
    public static readonly HubReply Hold = new(HubOutcome.Hold);
}

/// <summary>The streams of servers.</summary>
internal static class HubStreams
{
    /// <summary>The name of their provider.</summary>
    public const string Provider = "realtime.signalr";

    public static StreamId Of(string server) => StreamId.Create("servers", server);
}
