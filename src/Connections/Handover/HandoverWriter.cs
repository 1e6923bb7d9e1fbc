using System.IO.Pipelines;

namespace Realtime.Connections;

/// <summary>HTTP's view of the output. It passes through; during a hand-over it holds back what HTTP writes; detached, it swallows what comes.</summary>
internal sealed class HandoverWriter(PipeWriter inner) : PipeWriter
{
    private enum Mode : byte { PassThrough, HoldBack, Detached }

    private Mode _mode;
    private byte[] _buffer = [];
    private int _length;

    /// <summary>Whether anything has passed through.</summary>
    public bool WasUsed { get; private set; }

    public void HoldBack() => _mode = Mode.HoldBack;

    public void PassThrough() => _mode = Mode.PassThrough;

    /// <summary>Returns what was held back.</summary>
    public ReadOnlyMemory<byte> Detach()
    {
        _mode = Mode.Detached;
        var held = _buffer.AsMemory(0, _length);
        _buffer = [];
        _length = 0;
        return held;
    }

    public override bool CanGetUnflushedBytes => true;

    public override long UnflushedBytes => _mode == Mode.PassThrough ? inner.UnflushedBytes : 0;

    public override Memory<byte> GetMemory(int sizeHint = 0)
    {
        if (_mode == Mode.PassThrough)
            return inner.GetMemory(sizeHint);
        const int usual = 512; // a 101 with a few headers of the application's own
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
        else if (_mode == Mode.HoldBack)
            _length += bytes;
    }

    public override ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default) =>
        _mode == Mode.PassThrough ? inner.FlushAsync(cancellationToken) : default;

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
}
