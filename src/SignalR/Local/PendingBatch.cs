namespace Realtime.SignalR.Local;

/// <summary>Commands that go to a partition with one call, and who waits for it.</summary>
internal sealed class PendingBatch
{
    private const int MaxCommands = 256;
    private const long MaxBytes = 1 << 20;

    private readonly TaskCompletionSource<HubReply> _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public List<HubCommand> Commands { get; } = [];

    public long Bytes { get; private set; }

    public Task<HubReply> Done => _done.Task;

    /// <summary>One command is always taken.</summary>
    public bool TakesMore(long bytes) => Commands.Count == 0 || (Commands.Count < MaxCommands && Bytes + bytes <= MaxBytes);

    public void Add(HubCommand command, long bytes)
    {
        Commands.Add(command);
        Bytes += bytes;
    }

    public void Complete(HubReply reply) => _done.TrySetResult(reply);

    public void Fail(Exception exception)
    {
        _done.TrySetException(exception);
        _ = _done.Task.Exception; // nobody has to wait for it
    }
}
