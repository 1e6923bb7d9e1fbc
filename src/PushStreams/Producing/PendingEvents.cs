using System.Diagnostics.CodeAnalysis;

namespace Realtime.PushStreams.Producing;

/// <summary>
/// The events that wait for one subscriber, numbered 1, 2, 3 ...: in order, bounded, and with the waiting producers behind
/// them. An event that is dropped keeps its number, which is how the subscriber sees the gap.
/// </summary>
/// <remarks>More than ten fields: the queue, its numbers and who waits for it are under one lock.</remarks>
internal sealed partial class PendingEvents<T>(PushStreamProvider provider) : IDisposable
{
    /// <summary>A call takes no more of sized events: it has to stay below what a message of Orleans may have.</summary>
    private const long MaxBatchBytes = 1 << 20;

    private readonly PushStreamOptions _options = provider.Options;
    private readonly Func<T, int>? _sizeOf = provider.Options.SizeOf as Func<T, int>;
    private readonly TimeProvider _time = provider.Time;
    private readonly Lock _lock = new();
    private readonly Queue<EventBatch<T>> _batches = new();
    private readonly Queue<Waiter> _waiters = new();
    private EventBatch<T>? _last; // the batch that takes more
    private int _count;
    private long _bytes; // of sized events
    private long _next = 1; // the number of the next event
    private long _told = 1; // less than _next where there is a gap that the subscriber was not told of yet
    private ITimer? _fullWait;
    private TaskCompletionSource<bool>? _idle;
    private bool _isTaken; // someone calls TryTake until it answers no
    private bool _drops;
    private bool _isClosed;

    /// <summary>Events that wait, those of the producers that wait too.</summary>
    public int Count
    {
        get
        {
            lock (_lock)
                return _count + _waiters.Sum(waiter => waiter.Events.Length);
        }
    }

    /// <summary>Events that have come, dropped ones included.</summary>
    public long Total
    {
        get
        {
            lock (_lock)
                return _next - 1 + _waiters.Sum(waiter => waiter.Events.Length);
        }
    }

    /// <summary>Completes when all that was added before has been taken and dealt with; false if <see cref="StopWaiting"/> came first.</summary>
    public Task<bool> Idle
    {
        get
        {
            lock (_lock)
                return _isTaken || HasWork ? (_idle ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task : Task.FromResult(true);
        }
    }

    private bool IsFull => _count >= _options.MaxPendingEvents || _bytes >= _options.MaxPendingBytes;

    /// <summary>There is something to tell the subscriber: events or a gap.</summary>
    private bool HasWork => _batches.Count > 0 || (_told < _next && !_isClosed);

    /// <summary>
    /// Adds events. Completes at once while there is place; else when there is, or when they are dropped because there was
    /// none in time.
    /// </summary>
    public Task Add(ReadOnlySpan<T> events)
    {
        lock (_lock)
        {
            if (_drops && IsFull)
            {
                _next += events.Length;
                PushMetrics.Drops.Add(events.Length, provider.Tag);
                return Task.CompletedTask;
            }
            if (_waiters.Count == 0 && !IsFull)
            {
                Append(events);
                return Task.CompletedTask;
            }
            if (_waiters.Count == 0)
                StartFullWait();
            var waiter = new Waiter(events.ToArray(), _time.GetTimestamp());
            _waiters.Enqueue(waiter);
            return waiter.Done.Task;
        }
    }

    /// <summary>Adds what waited elsewhere, without regard to the bound, which it was under there.</summary>
    public void Add(PendingEvents<T> other)
    {
        lock (_lock)
        {
            foreach (var (dropped, events) in other.Peek())
            {
                _next += dropped;
                Append(events);
            }
        }
    }

    /// <summary>
    /// Whether the caller is to take what waits, by <see cref="TryTake"/>, until that answers no. Nobody else is told so
    /// meanwhile.
    /// </summary>
    public bool TryBegin()
    {
        // The lock of Add came before: what is read here is what that saw, or later.
        if (Volatile.Read(ref _isTaken))
            return false;
        lock (_lock)
        {
            if (_isTaken || !HasWork)
                return false;
            return _isTaken = true;
        }
    }

    /// <summary>Who waits for <see cref="Idle"/> is told that it may be long.</summary>
    public void StopWaiting()
    {
        lock (_lock)
        {
            _idle?.TrySetResult(false);
            _idle = null;
        }
    }

    /// <summary>Who was told to take has ended early, and takes nothing any more.</summary>
    public void End()
    {
        lock (_lock)
        {
            _isTaken = false;
            _idle?.TrySetResult(true);
            _idle = null;
        }
    }

    /// <summary>The next events; an empty batch, with the number that comes next, where only a gap is to be told.</summary>
    public bool TryTake([NotNullWhen(true)] out EventBatch<T>? batch)
    {
        List<Waiter>? admitted = null;
        lock (_lock)
        {
            if (_batches.TryDequeue(out batch))
            {
                if (batch == _last)
                    _last = null;
                _told = batch.End;
                Change(-batch.Count, -batch.Bytes);
                if (!IsFull)
                    admitted = Admit();
            }
            else if (_told < _next && !_isClosed)
            {
                batch = new EventBatch<T>(_next, 0, 0);
                _told = _next;
            }
            else
            {
                _isTaken = false;
                _idle?.TrySetResult(true);
                _idle = null;
                return false;
            }
        }
        Complete(admitted);
        return true;
    }

    /// <summary>What was taken last did not arrive: the subscriber must be told of the gap, even if nothing follows.</summary>
    public void NotDelivered(long first)
    {
        lock (_lock)
            _told = Math.Min(_told, first - 1);
    }

    /// <summary>Drops what waits, and tells nothing until <see cref="Open"/>; answers how many waited.</summary>
    public int Close()
    {
        List<Waiter> waiters;
        int dropped;
        lock (_lock)
        {
            _isClosed = true;
            dropped = _count;
            Change(-_count, -_bytes);
            _batches.Clear();
            _last = null;
            dropped += DropWaiters(out waiters);
        }
        Complete(waiters);
        return dropped;
    }

    /// <summary>The subscriber is there, and was not for so many events: it is to be told.</summary>
    public void Open(long missed)
    {
        lock (_lock)
        {
            _isClosed = false;
            _next += missed;
        }
    }

    /// <summary>Empties the queue, for events that have been added elsewhere, or that nobody listens to.</summary>
    public void Clear()
    {
        Close();
        Dispose();
    }

    public void Dispose() => _fullWait?.Dispose();

    /// <summary>All events, those of the producers that wait too, each with how many were dropped before them.</summary>
    private List<(long Dropped, T[] Events)> Peek()
    {
        lock (_lock)
        {
            List<(long, T[])> all = [];
            var next = 1L;
            foreach (var batch in _batches)
            {
                all.Add((batch.First - next, batch.ToArray()));
                next = batch.End;
            }
            all.Add((_next - next, []));
            foreach (var waiter in _waiters)
                all.Add((0, waiter.Events));
            return all;
        }
    }

    private void Append(ReadOnlySpan<T> events)
    {
        while (!events.IsEmpty)
        {
            long size = _sizeOf is null ? 0 : _sizeOf(events[0]);
            // After a gap a new batch begins: numbers within a batch are consecutive.
            if (_last is null || _last.IsFull || _last.End != _next || _last.Bytes + size > MaxBatchBytes)
                _batches.Enqueue(_last = new EventBatch<T>(_next, events.Length, _options.MaxBatchEvents));
            var added = _last.Add(_sizeOf is null ? events : Fitting(_sizeOf, events, _last, ref size));
            _last.Bytes += size;
            _next += added;
            Change(added, size);
            events = events[added..];
        }
    }

    /// <summary>The events that have place in a batch, of which the first one has, and their size.</summary>
    private static ReadOnlySpan<T> Fitting(Func<T, int> sizeOf, ReadOnlySpan<T> events, EventBatch<T> batch, ref long size)
    {
        var most = Math.Min(events.Length, batch.Free);
        for (var i = 1; i < most; i++)
        {
            var next = size + sizeOf(events[i]);
            if (batch.Bytes + next > MaxBatchBytes)
                return events[..i];
            size = next;
        }
        return events[..most];
    }

    private List<Waiter>? Admit()
    {
        _drops = false;
        List<Waiter>? admitted = null;
        while (!IsFull && _waiters.TryDequeue(out var waiter))
        {
            Append(waiter.Events);
            (admitted ??= []).Add(waiter);
        }
        if (admitted is not null && _waiters.Count > 0)
            StartFullWait();
        return admitted;
    }

    /// <summary>For the producer that waits longest.</summary>
    private void StartFullWait()
    {
        _fullWait ??= _time.CreateTimer(static queue => ((PendingEvents<T>)queue!).OnFullWaitOver(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        var waited = _waiters.TryPeek(out var first) ? _time.GetElapsedTime(first.Since) : TimeSpan.Zero;
        _fullWait.Change(waited < _options.FullWait ? _options.FullWait - waited : TimeSpan.Zero, Timeout.InfiniteTimeSpan);
    }

    private void OnFullWaitOver()
    {
        try
        {
            EndFullWait();
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogFailed(provider.Log, exception));
        }
    }

    private void EndFullWait()
    {
        List<Waiter> waiters;
        int dropped;
        lock (_lock)
        {
            if (!_waiters.TryPeek(out var first))
                return;
            if (_time.GetElapsedTime(first.Since) < _options.FullWait)
            {
                StartFullWait();
                return;
            }
            // From now on nobody waits any more, until the subscriber takes something.
            _drops = true;
            dropped = DropWaiters(out waiters);
        }
        Complete(waiters);
        PushMetrics.Drops.Add(dropped, provider.Tag);
    }

    private int DropWaiters(out List<Waiter> waiters)
    {
        waiters = [.. _waiters];
        _waiters.Clear();
        var dropped = waiters.Sum(waiter => waiter.Events.Length);
        _next += dropped;
        return dropped;
    }

    private void Change(int events, long bytes)
    {
        _count += events;
        _bytes += bytes;
        PushMetrics.Pending.Add(events, provider.Tag);
        if (bytes != 0)
            PushMetrics.PendingBytes.Add(bytes, provider.Tag);
    }

    private static void Complete(List<Waiter>? waiters)
    {
        if (waiters is null)
            return;
        foreach (var waiter in waiters)
            waiter.Done.TrySetResult();
    }

    [LoggerMessage(1, LogLevel.Error, "Producers that wait for a subscriber could not be let go.")]
    private static partial void LogFailed(ILogger log, Exception exception);

    /// <summary>A producer that waits for place.</summary>
    private sealed record Waiter(T[] Events, long Since)
    {
        public TaskCompletionSource Done { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
