using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>An ordinary object that grains call. Held weakly; its calls run one after the other on the thread pool.</summary>
internal sealed class ObserverTarget(object observer, GrainCaller owner, GrainId id) : ICallTarget, IThreadPoolWorkItem
{
    private static readonly Action<Task, object?> s_ended = static (task, both) =>
    {
        var (target, call) = ((ObserverTarget, Call))both!;
        call.End(task);
        call.Retire();
        ((IThreadPoolWorkItem)target).Execute();
    };

    private readonly WeakReference _observer = new(observer);
    private CallQueue _calls;
    private bool _running;
    private bool _deleted;

    public GrainCaller Owner => owner;

    public bool IsAlive => _observer.IsAlive;

    public bool TryAccept(Call call)
    {
        owner.ThrowIfGone(id);
        lock (_observer)
        {
            if (_deleted)
                return false;
            _calls.Enqueue(call);
            if (_running)
                return true;
            _running = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
        return true;
    }

    /// <summary>Calls that wait are dropped: their callers get a time-out.</summary>
    public void Delete()
    {
        lock (_observer)
        {
            _deleted = true;
            _calls.TakeAll();
        }
    }

    void IThreadPoolWorkItem.Execute()
    {
        // Else what the caller does next would run here, between two calls of the observer.
        var context = SynchronizationContext.Current;
        SynchronizationContext.SetSynchronizationContext(PoolContext.Instance);
        try
        {
            while (Next() is { } call)
            {
                // An observer that has been collected gives no answer.
                if (call.IsStale || _observer.Target is not { } instance)
                    continue;
                RequestContext.Values = call.RequestContext;
                if (call.Begin(instance) is { } pending)
                {
                    pending.ContinueWith(s_ended, (this, call), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
                    return;
                }

                call.Retire();
            }
        }
        finally
        {
            RequestContext.Values = null;
            SynchronizationContext.SetSynchronizationContext(context);
        }
    }

    private Call? Next()
    {
        lock (_observer)
        {
            _running = !_calls.IsEmpty;
            return _running ? _calls.Dequeue() : null;
        }
    }

    /// <summary>A context that is the thread pool.</summary>
    private sealed class PoolContext : SynchronizationContext
    {
        public static readonly PoolContext Instance = new();
    }
}

/// <summary>Where calls to observers go that are not there: they get no answer, as from a process that has gone.</summary>
internal sealed class NobodyThere : ICallTarget
{
    public static readonly NobodyThere Instance = new();

    public bool TryAccept(Call call) => true;
}
