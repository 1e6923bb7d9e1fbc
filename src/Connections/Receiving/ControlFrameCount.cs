namespace Realtime.Connections.Receiving;

/// <summary>
/// Counts a peer's control frames and fragments in each second. A message has its price at the handler; these cost about as much and have
/// none, so that they are bounded where they are read: <see cref="ConnectionOptions.MaxControlFrames"/>.
/// </summary>
internal struct ControlFrameCount
{
    private int _tick; // of the heartbeat
    private int _count;

    /// <summary>Whether there are more than there may be.</summary>
    public bool IsOver(int added, int now, int most)
    {
        if (added == 0 || most == 0)
            return false;
        if (_tick != now)
            (_tick, _count) = (now, 0);
        _count += added;
        if (_count <= most)
            return false;
        _count = 0; // after a pause it begins anew
        return true;
    }
}
