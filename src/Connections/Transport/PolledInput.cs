using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace Realtime.Connections.Transport;

/// <summary>What comes through a <see cref="PolledTransport"/>: read when the poller says that there is something, by the thread that handles it.</summary>
/// <remarks>
/// One read at a time, which is its own value task. Who may go on with it is in <see cref="ReadState"/>, which the reader, the poller and an
/// abort change without a lock.
/// </remarks>
internal sealed class PolledInput : PipeReader, IValueTaskSource<ReadResult>, IThreadPoolWorkItem
{
    private readonly PolledSocket _socket;
    private readonly bool _inline;
    private ManualResetValueTaskSourceCore<bool> _read; // whether it is the stream's end
    private ReadBuffer _buffer;
    private volatile ReadState _state;
    private volatile bool _isAborted;
    private volatile bool _hidesMore; // events said that a short read does not mean that there is no more: the end, or urgent data

    public PolledInput(PolledSocket socket, byte[] unconsumed, bool inline)
    {
        _socket = socket;
        _inline = inline;
        _buffer = new(unconsumed);
    }

    private enum ReadState
    {
        /// <summary>Nobody reads, nothing has come.</summary>
        Idle,

        /// <summary>A read waits for the poller.</summary>
        Waiting,

        /// <summary>Something has come, or may have, that nobody read.</summary>
        Ready,
    }

    /// <summary>The poller says that something has come.</summary>
    /// <param name="mayHideMore">A short read does not mean that there is no more, and no event will tell again.</param>
    public void OnEvents(bool mayHideMore)
    {
        if (mayHideMore)
            _hidesMore = true;
        if (!TryTakeFromPoller())
            return;
        if (_inline)
            Receive();
        else
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Reads fail from now on, and one that waits.</summary>
    public void Abort()
    {
        _isAborted = true;
        if (TryTakeFromPoller())
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false); // the caller may hold a lock
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (_buffer.HasUnexamined)
            return new(new ReadResult(_buffer.Unconsumed, isCanceled: false, isCompleted: false));
        _read.Reset();
        short token = _read.Version;
        // What has come meanwhile is read by another thread: one connection cannot keep this one to itself.
        if (!TryLeaveToPoller())
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return new(this, token);
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => _buffer.AdvanceTo(consumed, examined);

    /// <summary>Closes the socket. No read may be under way.</summary>
    public override void Complete(Exception? exception = null)
    {
        _isAborted = true;
        _socket.Dispose();
        _buffer.Clear();
    }

    public override bool TryRead(out ReadResult result) => throw new NotSupportedException("Only ReadAsync reads from a polled socket.");

    public override void CancelPendingRead() => throw new NotSupportedException("A read from a polled socket ends with the connection.");

    void IThreadPoolWorkItem.Execute() => Receive();

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token)
    {
        bool ended = _read.GetResult(token);
        return new ReadResult(_buffer.Unconsumed, isCanceled: false, isCompleted: ended);
    }

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _read.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _read.OnCompleted(continuation, state, token, flags);

    /// <summary>The poller goes on with the read when something comes; false when something has come already.</summary>
    private bool TryLeaveToPoller()
    {
        if (Interlocked.CompareExchange(ref _state, ReadState.Waiting, ReadState.Idle) == ReadState.Idle)
            return true;
        Interlocked.Exchange(ref _state, ReadState.Idle);
        return false;
    }

    /// <summary>Whether a read waited, with which the caller goes on. Otherwise whoever reads next finds that something has happened.</summary>
    private bool TryTakeFromPoller()
    {
        while (true)
        {
            var state = _state;
            if (state == ReadState.Waiting)
            {
                if (Interlocked.CompareExchange(ref _state, ReadState.Idle, ReadState.Waiting) == ReadState.Waiting)
                    return true;
            }
            else if (Interlocked.CompareExchange(ref _state, ReadState.Ready, state) == state)
                return false;
        }
    }

    // Reads once for the read that waits, and runs what waits for it.
    private void Receive()
    {
        bool ended;
        try
        {
            if (!TryReceive(out ended))
                return;
        }
        catch (Exception e)
        {
            _read.SetException(e); // costs this connection
            return;
        }
        _read.SetResult(ended);
    }

    // False when nothing has come, and the read is the poller's again.
    private bool TryReceive(out bool ended)
    {
        ended = false;
        while (true)
        {
            if (_isAborted)
                throw new IOException("The connection was aborted.");
            int received = _buffer.Receive(_socket, out bool isFull, out int error);
            if (received > 0)
            {
                // There may be more if it is full or the read stopped at urgent data, and there is the end if it was announced; no
                // event will say so again.
                if (_hidesMore || isFull)
                    Interlocked.CompareExchange(ref _state, ReadState.Ready, ReadState.Idle);
                return true;
            }
            if (received == 0)
            {
                ended = true;
                return true;
            }
            if (error is not (Linux.WouldBlock or Linux.Interrupted))
                throw new IOException($"The peer is gone (error {error}).");
            if (error == Linux.WouldBlock && TryLeaveToPoller())
                return false;
        }
    }
}
