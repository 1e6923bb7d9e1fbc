namespace Realtime.SignalR.Results;

/// <summary>
/// What all servers were asked: which of them has a connection. Each answers; one that dies does not count any more, as soon as the cluster
/// knows it.
/// </summary>
internal sealed class Question
{
    private readonly Lock _lock = new();
    private readonly TaskCompletionSource<bool> _found = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource _lost = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HashSet<string> _without = [];
    private HashSet<string>? _waiting; // null until it is known who was asked
    private string? _holder;

    /// <summary>Whether a server has it.</summary>
    public Task<bool> Found => _found.Task;

    /// <summary>The connection is gone, or the server that had it.</summary>
    public Task Lost => _lost.Task;

    /// <summary>The server that has it, once it has said so.</summary>
    public string? Holder => Volatile.Read(ref _holder);

    public void Asked(IEnumerable<string> servers)
    {
        lock (_lock)
        {
            _waiting = [.. servers];
            _waiting.ExceptWith(_without);
            Decide();
        }
    }

    public void Answered(string server, bool isFound)
    {
        lock (_lock)
        {
            if (isFound)
            {
                _holder = server;
                _found.TrySetResult(true);
                return;
            }
            if (server == _holder)
                _lost.TrySetResult();
            _without.Add(server);
            _waiting?.Remove(server);
            Decide();
        }
    }

    /// <summary>Servers that are not among these are gone.</summary>
    public void Compare(HashSet<string> living)
    {
        lock (_lock)
        {
            if (_holder is not null && !living.Contains(_holder))
                _lost.TrySetResult();
            _waiting?.RemoveWhere(server => !living.Contains(server));
            Decide();
        }
    }

    private void Decide()
    {
        if (_waiting is { Count: 0 } && _holder is null)
            _found.TrySetResult(false);
    }
}
