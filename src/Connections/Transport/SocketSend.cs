using System.Collections.Concurrent;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using System.Threading.Tasks.Sources;

namespace Realtime.Connections;

/// <summary>
/// An asynchronous send whose arguments are lent for its length only. <see cref="Socket.SendAsync(ReadOnlyMemory{byte}, CancellationToken)"/>
/// would leave them, and the last buffer, with the socket for as long as that lives.
/// </summary>
internal sealed class SocketSend : SocketAsyncEventArgs, IValueTaskSource<int>
{
    private const int MostKept = 256; // more pumps than that at once are rare, and making one costs little

    private static readonly ConcurrentQueue<SocketSend> Free = new();
    private ManualResetValueTaskSourceCore<int> _source;

    private SocketSend()
        : base(unsafeSuppressExecutionContextFlow: true)
    {
    }

    /// <summary>Sends at least one byte; returns how many.</summary>
    /// <exception cref="SocketException">The peer is gone.</exception>
    /// <exception cref="ObjectDisposedException">The socket was closed before.</exception>
    public static async ValueTask<int> SendAsync(Socket socket, ReadOnlyMemory<byte> bytes)
    {
        if (!Free.TryDequeue(out var send))
            send = new();
        bool reusable = false;
        try
        {
            int sent = await send.StartAsync(socket, bytes);
            send.SetBuffer(null, 0, 0);
            reusable = Free.Count < MostKept;
            return sent;
        }
        finally
        {
            if (reusable)
                Free.Enqueue(send);
            else
                send.Dispose();
        }
    }

    int IValueTaskSource<int>.GetResult(short token) => _source.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<int>.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<int>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    protected override void OnCompleted(SocketAsyncEventArgs e)
    {
        if (SocketError == SocketError.Success)
            _source.SetResult(BytesTransferred);
        else
            _source.SetException(new SocketException((int)SocketError));
    }

    private ValueTask<int> StartAsync(Socket socket, ReadOnlyMemory<byte> bytes)
    {
        _source.Reset();
        SetBuffer(MemoryMarshal.AsMemory(bytes));
        if (socket.SendAsync(this))
            return new(this, _source.Version);
        return SocketError == SocketError.Success ? new(BytesTransferred) : throw new SocketException((int)SocketError);
    }
}
