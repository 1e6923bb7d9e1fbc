using System.Diagnostics;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>How an activation runs: a queue of tasks, the parts of calls after an await, and queues of calls that have not begun.</summary>
internal sealed partial class Activation
{
    // After so many items in a row the activation goes to the end of the thread pool's queue, to be fair to others.
    private const int ItemsInARow = 256;

    // What Next gives for "start the activation" and "end it".
    private static readonly object s_activate = new();
    private static readonly object s_deactivate = new();

    private static readonly Action<object?> s_run = static activation => ((Activation)activation!).Run();
    private static readonly Action<Task, object?> s_end = static (task, call) => EndCall(task, (Call)call!);

    // What Execute found and hands to Run.
    [ThreadStatic]
    private static object? t_first;

    private static ExecutionContext? s_cleanContext;

    public override int MaximumConcurrencyLevel => 1;

    public bool TryAccept(Call call)
    {
        lock (this)
        {
            if (_state == ActivationState.Dead)
                return false;
            call.Target = this;
            if (_class.IsReentrant || call.AlwaysInterleaves || (_blockers > 0 && MayJoin(call)))
                _interleaving.Enqueue(call);
            else
                _waiting.Enqueue(call);
            _load++;
            if (call.CountsAsUse)
                LastUse = Silo.Collector.Tick;
            if (_scheduled || !HasCallToStart)
                return true;
            _scheduled = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
        return true;
    }

    /// <summary>How many calls run and wait.</summary>
    public int Load => Volatile.Read(ref _load);

    void IThreadPoolWorkItem.Execute()
    {
        s_cleanContext ??= ExecutionContext.Capture();
        t_current = this;
        try
        {
            var item = Next(null);
            while (item is Task task)
            {
                TryExecuteTask(task);
                item = Next(null);
            }

            if (item is null)
                return;

            // A call begins within a task of this scheduler, so that what it awaits comes back here.
            t_first = item;
            new Task(s_run, this).RunSynchronously(this);
        }
        finally
        {
            t_current = null;
        }
    }

    protected override void QueueTask(Task task)
    {
        lock (this)
        {
            if (_task is null)
                _task = task;
            else
                (_moreTasks ??= new Queue<Task>(4)).Enqueue(task);
            if (_scheduled)
                return;
            _scheduled = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
    }

    protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) =>
        !taskWasPreviouslyQueued && t_current == this && TryExecuteTask(task);

    protected override IEnumerable<Task> GetScheduledTasks()
    {
        lock (this)
            return [.. (_task is null ? [] : new[] { _task }), .. _moreTasks ?? []];
    }

    private void Run()
    {
        var item = t_first;
        t_first = null;
        for (var count = 1; item is not null; count++)
        {
            Call? ended = null;
            if (item is Call call)
                ended = Begin(call);
            else if (item is Task task)
                TryExecuteTask(task);
            else if (item == s_activate)
                _ = ActivateAsync();
            else
                _ = DeactivateAsync();

            if (count == ItemsInARow)
            {
                if (ended is not null)
                    Release(ended);
                ended?.Retire();
                ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
                return;
            }

            item = Next(ended);
            ended?.Retire();
        }
    }

    /// <summary>Returns the call if it has ended already.</summary>
    private Call? Begin(Call call)
    {
        if (call.IsStale)
            return call;
        if (call.RequestContext is { } values)
            RequestContext.Values = values;
        if (call.Activity is { } activity)
            Activity.Current = activity;
        var pending = call.Begin(_instance!);

        // What one call set in its context is not the next one's.
        ExecutionContext.Restore(s_cleanContext!);
        if (pending is null)
            return call;
        pending.ContinueWith(s_end, call, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, this);
        return null;
    }

    /// <summary>On a turn of the call's activation.</summary>
    private static void EndCall(Task task, Call call)
    {
        call.End(task);
        call.Target!.Release(call);
        call.Retire();
    }

    /// <summary>A call has ended. The turn that says so goes on with what waited for it.</summary>
    private void Release(Call call)
    {
        lock (this)
            ReleaseLocked(call);
    }

    private void ReleaseLocked(Call call)
    {
        _running--;
        _load--;
        if (call.CountsAsUse)
            LastUse = Silo.Collector.Tick;
        if (_class.IsReentrant || call.AlwaysInterleaves)
            return;
        _blockers--;
        if (_blocking == call)
            _blocking = null;
    }

    /// <summary>Ends a call, if one is given, and takes what runs next: a task, a call, or a mark; null when nothing can run.</summary>
    private object? Next(Call? ended)
    {
        lock (this)
        {
            if (ended is not null)
                ReleaseLocked(ended);

            // Tasks and calls by turns: neither may keep the other waiting.
            if (_task is { } task && !(_callsTurn && HasCallToStart))
            {
                _callsTurn = true;
                _task = _moreTasks is { Count: > 0 } ? _moreTasks.Dequeue() : null;
                return task;
            }

            _callsTurn = false;
            if (HasCallToStart)
                return TakeCall();

            _moreTasks = null;
            _scheduled = false;
            return null;
        }
    }

    /// <summary>Whether <see cref="TakeCall"/> has something.</summary>
    private bool HasCallToStart => _state switch
    {
        ActivationState.Active when _ending => _running == 0 || !_interleaving.IsEmpty,
        ActivationState.Active => !_interleaving.IsEmpty || (_blockers == 0 && !_waiting.IsEmpty),
        ActivationState.Created => true,
        _ => false,
    };

    private object TakeCall()
    {
        if (_state == ActivationState.Created)
        {
            _state = ActivationState.Activating;
            return s_activate;
        }

        if (_ending && _running == 0)
        {
            _state = ActivationState.Deactivating;
            return s_deactivate;
        }

        _running++;
        var call = _interleaving.IsEmpty ? _waiting.Dequeue() : _interleaving.Dequeue();
        if (_class.IsReentrant || call.AlwaysInterleaves)
            return call;

        _blockersAreReadOnly = call.IsReadOnly && (_blockers == 0 || _blockersAreReadOnly);
        _blockers++;
        if (_blocking is null)
        {
            _blocking = call;
            LetWaitingJoin();
        }

        return call;
    }

    /// <summary>Whether a call may begin while another, that does not let all interleave, runs.</summary>
    private bool MayJoin(Call call)
    {
        if (_blockersAreReadOnly && call.IsReadOnly)
            return true;
        if (_extras?.ReentrantChains is { Count: > 0 } chains
            && call.RequestContext is { } values
            && values.TryGetValue(RequestContext.ReentrancyKey, out var id)
            && chains.ContainsKey((Guid)id))
            return true;
        return _class.MayInterleave is { } mayInterleave
            && (mayInterleave(call) || (_blocking is { } blocking && mayInterleave(blocking)));
    }

    /// <summary>Another call blocks now: those that waited for the one before may be able to join this one.</summary>
    private void LetWaitingJoin()
    {
        if (!_class.HasCallsThatJoin || _waiting.IsEmpty)
            return;
        for (var all = _waiting.TakeAll(); !all.IsEmpty;)
        {
            var call = all.Dequeue();
            if (MayJoin(call))
                _interleaving.Enqueue(call);
            else
                _waiting.Enqueue(call);
        }
    }
}
