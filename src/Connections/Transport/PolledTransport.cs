using System.Buffers;
using System.IO.Pipelines;
using System.Threading.Tasks.Sources;

namespace Realtime.Connections;

/// <summary>
/// The quickest transport, on Linux: HTTP has left the socket, which is read when a <see cref="Poller"/> says so. An idle connection holds
/// this object and its socket and nothing else; buffers belong to the threads that read.
/// </summary>
/// <remarks>It is its own <see cref="Input"/>, and its own lock as every transport's.</remarks>
internal sealed class PolledTransport : PipeReader, ITransport, IPolled, IValueTaskSource<ReadResult>, IThreadPoolWorkItem
{
    private const int BufferSize = 64 * 1024;

    private const int Idle = 0;    // nobody reads, nothing has come
    private const int Waiting = 1; // a read waits for the poller
    private const int Ready = 2;   // something has come, or may have, that nobody read

    [ThreadStatic]
    private static byte[]? t_buffer;

    private readonly PolledSocket _socket;
    private readonly bool _inline;
    private ManualResetValueTaskSourceCore<bool> _read; // whether it is the stream's end
    private TaskCompletionSource? _writable;
    private byte[]? _buffer; // what was read and is not consumed
    private int _start, _end;
    private int _state;
    private bool _seen; // the reader has examined all that is there
    private volatile bool _aborted;
    private volatile bool _loose; // events said that a short read does not mean that there is no more: the end, or urgent data

    /// <param name="socket">Belongs to the transport from now on, and is to be given to it.</param>
    /// <param name="unconsumed">What has come already.</param>
    /// <param name="inline">Whether the poller's thread may handle messages.</param>
    public PolledTransport(PolledSocket socket, byte[] unconsumed, bool inline)
    {
        _socket = socket;
        _inline = inline;
        if (unconsumed.Length == 0)
            return;
        var buffer = ArrayPool<byte>.Shared.Rent(unconsumed.Length);
        unconsumed.CopyTo(buffer, 0);
        Keep(buffer, unconsumed.Length);
    }

    public bool HasLeft => true;

    public PipeReader Input => this;

    // ---- writing -------------------------------------------------------------------------------------------------------

    public long? Acknowledged => _socket.Acknowledged();

    public int TrySend(ReadOnlySpan<byte> bytes) => _socket.TrySend(bytes);

    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            Task writable;
            int taken;
            lock (this)
            {
                // Asked for before the attempt, so that room which comes right after it is noticed.
                writable = (_writable ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
                taken = TrySend(bytes.Span);
                if (taken == bytes.Length)
                    _writable = null;
            }
            if (taken == ITransport.Gone || _aborted)
                throw new IOException("The peer is gone.");
            if (taken == 0)
                await writable;
            bytes = bytes[taken..];
        }
    }

    public ValueTask CloseOutputAsync()
    {
        _socket.ShutDown(Linux.ShutDownSide.Send);
        return default;
    }

    public void Abort()
    {
        _aborted = true;
        _socket.ShutDown(Linux.ShutDownSide.Both);
        Wake();
        if (EndWait())
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false); // the caller may hold the lock
    }

    // ---- the poller ----------------------------------------------------------------------------------------------------

    /// <summary>Something happened at the socket.</summary>
    public void OnEvents(uint events)
    {
        const uint end = Linux.PeerShutdown | Linux.HangUp | Linux.Error;
        if ((events & (Linux.Out | end)) != 0 && _writable is not null)
            Wake();
        if ((events & ~Linux.Out) == 0)
            return;
        if ((events & (Linux.Urgent | end)) != 0)
            _loose = true;
        if (!EndWait())
            return;
        if (_inline)
            Receive();
        else
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute() => Receive();

    // Whether a read waited, which is the caller's now. Otherwise whoever reads next finds that something has happened.
    private bool EndWait()
    {
        while (true)
        {
            int state = Volatile.Read(ref _state);
            if (state == Waiting)
            {
                if (Interlocked.CompareExchange(ref _state, Idle, Waiting) == Waiting)
                    return true;
            }
            else if (Interlocked.CompareExchange(ref _state, Ready, state) == state)
                return false;
        }
    }

    private void Wake()
    {
        TaskCompletionSource? writable;
        lock (this)
            (writable, _writable) = (_writable, null);
        writable?.TrySetResult();
    }

    // ---- reading -------------------------------------------------------------------------------------------------------

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (_start < _end && !_seen)
            return new(new ReadResult(Unconsumed, isCanceled: false, isCompleted: false));
        _read.Reset();
        short token = _read.Version;
        // What has come meanwhile is read by another thread: one connection cannot keep this one to itself.
        if (!Wait())
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
        return new(this, token);
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (_buffer is not { } buffer)
            return;
        var all = Unconsumed;
        int rest = (int)all.Slice(consumed).Length;
        _seen = all.Slice(examined).IsEmpty;
        _start = _end - rest;
        if (rest == 0)
            Keep(null, 0);
        else if (buffer.Length >= BufferSize && rest <= BufferSize / 2)
        {
            // The large buffers are for threads that read.
            var own = ArrayPool<byte>.Shared.Rent(rest);
            buffer.AsSpan(_start, rest).CopyTo(own);
            Keep(own, rest);
        }
    }

    /// <summary>Closes the socket. No read may be under way.</summary>
    public override void Complete(Exception? exception = null)
    {
        _aborted = true;
        _socket.Dispose();
        Wake();
        Keep(null, 0);
    }

    public override bool TryRead(out ReadResult result) => throw new NotSupportedException("Only ReadAsync reads from a polled socket.");

    public override void CancelPendingRead() => throw new NotSupportedException("A read from a polled socket ends with the connection.");

    ReadResult IValueTaskSource<ReadResult>.GetResult(short token)
    {
        bool ended = _read.GetResult(token);
        return new ReadResult(Unconsumed, isCanceled: false, isCompleted: ended);
    }

    ValueTaskSourceStatus IValueTaskSource<ReadResult>.GetStatus(short token) => _read.GetStatus(token);

    void IValueTaskSource<ReadResult>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _read.OnCompleted(continuation, state, token, flags);

    private ReadOnlySequence<byte> Unconsumed => _buffer is null ? default : new(_buffer, _start, _end - _start);

    // Leaves the read to the poller; false when something has come already.
    private bool Wait()
    {
        if (Interlocked.CompareExchange(ref _state, Waiting, Idle) == Idle)
            return true;
        Interlocked.Exchange(ref _state, Idle);
        return false;
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
            if (_aborted)
                throw new IOException("The connection was aborted.");
            int rest = _end - _start;
            var buffer = Rent(rest);
            _buffer.AsSpan(_start, rest).CopyTo(buffer);
            int received = _socket.Receive(buffer.AsSpan(rest), out int error);
            if (received > 0)
            {
                Keep(buffer, rest + received);
                // There may be more if it is full or the read stopped at urgent data, and there is the end if it was announced; no
                // event will say so again.
                if (_loose || _end == buffer.Length)
                    Interlocked.CompareExchange(ref _state, Ready, Idle);
                return true;
            }
            Return(buffer);
            if (received == 0)
            {
                ended = true;
                return true;
            }
            if (error is not (Linux.WouldBlock or Linux.Interrupted))
                throw new IOException($"The peer is gone (error {error}).");
            if (error == Linux.WouldBlock && Wait())
                return false;
        }
    }

    private void Keep(byte[]? buffer, int length)
    {
        if (_buffer is { } last)
            Return(last);
        _buffer = buffer;
        _start = 0;
        _end = length;
        _seen = false;
    }

    // A thread's own buffer, unless somebody up its stack uses it.
    private static byte[] Rent(int used)
    {
        if (used > BufferSize / 2)
            return ArrayPool<byte>.Shared.Rent(2 * used);
        var buffer = t_buffer ?? ArrayPool<byte>.Shared.Rent(BufferSize);
        t_buffer = null;
        return buffer;
    }

    private static void Return(byte[] buffer)
    {
        if (buffer.Length == BufferSize && t_buffer is null)
            t_buffer = buffer;
        else
            ArrayPool<byte>.Shared.Return(buffer);
    }
}
