using System.Buffers;
using System.IO.Pipelines;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;

namespace Realtime.Connections;

/// <summary>
/// The quickest transport, on Linux: the socket is taken from the server altogether and read when a <see cref="Poller"/> says so. An
/// idle connection holds this object and nothing else; buffers belong to the threads that read.
/// </summary>
/// <remarks>It is its own <see cref="Input"/>, and its own lock as every transport's.</remarks>
internal sealed class PolledTransport : PipeReader, ITransport, IValueTaskSource<ReadResult>, IThreadPoolWorkItem
{
    private const int BufferSize = 64 * 1024;
    private const int Idle = 0;    // nobody reads, nothing has come
    private const int Waiting = 1; // a read waits for the poller
    private const int Ready = 2;   // something has come, or may have, that nobody read

    // What the server's descriptors stand for when their sockets are taken: a socket that is at its end, so that the server can read,
    // shut down and close as it does at the end of a connection. One for the process, never closed; no static initializer makes it,
    // because one that fails once fails for ever.
    private static int s_nothing = NoDescriptor;

    private const int NoDescriptor = -1;

    [ThreadStatic]
    private static byte[]? t_buffer;

    private readonly Poller _poller;
    private readonly bool _inline;
    private ManualResetValueTaskSourceCore<bool> _read; // whether it is the stream's end
    private TaskCompletionSource? _writable;
    private byte[]? _buffer; // what was read and is not consumed
    private int _start, _end;
    private readonly int _socket;
    private int _users = 1; // of the descriptor: the connection, and a read under way. The last one closes it: its number is a stranger's then
    private int _state;
    private bool _completed; // nobody sends or shuts down any more; under the lock
    private volatile bool _aborted;
    private volatile bool _urgent; // the peer has sent urgent data, at which a read stops though more is there
    private bool _seen; // the reader has examined all that is there
    private volatile bool _last; // events said that nothing more will come

    private PolledTransport(int socket, Poller poller, bool inline)
    {
        _socket = socket;
        _poller = poller;
        _inline = inline;
    }

    /// <summary>Where the poller keeps it.</summary>
    public int Place { get; set; }

    public bool IsHandedOver => true;

    public PipeReader Input => this;

    /// <summary>
    /// Takes a connection's socket from the server, which must not have sent its 101 yet: until then a peer may send nothing (RFC 6455
    /// section 4.1), so nothing can be on its way through the server's buffers.
    /// </summary>
    /// <param name="socket">The server's socket, which stands for nothing from now on.</param>
    /// <param name="consumed">How many bytes HTTP has read.</param>
    /// <param name="poller">Who is to watch it.</param>
    /// <param name="inline">Whether the poller's thread may handle messages.</param>
    /// <param name="lost">
    /// The connection cannot be served: its peer has left and the server has closed the socket, or bytes that came before the 101 were
    /// lost in the server.
    /// </param>
    /// <returns>Null when it was lost or the server has to keep it: the peer did not wait, or the system does not tell.</returns>
    public static PolledTransport? TryTake(Socket socket, long consumed, Poller poller, bool inline, out bool lost)
    {
        // The server closes its socket whenever the peer leaves. Without this hold the number could be another client's by now.
        var handle = socket.SafeHandle;
        bool held = false;
        try
        {
            handle.DangerousAddRef(ref held);
            return TryTake((int)handle.DangerousGetHandle(), consumed, poller, inline, out lost);
        }
        catch (ObjectDisposedException)
        {
            lost = true;
            return null;
        }
        finally
        {
            if (held)
                handle.DangerousRelease();
        }
    }

    /// <summary>Makes what all of them need.</summary>
    /// <exception cref="InvalidOperationException">The system has no descriptors left.</exception>
    public static void Prepare()
    {
        if (Volatile.Read(ref s_nothing) != NoDescriptor)
            return;
        int made = Linux.CreateEndedSocket();
        if (Interlocked.CompareExchange(ref s_nothing, made, NoDescriptor) != NoDescriptor)
            Linux.Close(made);
    }

    private static PolledTransport? TryTake(int servers, long consumed, Poller poller, bool inline, out bool lost)
    {
        lost = false;
        if (Linux.Received(servers) != consumed)
            return null;
        int own = Linux.Duplicate(servers);
        if (own < 0)
            return null;
        if (DescriptorLimit.IsInReserve(own))
        {
            Linux.Close(own);
            return null; // the server's own descriptor is enough
        }
        ServerEpolls.Forget(servers);
        if (Linux.Replace(servers, s_nothing))
        {
            var transport = new PolledTransport(own, poller, inline);
            if (Linux.Received(own) == consumed + Linux.Unread(own) && poller.Add(transport, own))
                return transport;
        }
        // Nobody is told of its events any more, neither the server nor the poller.
        lost = true;
        Linux.ShutDown(own, Linux.ShutDownSide.Both);
        Linux.Close(own);
        return null;
    }

    // ---- writing -------------------------------------------------------------------------------------------------------

    public int TrySend(ReadOnlySpan<byte> bytes)
    {
        lock (this) // the sender has it already
            return _completed || _aborted ? ITransport.Gone : Linux.TrySend(_socket, bytes);
    }

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
            if (taken == ITransport.Gone)
                throw new IOException("The peer is gone.");
            if (taken == 0)
                await writable;
            bytes = bytes[taken..];
        }
    }

    public ValueTask CloseOutputAsync()
    {
        ShutDown(Linux.ShutDownSide.Send);
        return default;
    }

    public void Abort()
    {
        lock (this)
        {
            if (_completed || _aborted)
                return;
            _aborted = true;
            Linux.ShutDown(_socket, Linux.ShutDownSide.Both);
        }
        // Not left to an event: a socket that the system has disconnected already gives none.
        Wake();
        if (EndWait())
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false); // the caller may hold the lock
    }

    private void ShutDown(Linux.ShutDownSide side)
    {
        lock (this)
            if (!_completed)
                Linux.ShutDown(_socket, side);
    }

    // ---- the poller ----------------------------------------------------------------------------------------------------

    /// <summary>Something happened at the socket.</summary>
    public void OnEvents(uint events)
    {
        const uint end = Linux.PeerShutdown | Linux.HangUp | Linux.Error;
        if ((events & (Linux.Out | end)) != 0 && _writable is not null)
            Wake();
        if ((events & Linux.Urgent) != 0)
            _urgent = true;
        if ((events & (Linux.In | Linux.Urgent | end)) == 0)
            return;
        if ((events & end) != 0)
            _last = true;
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
        lock (this)
        {
            if (_completed)
                return;
            _completed = true;
            _poller.Remove(Place);
        }
        Wake();
        Release();
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
            if (!Hold())
                throw new ObjectDisposedException(nameof(PolledTransport));
            try
            {
                if (!TryReceive(out ended))
                    return;
            }
            finally
            {
                Release();
            }
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
            var buffer = Take(rest);
            _buffer.AsSpan(_start, rest).CopyTo(buffer);
            int received = Linux.Receive(_socket, buffer.AsSpan(rest));
            int error = received < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (received > 0)
            {
                Keep(buffer, rest + received);
                // There may be more if it is full or the read stopped at urgent data, and there is the end if it was announced; no
                // event will say so again.
                if (_last || _urgent || _end == buffer.Length)
                    Interlocked.CompareExchange(ref _state, Ready, Idle);
                return true;
            }
            GiveBack(buffer);
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

    private bool Hold()
    {
        while (true)
        {
            int users = Volatile.Read(ref _users);
            if (users == 0)
                return false;
            if (Interlocked.CompareExchange(ref _users, users + 1, users) == users)
                return true;
        }
    }

    private void Release()
    {
        if (Interlocked.Decrement(ref _users) == 0)
            Linux.Close(_socket);
    }

    private void Keep(byte[]? buffer, int length)
    {
        if (_buffer is { } last)
            GiveBack(last);
        _buffer = buffer;
        _start = 0;
        _end = length;
        _seen = false;
    }

    // A thread's own buffer, unless somebody up its stack uses it.
    private static byte[] Take(int used)
    {
        if (used > BufferSize / 2)
            return ArrayPool<byte>.Shared.Rent(2 * used);
        var buffer = t_buffer ?? ArrayPool<byte>.Shared.Rent(BufferSize);
        t_buffer = null;
        return buffer;
    }

    private static void GiveBack(byte[] buffer)
    {
        if (buffer.Length == BufferSize && t_buffer is null)
            t_buffer = buffer;
        else
            ArrayPool<byte>.Shared.Return(buffer);
    }
}
