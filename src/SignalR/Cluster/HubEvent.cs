namespace Realtime.SignalR.Cluster;

/// <summary>What an event is.</summary>
internal enum HubEventKind : byte
{
    /// <summary>A message for connections of its topic.</summary>
    Message,

    /// <summary>A message for a connection, which is to answer it with a result.</summary>
    Invoke,

    /// <summary>A connection enters a group.</summary>
    Enter,

    /// <summary>A connection leaves a group.</summary>
    Leave,

    /// <summary>Nobody waits for the result any more.</summary>
    Cancel,

    /// <summary>Whether a server has the connection that it was asked for.</summary>
    Answer,

    /// <summary>The result of a connection.</summary>
    Result,
}

/// <summary>An event on the stream of a server.</summary>
[GenerateSerializer, Immutable, Alias("realtime.signalr.event")]
internal sealed record HubEvent
{
    // Of what has no payload, and beside it.
    private const int Overhead = 128;

    [Id(0)]
    public required HubEventKind Kind { get; init; }

    /// <summary>What it was sent to; null from one server to another.</summary>
    [Id(1)]
    public string? Topic { get; init; }

    /// <summary>Who sends, asks or answers.</summary>
    [Id(2)]
    public required string Server { get; init; }

    /// <summary>Of a partition's events from this server, growing. Set before anybody else has the event.</summary>
    [Id(3)]
    public long Number { get; set; }

    /// <summary>It may have come before, with the same number.</summary>
    [Id(4)]
    public bool IsRepeat { get; init; }

    /// <summary>Who gets it, if <see cref="IsForConnections"/>; otherwise who does not.</summary>
    [Id(5)]
    public string[]? Connections { get; init; }

    [Id(6)]
    public bool IsForConnections { get; init; }

    /// <summary>The message, once for each hub protocol; the completion of a result, in one.</summary>
    [Id(7)]
    public HubPayload[]? Payloads { get; init; }

    /// <summary>Of a question and what belongs to it; the invocation id of a result.</summary>
    [Id(8)]
    public string? Question { get; init; }

    /// <summary>The topic of the group to enter or leave.</summary>
    [Id(9)]
    public string? Group { get; init; }

    /// <summary>Of an answer.</summary>
    [Id(10)]
    public bool IsFound { get; init; }

    public int Size
    {
        get
        {
            long size = Overhead + 2 * ((Topic?.Length ?? 0) + (Group?.Length ?? 0));
            foreach (var payload in Payloads ?? [])
                size += payload.Bytes.Length;
            foreach (var connection in Connections ?? [])
                size += 2 * connection.Length + 24;
            return (int)Math.Min(size, int.MaxValue);
        }
    }
}

/// <summary>A message in a hub protocol.</summary>
[GenerateSerializer, Immutable, Alias("realtime.signalr.payload")]
internal readonly record struct HubPayload([property: Id(0)] string Protocol, [property: Id(1)] byte[] Bytes);
