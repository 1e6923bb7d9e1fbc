using System.Runtime.InteropServices;
using Realtime.Grains;

namespace Realtime.WebFront.Rooms;

/// <summary>
/// When a room's events are fanned out: at once, or with a write delay, later. After a long fan-out of several the next one comes no
/// sooner than that took, up to 5 ms: in a large room with steady traffic, twice the messages are joined for it. Not thread-safe:
/// <see cref="LocalRoom"/> calls it under its lock.
/// </summary>
/// <param name="timeline">Gets the events.</param>
/// <param name="writeDelay"><see cref="FrontOptions.WriteDelay"/>.</param>
/// <param name="time">Measures and delays.</param>
/// <param name="onDue">Called by a timer, without the lock, when <see cref="Flush"/> is due.</param>
internal sealed class FanOutPacer(RoomTimeline timeline, TimeSpan writeDelay, TimeProvider time, Action onDue) : IDisposable
{
    // A fan-out that takes so long is worth joining.
    private static readonly TimeSpan s_longFanOut = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan s_longestRest = TimeSpan.FromMilliseconds(5);

    private List<FrontEvent>? _delayed;
    private ITimer? _timer;
    private long _restsUntil; // timestamp; 0 for no rest

    /// <summary>Fans out events, or delays them; in the order in which they come.</summary>
    public void Add(ReadOnlySpan<FrontEvent> events)
    {
        if (_delayed is { Count: > 0 })
        {
            _delayed.AddRange(events);
            return;
        }
        var delay = writeDelay;
        if (_restsUntil != 0 && time.GetElapsedTime(time.GetTimestamp(), _restsUntil) is var rest && rest > delay)
            delay = rest;
        if (delay <= TimeSpan.Zero)
        {
            FanOut(events);
            return;
        }
        (_delayed ??= []).AddRange(events);
        _timer ??= time.CreateTimer(static onDue => ((Action)onDue!)(), onDue, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        _timer.Change(delay, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Fans out what is delayed: when its time is over, or before anything that must not come before it.</summary>
    public void Flush()
    {
        if (_delayed is not { Count: > 0 })
            return;
        var events = _delayed;
        _delayed = null;
        FanOut(CollectionsMarshal.AsSpan(events));
    }

    /// <summary>Whether the room's events up to there have come and are delayed.</summary>
    public bool HasDelayed(RoomOrder announced) =>
        _delayed is [.., var last] && last.Epoch == announced.Epoch && announced.Order <= last.Order;

    /// <summary>Nothing is delayed.</summary>
    public bool IsEmpty => _delayed is not { Count: > 0 };

    public void Dispose() => _timer?.Dispose();

    private void FanOut(ReadOnlySpan<FrontEvent> events)
    {
        var start = time.GetTimestamp();
        timeline.Apply(events);
        var end = time.GetTimestamp();
        // One event alone shows that they come further apart than a fan-out takes: nothing would be joined.
        _restsUntil = events.Length == 1 || time.GetElapsedTime(start, end) < s_longFanOut
            ? 0
            : end + Math.Min(end - start, (long)(s_longestRest.TotalSeconds * time.TimestampFrequency));
    }
}
