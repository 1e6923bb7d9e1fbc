namespace Realtime.PushStreams;

/// <summary>
/// A subscriber missed events: it was too slow, or out of reach for too long. Given to its <c>OnErrorAsync</c> where they
/// are missing: after what was produced before them and before what was produced after.
/// </summary>
public sealed class PushGapException(StreamId stream, long dropped)
    : Exception($"{dropped} events of stream {stream} were dropped, because their subscriber did not take them in time.")
{
    /// <summary>The stream whose events are missing.</summary>
    public StreamId Stream { get; } = stream;

    /// <summary>How many events of one producer's process are missing; at least 1.</summary>
    public long Dropped { get; } = dropped;
}
