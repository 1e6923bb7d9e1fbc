namespace Realtime.Client;

/// <summary>What a client does about its connection.</summary>
public enum RealtimeState
{
    /// <summary>Not connected and not trying: before the first use, after <see cref="RealtimeClient.CloseAsync"/>, and after a refusal that would only be repeated.</summary>
    Closed,

    /// <summary>The first attempt.</summary>
    Connecting,

    /// <summary>Connected.</summary>
    Connected,

    /// <summary>Trying again, or waiting to.</summary>
    Reconnecting,
}

/// <summary>How frames come and go.</summary>
public enum RealtimeTransport
{
    /// <summary>By one WebSocket.</summary>
    WebSocket,

    /// <summary>By server-sent events and posts, where something on the way does not let WebSockets pass: <see cref="RealtimeClientOptions.Fallback"/>.</summary>
    ServerSentEvents,
}

/// <summary>The state of a client's connection, with what led to it.</summary>
public sealed record RealtimeStatus
{
    internal static readonly RealtimeStatus Unused = new();

    /// <summary>The state.</summary>
    public RealtimeState State { get; init; }

    /// <summary>How frames come and go; null while not connected.</summary>
    public RealtimeTransport? Transport { get; init; }

    /// <summary>Attempts that have failed in a row.</summary>
    public int Attempt { get; init; }

    /// <summary>When the next attempt starts, by the client's clock; null while one is under way and when none will be.</summary>
    public DateTimeOffset? RetryAt { get; init; }

    /// <summary>The close code of the last connection, or the HTTP status of a refused handshake; 0 when there was none.</summary>
    public int Code { get; init; }

    /// <summary>The server's reason, or what else went wrong. Empty after <see cref="RealtimeClient.CloseAsync"/>.</summary>
    public string Reason { get; init; } = "";
}
