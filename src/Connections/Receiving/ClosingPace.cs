namespace Realtime.Connections.Receiving;

/// <summary>
/// How fast a connection is read that closes: only to find the peer's close frame. A peer that goes on sending would keep a core busy
/// with what is thrown away, until the close's own bound ends it.
/// </summary>
internal struct ClosingPace
{
    private const long MostAtOnce = 64 * 1024; // bytes

    private static readonly TimeSpan s_rest = TimeSpan.FromMilliseconds(50);

    private long _read; // bytes since the last rest

    /// <summary>To be awaited after so many bytes have been read.</summary>
    public ValueTask After(long bytes)
    {
        if ((_read += bytes) < MostAtOnce)
            return default;
        _read = 0;
        return new ValueTask(Task.Delay(s_rest));
    }
}
