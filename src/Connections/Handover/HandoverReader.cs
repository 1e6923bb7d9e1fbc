using System.IO.Pipelines;

namespace Realtime.Connections;

/// <summary>HTTP's view of the input, until it is detached: then HTTP can no longer end or disturb it.</summary>
internal sealed class HandoverReader(PipeReader inner) : PipeReader
{
    private bool _detached;

    public void Detach() => _detached = true;

    public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);

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

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => _detached
        ? new(new ReadResult(default, isCanceled: false, isCompleted: true))
        : inner.ReadAsync(cancellationToken);

    public override bool TryRead(out ReadResult result)
    {
        if (!_detached)
            return inner.TryRead(out result);
        result = new(default, isCanceled: false, isCompleted: true);
        return true;
    }
}
