namespace Realtime.PushStreams;

/// <summary>An event that tells its size: then what waits for a subscriber is bounded in bytes as well, and so is a call.</summary>
internal interface ISizedEvent
{
    /// <summary>About so many bytes it holds.</summary>
    int Size { get; }
}
