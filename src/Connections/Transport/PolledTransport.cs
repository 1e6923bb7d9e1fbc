using System.IO.Pipelines;

namespace Realtime.Connections.Transport;

/// <summary>
/// The quickest transport, on Linux: HTTP has left the socket, which is read when a <see cref="Poller"/> says so. An idle connection holds
/// its socket, this object and its input and nothing else; buffers belong to the threads that read.
/// </summary>
internal sealed class PolledTransport : ITransport, IPolled
{
    private const uint End = Linux.PeerShutdown | Linux.HangUp | Linux.Error;

    private readonly PolledSocket _socket;
    private readonly PolledInput _input;
    private TaskCompletionSource? _writable; // while a send waits for the socket
    private volatile bool _isAborted;

    /// <param name="socket">Belongs to the transport from now on, and is to be given to it.</param>
    /// <param name="unconsumed">What has come already.</param>
    /// <param name="inline">Whether the poller's thread may handle messages.</param>
    public PolledTransport(PolledSocket socket, byte[] unconsumed, bool inline)
    {
        _socket = socket;
        _input = new(socket, unconsumed, inline);
    }

    public bool HasLeft => true;

    public PipeReader Input => _input;

    public long? Acknowledged => _socket.Acknowledged();

    public int TrySend(ReadOnlySpan<byte> bytes) => _socket.TrySend(bytes);

    public async ValueTask SendAsync(ReadOnlyMemory<byte> bytes)
    {
        while (!bytes.IsEmpty)
        {
            // Asked for before the attempt, so that room which comes right after it is noticed.
            var writable = Volatile.Read(ref _writable);
            if (writable is null)
            {
                writable = new(TaskCreationOptions.RunContinuationsAsynchronously);
                Interlocked.Exchange(ref _writable, writable);
            }
            int taken = TrySend(bytes.Span);
            if (taken == ITransport.Gone || _isAborted)
                throw new IOException("The peer is gone.");
            if (taken == bytes.Length)
                Volatile.Write(ref _writable, null);
            else if (taken == 0)
                await writable.Task;
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
        _isAborted = true;
        _socket.ShutDown(Linux.ShutDownSide.Both);
        SignalWritable();
        _input.Abort();
    }

    public void OnEvents(uint events)
    {
        if ((events & (Linux.Out | End)) != 0 && Volatile.Read(ref _writable) is not null)
            SignalWritable();
        if ((events & ~Linux.Out) != 0)
            _input.OnEvents((events & (Linux.Urgent | End)) != 0);
    }

    private void SignalWritable() => Interlocked.Exchange(ref _writable, null)?.TrySetResult();
}
