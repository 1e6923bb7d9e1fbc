using Microsoft.Extensions.Time.Testing;

namespace Realtime.Tests.Shared;

/// <summary>A clock that stands until it is moved, and tells how many timers run: what is to wait for the clock waits from then on.</summary>
internal sealed class ManualTimeProvider(DateTimeOffset start) : FakeTimeProvider(start)
{
    private int _running;

    public ManualTimeProvider()
        : this(new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero))
    {
    }

    public static ManualTimeProvider At(long unixSeconds) => new(DateTimeOffset.FromUnixTimeSeconds(unixSeconds));

    /// <summary>Timers that run now.</summary>
    public int Running => Volatile.Read(ref _running);

    public void Advance(int seconds) => Advance(TimeSpan.FromSeconds(seconds));

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new CountedTimer(this, callback, state);
        timer.Start(base.CreateTimer(static timer => ((CountedTimer)timer!).Fire(), timer, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan));
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class CountedTimer(ManualTimeProvider owner, TimerCallback callback, object? state) : ITimer
    {
        private readonly Lock _lock = new();
        private ITimer? _timer;
        private bool _runs;
        private bool _repeats;
        private int _fired;
        private bool _isDisposed;

        public void Start(ITimer timer) => _timer = timer;

        // It counts once it waits, so that who sees it counted may move the clock; unless that was moved meanwhile.
        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            var (runs, repeats) = (dueTime != Timeout.InfiniteTimeSpan, period > TimeSpan.Zero);
            int fired;
            lock (_lock)
            {
                fired = _fired;
                Count(_runs && runs, repeats);
            }
            var isChanged = _timer!.Change(dueTime, period);
            lock (_lock)
                if (isChanged && runs && !_isDisposed && (repeats || fired == _fired))
                    Count(true, repeats);
            return isChanged;
        }

        public void Fire()
        {
            lock (_lock)
            {
                _fired++;
                if (!_repeats)
                    Count(false, false);
            }
            callback(state);
        }

        public void Dispose()
        {
            lock (_lock)
            {
                _isDisposed = true;
                Count(false, false);
            }
            _timer!.Dispose();
        }

        public ValueTask DisposeAsync()
        {
            Dispose();
            return default;
        }

        private void Count(bool runs, bool repeats)
        {
            lock (_lock)
            {
                if (runs != _runs)
                    Interlocked.Add(ref owner._running, runs ? 1 : -1);
                (_runs, _repeats) = (runs, repeats);
            }
        }
    }
}
