using System.Buffers;
using System.IO.Pipelines;

namespace Realtime.Connections.Listening;

/// <summary>
/// What goes to the peer. A flush leaves the send to a work item, or to the next read if that comes first, so that what is flushed in
/// pieces, as HTTP does with the end of a chunked answer, goes in one send; beyond 64 KB it sends at once. Everything sent, no memory is held.
/// </summary>
/// <remarks>
/// One thread at a time sends, outside of the lock, from blocks that nobody else touches meanwhile. Memory that was given out stays with
/// the writer until it flushes or completes, whatever happens to the connection. More than ten fields, as what was written, what is known of
/// the socket and the flush that waits change together.
/// </remarks>
internal sealed class PolledWriter : PipeWriter, IThreadPoolWorkItem
{
    private const int SendsAtOnce = 64 * 1024;                       // flushed bytes that are not left to the work item
    private const int SendsInARow = 16, BytesInARow = 256 * 1024;    // then others have their turn

    [ThreadStatic]
    private static MemoryHandle[]? t_pinned;

    private readonly PolledConnection _connection;
    private readonly PolledSocket _socket;
    private readonly BlockChain _chain;
    private readonly long _most, _resume; // bytes that wait: a flush waits above the one, and goes on below the other
    private readonly Lock _lock = new();
    private readonly PendingOperation<FlushResult> _flush = new();
    private TaskCompletionSource? _drained;

    private long _unflushed, _flushed; // bytes of the chain
    private int _row;              // bytes flushed since others had their turn
    private bool _lent;            // memory of the last block is given out
    private bool _sending;         // a thread sends
    private bool _blocked;         // the socket was full
    private bool _hasRoom;         // and has room since the last look
    private bool _queued;          // the work item
    private bool _yields, _canceled, _completed, _gone;

    public PolledWriter(PolledConnection connection, PolledSocket socket, MemoryPool<byte> pool, long? most)
    {
        _connection = connection;
        _socket = socket;
        _chain = new(pool);
        _most = most is null or 0 ? long.MaxValue : most.Value;
        _resume = most is null or 0 ? long.MaxValue : most.Value / 2;
    }

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => Volatile.Read(ref _unflushed);

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(sizeHint);
        lock (_lock)
        {
            if (_completed)
                throw new InvalidOperationException("The output is complete: nothing can be written any more.");
            _lent = true;
            return _chain.GetMemory(sizeHint);
        }
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        lock (_lock)
        {
            if (bytes < 0 || bytes > _chain.Room)
                throw new ArgumentOutOfRangeException(nameof(bytes), bytes, "It cannot advance past the memory that was given out.");
            if (bytes == 0)
                return;
            _chain.Fill(bytes);
            _unflushed += bytes;
        }
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        if (cancellationToken.IsCancellationRequested)
            return ValueTask.FromCanceled<FlushResult>(cancellationToken);
        bool sendsNow, queue = false;
        lock (_lock)
        {
            Commit();
            sendsNow = _flushed > Math.Min(SendsAtOnce, _most);
            if (_flushed > 0 && !sendsNow && !_sending && !_blocked && !_queued)
                queue = _queued = true;
        }
        if (sendsNow)
            Send();
        else if (queue)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);

        lock (_lock)
            if (!MustWait(out _))
                return new(TakeResult());
        return WaitAsync(cancellationToken);
    }

    private ValueTask<FlushResult> WaitAsync(CancellationToken cancellationToken)
    {
        var registration = cancellationToken.UnsafeRegister(static writer => ((PolledWriter)writer!).Wake(), this);
        ValueTask<FlushResult> flush;
        bool queue;
        lock (_lock)
        {
            if (!MustWait(out bool yields))
            {
                registration.Unregister();
                return new(TakeResult());
            }
            flush = _flush.Begin(cancellationToken, registration);
            _yields = yields;
            queue = !_queued && (yields || cancellationToken.IsCancellationRequested || _flushed <= _resume);
            _queued |= queue;
        }
        if (queue)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return flush;
    }

    public override void CancelPendingFlush()
    {
        lock (_lock)
            _canceled = true;
        Wake();
    }

    /// <summary>Sends what is left; with an exception the connection is aborted.</summary>
    public override void Complete(Exception? exception = null)
    {
        bool queue;
        lock (_lock)
        {
            if (_completed)
                return;
            _completed = true;
            Commit();
            queue = !_queued && _flushed > 0;
            _queued |= queue;
        }
        if (exception is not null)
            _connection.Abort(new($"The output ended with an error: {exception.Message}", exception));
        if (queue)
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Ends when everything that was flushed is with the system, or the connection is gone.</summary>
    public Task DrainAsync()
    {
        Send();
        lock (_lock)
        {
            if (_flushed == 0 || _gone)
                return Task.CompletedTask;
            return (_drained ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
        }
    }

    /// <summary>Whether the peer is gone, or the connection was aborted.</summary>
    public bool IsGone => Volatile.Read(ref _gone);

    /// <summary>Nothing more is sent; a flush that waits, and those to come, say so.</summary>
    public void Fail()
    {
        TaskCompletionSource? drained;
        lock (_lock)
        {
            _gone = true;
            drained = _drained;
            Drop();
        }
        drained?.TrySetResult();
        Wake();
    }

    /// <summary>The poller says that there is room, or that the peer is gone.</summary>
    public void OnWritable()
    {
        lock (_lock)
        {
            _hasRoom = true;
            if (!_blocked)
                return;
            _blocked = false;
            if (_queued)
                return;
            _queued = true;
        }
        // Not where it is: whoever waits for room has to wait for those who came before.
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Sends what was flushed, as far as there is room and nobody else does.</summary>
    public void Send()
    {
        Span<Linux.Piece> pieces = stackalloc Linux.Piece[Linux.MostPieces];
        var pinned = t_pinned ??= new MemoryHandle[Linux.MostPieces];
        for (int i = 0; ; i++)
        {
            int count;
            lock (_lock)
            {
                if (_gone || _blocked || _flushed == 0 || (i == 0 && _sending))
                {
                    if (i > 0)
                        EndSending();
                    return;
                }
                if (i == SendsInARow)
                {
                    EndSending();
                    if (!_queued)
                    {
                        _queued = true;
                        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                    }
                    return;
                }
                _sending = true;
                _hasRoom = false;
                count = _chain.Pin(_flushed, pieces, pinned);
            }
            int sent = _socket.TrySend(pieces[..count]);
            for (int k = 0; k < count; k++)
                pinned[k].Dispose();
            if (!Sent(sent))
                _connection.OnGone();
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        try
        {
            Send();
            ResumeFlush();
        }
        catch (Exception e)
        {
            _connection.TurnFailed(e);
        }
    }

    private void Wake()
    {
        lock (_lock)
        {
            if (!_flush.IsWaiting || _queued)
                return;
            _queued = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    // Ends the flush that waits if it may go on. Only the work item does so, and there is one at a time.
    private void ResumeFlush()
    {
        FlushResult result = default;
        CancellationToken canceled = default;
        CancellationTokenRegistration registration;
        lock (_lock)
        {
            _queued = false;
            if (_flushed > 0 && !_blocked && !_sending && !_gone)
            {
                _queued = true;
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
            }
            if (!_flush.IsWaiting)
                return;
            if (_flush.Token.IsCancellationRequested)
                canceled = _flush.Token;
            else if (_gone || _canceled || _flushed <= (_yields ? _most : _resume))
                result = TakeResult();
            else
                return;
            _row = 0;
            registration = _flush.End();
        }
        registration.Dispose();
        if (canceled.IsCancellationRequested)
            _flush.SetException(new OperationCanceledException(canceled));
        else
            _flush.SetResult(result);
    }

    // The rest is under the lock.

    private bool MustWait(out bool yields)
    {
        yields = _row >= BytesInARow;
        return !_gone && !_canceled && (yields || _flushed > _most);
    }

    private FlushResult TakeResult()
    {
        bool canceled = _canceled;
        _canceled = false;
        return new(canceled, isCompleted: _gone);
    }

    private void Commit()
    {
        _lent = false;
        _flushed += _unflushed;
        _row += (int)Math.Min(_unflushed, BytesInARow);
        _unflushed = 0;
        if (_gone || _flushed == 0)
            Drop();
    }

    // Takes back what was sent; false when the peer is gone.
    private bool Sent(int bytes)
    {
        TaskCompletionSource? drained = null;
        lock (_lock)
        {
            if (bytes == ITransport.Gone)
            {
                _gone = true;
                return false; // the next turn of the loop ends it
            }
            if (bytes == 0)
                _blocked = !_hasRoom;
            _flushed -= bytes;
            _chain.Sent(bytes);
            if (_flushed == 0)
                drained = _drained;
        }
        drained?.TrySetResult();
        return true;
    }

    private void EndSending()
    {
        _sending = false;
        if (_gone || _flushed == 0)
            Drop();
        // A flush may go on; it does so in the work item.
        if (_flush.IsWaiting && !_queued && (_gone || _flushed <= _resume))
        {
            _queued = true;
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        }
    }

    // Returns what nobody needs any more: what was sent, or everything once the peer is gone; but nothing that a thread sends from, and
    // not the block whose memory is given out or holds what is not flushed.
    private void Drop()
    {
        if (_sending)
            return;
        if (_gone)
            _flushed = _unflushed = 0;
        else if (_flushed + _unflushed > 0)
            return;
        _chain.Clear(keepLast: _lent);
    }
}
