namespace Realtime.Connections;

/// <summary>Where a connection is in its life; it only goes forward. See <see cref="ConnectionLifecycle"/> for what leads from one to the next.</summary>
internal enum ConnectionState : byte
{
    /// <summary>Messages go both ways.</summary>
    Open,

    /// <summary>The peer's close frame came, or it broke a rule: what it sent before is being handled and answered.</summary>
    InputEnded,

    /// <summary>Our close frame is sent or queued, or the connection was cut: nothing may follow it.</summary>
    Closing,

    /// <summary>It is over: the server may have given to somebody else what the transport stood on.</summary>
    Ended,
}
