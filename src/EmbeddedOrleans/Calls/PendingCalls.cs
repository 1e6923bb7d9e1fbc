using System.Collections.Concurrent;

namespace Orleans.Embedded;

/// <summary>
/// The calls of a cluster that wait for an answer. A lane holds calls of one time-out in the order of their deadlines, so
/// that one timer, set for the first of them, serves all: a call costs two links, and nothing ticks while none waits.
/// </summary>
internal sealed class PendingCalls : IDisposable
{
    // Threads that call at once should seldom meet on a lane; more lanes than threads of a small machine serve nothing.
    private static readonly int s_lanes = (int)System.Numerics.BitOperations.RoundUpToPowerOf2((uint)Math.Clamp(Environment.ProcessorCount, 2, 16));

    // Time-outs need no more precision, and a crowd of deadlines shall not fire the timer one by one.
    private const long LeastWaitMilliseconds = 15;

    private readonly ConcurrentDictionary<TimeSpan, Lanes> _lanes = new();
    private readonly Timer _timer;
    private readonly object _arming = new();
    private long _armedFor = long.MaxValue;

    public PendingCalls() => _timer = new Timer(static pending => ((PendingCalls)pending!).Sweep(), this, Timeout.Infinite, Timeout.Infinite);

    public Lanes For(TimeSpan timeout) => _lanes.GetOrAdd(timeout, static (timeout, owner) => new Lanes(owner, timeout), this);

    /// <summary>Fails the calls that a predicate selects.</summary>
    public void FailWhere(Func<MethodCall, bool> predicate, Func<MethodCall, Exception> error)
    {
        foreach (var lanes in _lanes.Values)
        {
            foreach (var call in lanes.Take(predicate))
                call.FailTaken(error(call));
        }
    }

    public void Dispose() => _timer.Dispose();

    private void Sweep()
    {
        // First, so that a call that comes to a lane already swept sets the timer itself.
        Volatile.Write(ref _armedFor, long.MaxValue);
        var next = long.MaxValue;
        var now = Environment.TickCount64;
        foreach (var (timeout, lanes) in _lanes)
        {
            foreach (var call in lanes.TakeExpired(now))
                call.FailTaken(new TimeoutException($"Response did not arrive on time in {timeout} for {call}."));
            next = Math.Min(next, lanes.FirstDeadline());
        }

        if (next != long.MaxValue)
            Arm(next);
    }

    private void Arm(long deadline)
    {
        lock (_arming)
        {
            if (deadline >= _armedFor)
                return;
            Volatile.Write(ref _armedFor, deadline);
            _timer.Change(Math.Max(deadline - Environment.TickCount64, LeastWaitMilliseconds), Timeout.Infinite);
        }
    }

    /// <summary>The lanes of one time-out.</summary>
    internal sealed class Lanes
    {
        private readonly PendingCalls _owner;
        private readonly long _timeoutMilliseconds;
        private readonly Lane[] _lanes;

        public Lanes(PendingCalls owner, TimeSpan timeout)
        {
            _owner = owner;
            _timeoutMilliseconds = timeout == Timeout.InfiniteTimeSpan ? -1 : Math.Max(1, (long)timeout.TotalMilliseconds);
            _lanes = new Lane[s_lanes];
            for (var i = 0; i < _lanes.Length; i++)
                _lanes[i] = new Lane();
        }

        public void Add(MethodCall call)
        {
            call.Deadline = _timeoutMilliseconds < 0 ? long.MaxValue : Environment.TickCount64 + _timeoutMilliseconds;
            _lanes[Environment.CurrentManagedThreadId & (_lanes.Length - 1)].Add(call);
            if (call.Deadline < Volatile.Read(ref _owner._armedFor))
                _owner.Arm(call.Deadline);
        }

        public List<MethodCall> Take(Func<MethodCall, bool> predicate)
        {
            var taken = new List<MethodCall>();
            foreach (var lane in _lanes)
                lane.Take(predicate, taken);
            return taken;
        }

        public List<MethodCall> TakeExpired(long now)
        {
            var taken = new List<MethodCall>();
            foreach (var lane in _lanes)
                lane.TakeExpired(now, taken);
            return taken;
        }

        public long FirstDeadline()
        {
            var first = long.MaxValue;
            foreach (var lane in _lanes)
                first = Math.Min(first, lane.FirstDeadline());
            return first;
        }
    }

    internal sealed class Lane
    {
        private MethodCall? _first;
        private MethodCall? _last;

        public void Add(MethodCall call)
        {
            lock (this)
            {
                call.Lane = this;
                call.Earlier = _last;
                if (_last is null)
                    _first = call;
                else
                    _last.Later = call;
                _last = call;
            }
        }

        /// <summary>True for the one that removes it.</summary>
        public bool Remove(MethodCall call)
        {
            lock (this)
            {
                if (call.Lane != this)
                    return false;
                Unlink(call);
                return true;
            }
        }

        public void Take(Func<MethodCall, bool> predicate, List<MethodCall> taken)
        {
            lock (this)
            {
                for (var call = _first; call is not null;)
                {
                    var later = call.Later;
                    if (predicate(call))
                    {
                        Unlink(call);
                        taken.Add(call);
                    }

                    call = later;
                }
            }
        }

        public void TakeExpired(long now, List<MethodCall> taken)
        {
            lock (this)
            {
                while (_first is { } call && call.Deadline <= now)
                {
                    Unlink(call);
                    taken.Add(call);
                }
            }
        }

        public long FirstDeadline()
        {
            lock (this)
                return _first?.Deadline ?? long.MaxValue;
        }

        private void Unlink(MethodCall call)
        {
            call.Lane = null;
            if (call.Earlier is null)
                _first = call.Later;
            else
                call.Earlier.Later = call.Later;
            if (call.Later is null)
                _last = call.Earlier;
            else
                call.Later.Earlier = call.Earlier;
            call.Earlier = call.Later = null;
        }
    }
}
