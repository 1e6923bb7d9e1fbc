namespace Realtime.Bench.Load;

/// <summary>A load: who is connected, and what is published. The first member of a room publishes.</summary>
internal sealed record Workload
{
    public required int Connections { get; init; }

    public int Rooms { get; init; } = 1;

    /// <summary>
    /// Rooms that each connection joins: <c>i</c> is in the room <c>i * RoomsEach % Rooms</c> and in those after it. More than
    /// one only for servers that are told the room with each message, and not for churn.
    /// </summary>
    public int RoomsEach { get; init; } = 1;

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

    /// <summary>Without any delivery for so long a load is given up, and what is missing counts as lost.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>Connects and joins that may be under way.</summary>
    public int ConnectsAtOnce { get; init; } = 64;

    /// <summary>How often each message is delivered to connections that read.</summary>
    public int Copies => ((Connections - SlowReaders) * RoomsEach / Rooms) - (PublisherHears ? 0 : 1);
}
