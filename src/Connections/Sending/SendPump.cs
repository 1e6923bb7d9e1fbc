using System.Buffers;

namespace Realtime.Connections.Sending;

/// <summary>Writes what is in a <see cref="SendQueue"/>. Both exist only as long as something waits for the peer.</summary>
internal sealed class SendPump : IThreadPoolWorkItem
{
    private readonly ISendOwner _owner;
    private long? _acknowledged; // by the peer, when the deadline was set
    private TaskCompletionSource? _space;
    private TaskCompletionSource? _drained;

    public SendPump(ISendOwner owner)
    {
        _owner = owner;
        Queue = new(owner);
    }

    public SendQueue Queue { get; }

    /// <summary>When the peer has to have taken something of the write under way, in ticks of the heartbeat.</summary>
    public int WriteDeadline { get; private set; }

    /// <summary>Ends when the queue has space again, or the connection closes. To be asked for under the lock.</summary>
    public Task Space => (_space ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    /// <summary>Ends when everything is written or the peer is gone. To be asked for under the lock.</summary>
    public Task Drained => (_drained ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    public void Start()
    {
        SetDeadline();
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Whether the peer has taken something since the last look, though the write is not done; then it has as long again.</summary>
    public bool HasProgress()
    {
        if (_acknowledged is not { } before || _owner.Acknowledged is not { } now || now == before)
            return false;
        SetDeadline();
        return true;
    }

    public void SignalSpace()
    {
        _space?.TrySetResult();
        _space = null;
    }

    void IThreadPoolWorkItem.Execute() => _ = RunAsync();

    private void SetDeadline()
    {
        _acknowledged = _owner.Acknowledged;
        WriteDeadline = _owner.NewWriteDeadline();
    }

    // Joins what waits into one write at a time until nothing is left.
    private async Task RunAsync()
    {
        byte[]? buffer = null;
        try
        {
            while (true)
            {
                ReadOnlyMemory<byte> next;
                int control;
                lock (_owner.OutputLock)
                {
                    if (!Queue.TryTakeWrite(ref buffer, out next, out control))
                    {
                        _owner.Drained(this);
                        break;
                    }
                    SetDeadline();
                }
                await _owner.WriteAsync(next);
                lock (_owner.OutputLock)
                {
                    Queue.Written(next.Length - control);
                    if (Queue.HasSpace)
                        SignalSpace();
                }
            }
        }
        catch (Exception)
        {
            _owner.WriteFailed();
            lock (_owner.OutputLock)
                _owner.Drained(this);
        }
        finally
        {
            if (buffer is not null)
                ArrayPool<byte>.Shared.Return(buffer);
            lock (_owner.OutputLock)
            {
                SignalSpace();
                _drained?.TrySetResult();
            }
        }
    }
}
