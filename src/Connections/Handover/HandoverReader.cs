using System.Buffers;
using System.IO.Pipelines;

namespace Realtime.Connections;

/// <summary>HTTP's view of the input, until it is detached: then HTTP can no longer end or disturb it.</summary>
internal sealed class HandoverReader(PipeReader inner) : PipeReader
{
    private ReadOnlySequence<byte> _last;
    private bool _detached;

    /// <summary>How many bytes HTTP has taken.</summary>
    public long Consumed { get; private set; }

    public void Detach() => _detached = true;

    public override void AdvanceTo(SequencePosition consumed)
    {
        Count(consumed);
        inner.AdvanceTo(consumed);
    }

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        Count(consumed);
        inner.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead()
    {
        if (!_detached)
            inner.CancelPendingRead();
    }

    public override void Complete(Exception? exception = null)
    {
        if (!_detached)
            inner.Complete(exception);
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        if (_detached)
            return new(new ReadResult(default, isCanceled: false, isCompleted: true));
        var reading = inner.ReadAsync(cancellationToken);
        return reading.IsCompletedSuccessfully ? new(Seen(reading.Result)) : SeenAsync(reading);
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!_detached)
        {
            bool read = inner.TryRead(out result);
            if (read)
                Seen(result);
            return read;
        }
        result = new(default, isCanceled: false, isCompleted: true);
        return true;
    }

    private async ValueTask<ReadResult> SeenAsync(ValueTask<ReadResult> reading) => Seen(await reading);

    private ReadResult Seen(ReadResult result)
    {
        _last = result.Buffer;
        return result;
    }

    private void Count(SequencePosition consumed)
    {
        Consumed += _last.Length - _last.Slice(consumed).Length;
        _last = default; // its memory goes back to the pool
    }
}
