namespace Realtime.WebFront.Rooms;

/// <summary>
/// How many are in a room, for the members who have asked for no more than that: when it changes, at most once per interval. Not
/// thread-safe: <see cref="LocalRoom"/> calls it under its lock.
/// </summary>
/// <param name="interval"><see cref="FrontOptions.PresenceCountInterval"/>.</param>
/// <param name="time">Measures and delays.</param>
/// <param name="tell">Tells the members.</param>
/// <param name="onDue">Called by a timer, without the lock, when <see cref="Flush"/> is due.</param>
internal sealed class PresenceCounts(TimeSpan interval, TimeProvider time, Action<int> tell, Action onDue) : IDisposable
{
    private ITimer? _timer;
    private long _toldAt; // timestamp; 0 when nothing was told
    private int _told = -1;
    private int _count;
    private bool _isDue;

    /// <summary>So many are there now; it may have been told already.</summary>
    public void Change(int count)
    {
        _count = count;
        if (_isDue || count == _told)
            return;
        var rest = _toldAt == 0 ? TimeSpan.Zero : interval - time.GetElapsedTime(_toldAt);
        if (rest <= TimeSpan.Zero)
        {
            Tell();
            return;
        }
        _isDue = true;
        _timer ??= time.CreateTimer(static onDue => ((Action)onDue!)(), onDue, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(rest, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Tells what is due, also when it is what was told last: somebody may have joined between.</summary>
    public void Flush()
    {
        if (!_isDue)
            return;
        _isDue = false;
        Tell();
    }

    public void Dispose() => _timer?.Dispose();

    private void Tell()
    {
        (_told, _toldAt) = (_count, time.GetTimestamp());
        tell(_count);
    }
}
