namespace Realtime.Client.State;

/// <summary>One timer for all that waits: it fires at the earliest deadline. Under the session's lock.</summary>
internal sealed class DeadlineTimer : IDisposable
{
    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private long _due = long.MaxValue;

    public DeadlineTimer(Action fire, TimeProvider time)
    {
        _time = time;
        _timer = time.CreateTimer(static fire => ((Action)fire!)(), fire, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public long Now => _time.GetTimestamp();

    public long In(TimeSpan wait) => Now + (long)(wait.TotalSeconds * _time.TimestampFrequency);

    /// <summary>Fires at that deadline, or sooner.</summary>
    public void Arm(long deadline)
    {
        if (deadline >= _due)
            return;
        _due = deadline;
        var wait = _time.GetElapsedTime(Now, deadline);
        // A millisecond more, so that the deadline is over.
        _timer.Change((wait > TimeSpan.Zero ? wait : TimeSpan.Zero) + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
    }

    public void Fired() => _due = long.MaxValue;

    public void Dispose() => _timer.Dispose();
}
