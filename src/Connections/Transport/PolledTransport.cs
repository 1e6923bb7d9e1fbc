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
    private const int Closed = -1;

    private const int Idle = 0;    // nobody reads, nothing has come
    private const int Waiting = 1; // a read waits for the poller
    private const int Ready = 2;   // something has come, or may have, that nobody read

    // What the server's descriptors stand for when their sockets are taken: a socket that is at its end, so that the server can read,
    // shut down and close as it does at the end of a connection.
    private static readonly int s_nothing = Linux.CreateEndedSocket();

    [ThreadStatic]
    private static byte[]? t_buffer;

    private readonly Poller _poller;
    private readonly bool _inline;
    private ManualResetValueTaskSourceCore<bool> _read; // whether it is the stream's end
    private TaskCompletionSource? _writable;
    private byte[]? _buffer; // what was read and is not consumed
    private int _start, _end;
    private int _socket;
    private int _state;
    private bool _seen; // the reader has examined all that is there
    private bool _last; // events said that nothing more will come

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
    /// <param name="lost">The socket was taken, but bytes that came before the 101 were lost in the server: the connection cannot be served.</param>
    /// <returns>Null when the server has to keep it: the peer did not wait, or the system does not tell.</returns>
    public static PolledTransport? TryTake(Socket socket, long consumed, Poller poller, bool inline, out bool lost)
    {
        lost = false;
        int servers = (int)socket.SafeHandle.DangerousGetHandle();
        if (Linux.Received(servers) != consumed)
            return null;
        int own = Linux.Duplicate(servers);
        if (own < 0)
            return null;
        ServerEpolls.Forget(servers);
        if (!Linux.Replace(servers, s_nothing))
        {
            Linux.Close(own);
            return null;
        }
        var transport = new PolledTransport(own, poller, inline);
        if (Linux.Received(own) == consumed + Linux.Unread(own) && poller.Add(transport, own))
            return transport;
        lost = true;
        Linux.Close(own);
        return null;
    }

    // ---- writing -------------------------------------------------------------------------------------------------------

    public int TrySend(ReadOnlySpan<byte> bytes) => _socket == Closed ? ITransport.Gone : Linux.TrySend(_socket, bytes);

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

    public void Abort() => ShutDown(Linux.ShutDownSide.Both);

    private void ShutDown(Linux.ShutDownSide side)
    {
        lock (this)
            if (_socket != Closed)
                Linux.ShutDown(_socket, side);
    }

    // ---- the poller ----------------------------------------------------------------------------------------------------

    /// <summary>Something happened at the socket.</summary>
    public void OnEvents(uint events)
    {
        const uint end = Linux.PeerShutdown | Linux.HangUp | Linux.Error;
        if ((events & (Linux.Out | end)) != 0 && _writable is not null)
            Wake();
        if ((events & (Linux.In | end)) == 0)
            return;
        if ((events & end) != 0)
            _last = true;
        while (true)
        {
            int state = Volatile.Read(ref _state);
            if (state == Waiting)
            {
                if (Interlocked.CompareExchange(ref _state, Idle, Waiting) == Waiting)
                    break;
            }
            else if (Interlocked.CompareExchange(ref _state, Ready, state) == state)
                return; // whoever reads next finds it
        }
        if (_inline)
            Receive();
        else
            ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute() => Receive();

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

    /// <summary>Closes the socket.</summary>
    public override void Complete(Exception? exception = null)
    {
        lock (this)
        {
            if (_socket == Closed)
                return;
            _poller.Remove(Place);
            Linux.Close(_socket);
            _socket = Closed;
        }
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
        while (true)
        {
            int rest = _end - _start;
            var buffer = Take(rest);
            _buffer.AsSpan(_start, rest).CopyTo(buffer);
            int received = Linux.Receive(_socket, buffer.AsSpan(rest));
            int error = received < 0 ? Marshal.GetLastPInvokeError() : 0;
            if (received > 0)
            {
                Keep(buffer, rest + received);
                // There may be more if it is full, and there is the end if it was announced; no event will say so again.
                if (_last || _end == buffer.Length)
                    Interlocked.CompareExchange(ref _state, Ready, Idle);
                _read.SetResult(false);
                return;
            }
            GiveBack(buffer);
            if (received == 0)
            {
                _read.SetResult(true);
                return;
            }
            if (error is not (Linux.WouldBlock or Linux.Interrupted))
            {
                _read.SetException(new IOException($"The peer is gone (error {error})."));
                return;
            }
            if (error == Linux.WouldBlock && Wait())
                return;
        }
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
