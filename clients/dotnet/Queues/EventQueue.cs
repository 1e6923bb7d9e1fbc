using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;

namespace Realtime.Client.Queues;

/// <summary>
/// What waits for the application: bounded in number and bytes, read by one at a time. When it is full the oldest give way, and what is lost is told in their
/// place. To add and to read makes no garbage.
/// </summary>
internal abstract class EventQueue<T>(int maxItems, int maxBytes) : IValueTaskSource<bool>
    where T : class
{
    private readonly Lock _lock = new();
    private (T Item, int Bytes)[] _ring = new (T, int)[16];
    private int _head;
    private int _count;
    private long _bytes;
    private T? _lost;
    private bool _isRead;
    private bool _ended;
    private Exception? _error;
    private ManualResetValueTaskSourceCore<bool> _signal = new() { RunContinuationsAsynchronously = true };
    private bool _isAwaited;
    private bool _wakeOnce;

    /// <summary>Whether somebody reads it now, or has before.</summary>
    public bool WasRead { get; private set; }

    /// <summary>Adds one.</summary>
    /// <param name="bytes">What counts for the bound: the bytes of its frame.</param>
    /// <returns>Whether it is the first to make others give way since the reader had all.</returns>
    public bool Add(T item, int bytes)
    {
        lock (_lock)
        {
            if (_ended)
                return false;
            var wasLost = _lost is not null;
            while (_count > 0 && (_count >= maxItems || _bytes + bytes > maxBytes))
                _lost = Merge(_lost, Take());
            if (_count == _ring.Length)
                Grow();
            _ring[(_head + _count++) & (_ring.Length - 1)] = (item, bytes);
            _bytes += bytes;
            Wake();
            return _lost is not null && !wasLost;
        }
    }

    /// <summary>Nothing more comes. Who reads it gets what is there still, and then its end: by the error, if there is one.</summary>
    public void End(Exception? error)
    {
        lock (_lock)
        {
            if (_ended)
                return;
            (_ended, _error) = (true, error);
            Wake();
        }
    }

    /// <summary>It goes on after all.</summary>
    public void Reopen()
    {
        lock (_lock)
            (_ended, _error) = (false, null);
    }

    /// <summary>All that comes, until the end.</summary>
    /// <exception cref="InvalidOperationException">Somebody else reads it already.</exception>
    public async IAsyncEnumerable<T> ReadAll([EnumeratorCancellation] CancellationToken cancellation)
    {
        Enter();
        try
        {
            using var registration = cancellation.UnsafeRegister(static queue => ((EventQueue<T>)queue!).WakeLocked(), this);
            while (true)
            {
                cancellation.ThrowIfCancellationRequested();
                if (TryRead(out var item, out var ended))
                    yield return item!;
                else if (ended)
                    yield break;
                else
                    await WaitAsync().ConfigureAwait(false);
            }
        }
        finally
        {
            lock (_lock)
                _isRead = false;
        }
    }

    /// <summary>What tells of a loss: the one before, and one that gives way now. Null when there is nothing to tell.</summary>
    protected abstract T? Merge(T? lost, T next);

    /// <summary>One leaves the queue, to be read.</summary>
    protected virtual void Taken(T item)
    {
    }

    private void Enter()
    {
        lock (_lock)
        {
            if (_isRead)
                throw new InvalidOperationException("Somebody reads this already; one at a time can.");
            _isRead = WasRead = true;
        }
    }

    private bool TryRead(out T? item, out bool ended)
    {
        lock (_lock)
        {
            ended = false;
            if (_lost is not null)
            {
                (item, _lost) = (_lost, null);
                Taken(item);
                return true;
            }
            if (_count > 0)
            {
                item = Take();
                Taken(item);
                return true;
            }
            item = null;
            ended = _ended;
            return _ended && _error is not null ? throw Copy(_error) : false;
        }
    }

    /// <summary>An exception that is thrown more than once has a stack for each time.</summary>
    private static Exception Copy(Exception error) => error is RealtimeException known ? new RealtimeException(known.Code, known.Message) { Room = known.Room } : error;

    private T Take()
    {
        var (item, bytes) = _ring[_head];
        _ring[_head] = default;
        _head = (_head + 1) & (_ring.Length - 1);
        _count--;
        _bytes -= bytes;
        return item;
    }

    private void Grow()
    {
        var larger = new (T, int)[_ring.Length * 2];
        for (var i = 0; i < _count; i++)
            larger[i] = _ring[(_head + i) & (_ring.Length - 1)];
        (_ring, _head) = (larger, 0);
    }

    private ValueTask<bool> WaitAsync()
    {
        lock (_lock)
        {
            if (_count > 0 || _lost is not null || _ended || _wakeOnce)
            {
                _wakeOnce = false;
                return new(true);
            }
            _signal.Reset();
            _isAwaited = true;
            return new(this, _signal.Version);
        }
    }

    private void WakeLocked()
    {
        lock (_lock)
        {
            _wakeOnce = !_isAwaited;
            Wake();
        }
    }

    private void Wake()
    {
        if (!_isAwaited)
            return;
        _isAwaited = false;
        _signal.SetResult(true);
    }

    bool IValueTaskSource<bool>.GetResult(short token) => _signal.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<bool>.GetStatus(short token) => _signal.GetStatus(token);

    void IValueTaskSource<bool>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _signal.OnCompleted(continuation, state, token, flags);
}
