using System.IO.Pipelines;

namespace Realtime.Connections;

/// <summary>
/// HTTP's view of the output. It passes through; during a hand-over it writes to the socket itself, so that the 101 has left when the
/// flush completes; detached, it swallows what comes.
/// </summary>
internal sealed class HandoverWriter(PipeWriter inner) : PipeWriter
{
    private enum Mode : byte { PassThrough, Capture, Detached }

    private Mode _mode;
    private ITransport? _socket;
    private byte[] _buffer = [];
    private int _length;

    /// <summary>Whether anything has passed through.</summary>
    public bool WasUsed { get; private set; }

    public void Capture(ITransport socket)
    {
        _socket = socket;
        _mode = Mode.Capture;
    }

    public void PassThrough() => _mode = Mode.PassThrough;

    public void Detach()
    {
        _mode = Mode.Detached;
        _buffer = [];
    }

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _mode == Mode.PassThrough ? inner.UnflushedBytes : _length;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_mode == Mode.PassThrough)
            return inner.GetMemory(sizeHint);
        const int usual = 1024; // a 101 with a few headers of the application's own
        int room = Math.Max(sizeHint, usual);
        if (_buffer.Length - _length < room)
            Array.Resize(ref _buffer, _length + room);
        return _buffer.AsMemory(_length);
    }

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes)
    {
        if (_mode == Mode.PassThrough)
        {
            WasUsed |= bytes > 0;
            inner.Advance(bytes);
        }
        else if (_mode == Mode.Capture)
            _length += bytes;
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) => _mode switch
    {
        Mode.PassThrough => inner.FlushAsync(cancellationToken),
        Mode.Capture => SendAsync(),
        _ => default,
    };

    public override void CancelPendingFlush()
    {
        if (_mode == Mode.PassThrough)
            inner.CancelPendingFlush();
    }

    public override void Complete(Exception? exception = null)
    {
        if (_mode != Mode.Detached)
            inner.Complete(exception);
    }

    // Not by an asynchronous send at once: the socket would keep its arguments, and with them this buffer, for the connection's life.
    private async ValueTask<FlushResult> SendAsync()
    {
        ReadOnlyMemory<byte> rest = _buffer.AsMemory(0, _length);
        rest = rest[Math.Max(0, _socket!.TrySend(rest.Span))..];
        if (!rest.IsEmpty)
            await _socket.SendAsync(rest);
        _length = 0;
        return default;
    }
}
