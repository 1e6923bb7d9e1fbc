namespace Realtime.WebFront.Access;

/// <summary>Keeps what depends on a decision until there is one, in order.</summary>
internal sealed class AccessGate
{
    private readonly Lock _lock = new();
    private List<Action>? _waiting = [];
    private volatile bool _isOpen;

    /// <summary>It is decided, and nothing waits any more.</summary>
    public bool IsOpen => _isOpen;

    /// <summary>What was decided, for those who have waited.</summary>
    public AccessAnswer Answer { get; private set; }

    /// <summary>Runs it after all that came before: now, if it is decided.</summary>
    public void Then(Action action)
    {
        lock (_lock)
        {
            if (_waiting is not null)
                _waiting.Add(action);
            else
                action();
        }
    }

    /// <summary>Completes when it is decided, and what came before has run.</summary>
    public Task Opened()
    {
        var opened = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Then(opened.SetResult);
        return opened.Task;
    }

    /// <summary>It is decided: what waits runs, and who comes meanwhile comes after it.</summary>
    /// <exception cref="AggregateException">Some of that failed. The rest has run.</exception>
    public void Open(AccessAnswer answer)
    {
        List<Exception>? failures = null;
        lock (_lock)
        {
            Answer = answer;
            foreach (var action in _waiting!)
            {
                try
                {
                    action();
                }
                catch (Exception exception)
                {
                    (failures ??= []).Add(exception);
                }
            }
            _waiting = null;
            _isOpen = true;
        }
        if (failures is not null)
            throw new AggregateException(failures);
    }
}
