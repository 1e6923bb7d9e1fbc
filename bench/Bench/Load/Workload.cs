namespace Realtime.Bench.Load;

/// <summary>A load: who is connected, and what is published. The first member of a room publishes.</summary>
internal sealed record Workload
{
    public required int Connections { get; init; }

    /// <summary>Connection <c>i</c> is in room <c>i % Rooms</c>.</summary>
    public int Rooms { get; init; } = 1;

    /// <summary>Bytes of a message, from <see cref="Payload.HeaderLength"/> on.</summary>
    public int PayloadBytes { get; init; } = 128;

    /// <summary>Messages a second over all rooms; 0 for a closed loop.</summary>
    public double Rate { get; init; }

    /// <summary>In a closed loop: messages under way that not every member has had.</summary>
    public int Window { get; init; } = 16;

    /// <summary>Whether the publisher gets its own message too.</summary>
    public bool PublisherHears { get; init; } = true;

    /// <summary>The last so many connections join and then read nothing.</summary>
    public int SlowReaders { get; init; }

    /// <summary>Connects and joins that may be under way.</summary>
    public int ConnectsAtOnce { get; init; } = 64;

    /// <summary>How often each message is delivered to connections that read.</summary>
    public int Copies => ((Connections - SlowReaders) / Rooms) - (PublisherHears ? 0 : 1);
}
