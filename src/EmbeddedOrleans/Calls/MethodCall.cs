using System.Reflection;
using System.Runtime.CompilerServices;
using System.Threading.Tasks.Sources;
using Orleans.Serialization.Invocation;
using Orleans.Storage;

namespace Orleans.Embedded;

/// <summary>
/// A call of an interface's method. A class for each method is emitted at run time, with the arguments as fields. The object is
/// used again once its turn has ended and nobody else can have it any more: one that has timed out or could be cancelled is not.
/// </summary>
internal abstract class MethodCall : Call, IInvokable
{
    // Links of the lane of pending calls that watches its time-out; guarded by the lane.
    internal MethodCall? Earlier;
    internal MethodCall? Later;
    internal PendingCalls.Lane? Lane;
    internal long Deadline;

    private Cancellation? _cancellation;
    private int _users;
    private bool _hasEnded;

    public abstract CallMethod Method { get; }

    public sealed override bool AlwaysInterleaves => Method.AlwaysInterleaves;

    public sealed override bool IsReadOnly => Method.IsReadOnly;

    public sealed override bool IsStale => Lane is null && !Method.IsOneWay;

    public abstract object? GetArgument(int index);

    public int GetArgumentCount() => Method.ParameterCount;

    public string GetMethodName() => Method.Name;

    public string GetInterfaceName() => Method.InterfaceType.Name;

    public Type GetInterfaceType() => Method.InterfaceType;

    public MethodInfo GetMethod() => Method.Info;

    public override string ToString() => $"{Method.InterfaceType.Name}.{Method.Name}{(Target is null ? "" : $" of {Target.GrainId}")}";

    /// <summary>Ends the call with an error, if it has not ended.</summary>
    public void Fail(Exception error)
    {
        if (Claim())
            SetError(error);
    }

    public sealed override void Reject(Exception error) => Fail(error);

    /// <summary>The same, on the thread pool: for threads that must not run what the caller does next.</summary>
    public void FailLater(Exception error) =>
        ThreadPool.UnsafeQueueUserWorkItem(static both => both.Item1.Fail(both.error), (this, error), preferLocal: false);

    /// <summary>Ends a call that has been taken out of its lane already.</summary>
    public void FailTaken(Exception error)
    {
        _cancellation?.Dispose();
        ThreadPool.UnsafeQueueUserWorkItem(static both => both.Item1.SetError(both.error), (this, error), preferLocal: false);
    }

    /// <summary>For the proxy, when a parameter is a token: the call ends when it is cancelled.</summary>
    public void EndWith(CancellationToken token)
    {
        if (token.CanBeCanceled)
            _cancellation = new Cancellation(token);
    }

    /// <summary>When the call is pending.</summary>
    public void WatchCancellation() => _cancellation?.Watch(this);

    /// <summary>Of those who hold the object, the turn that runs it among them, so many must say <see cref="Leave"/> before it is used again.</summary>
    protected void SetUsers(int users) => _users = users;

    /// <summary>For the target, when it will not touch the call any more.</summary>
    public sealed override void Retire()
    {
        if (_hasEnded)
            Leave();
    }

    protected void Leave()
    {
        if (Interlocked.Decrement(ref _users) != 0 || _cancellation is not null)
            return;
        Target = null;
        RequestContext = null;
        Activity = null;
        _hasEnded = false;
        Clear();
        ClearArguments();
        Method.Return(this);
    }

    /// <summary>Forgets the answer.</summary>
    protected abstract void Clear();

    public abstract void ClearArguments();

    protected abstract void SetError(Exception error);

    /// <summary>On the call's turn: as <see cref="Claim"/>. So the end of the turn is the end of the call.</summary>
    protected bool ClaimOnTurn() => _hasEnded = Claim();

    /// <summary>Whoever gets true ends the call: a result, an error, a time-out and a dead silo can come together.</summary>
    protected bool Claim()
    {
        if (Lane is not { } lane || !lane.Remove(this))
            return false;
        _cancellation?.Dispose();
        return true;
    }
}

/// <summary>The token of a call that can be cancelled.</summary>
internal sealed class Cancellation(CancellationToken token) : IDisposable
{
    private CancellationTokenRegistration _registration;

    public void Watch(MethodCall call) => _registration = token.UnsafeRegister(
        static (call, token) => ((MethodCall)call!).FailLater(new OperationCanceledException(token)), call);

    public void Dispose() => _registration.Dispose();
}

/// <summary>A call whose caller waits for a result: with a task, or with the call itself where the method returns a ValueTask.</summary>
internal abstract class ResultCall<T> : MethodCall, IValueTaskSource<T>, IValueTaskSource, IThreadPoolWorkItem
{
    private enum Waiting : byte
    {
        WithTask,

        /// <summary>Outside of grains: what it does next runs on the thread pool, with the call as the work item.</summary>
        OnThreadPool,

        /// <summary>In a grain, to which it comes back.</summary>
        InGrain,
    }

    private AsyncTaskMethodBuilder<T> _builder = AsyncTaskMethodBuilder<T>.Create();
    private ManualResetValueTaskSourceCore<T> _source;
    private T _result = default!; // until the work item runs
    private Exception? _error; // likewise
    private Waiting _waiting;

    /// <summary>What the caller awaits. Ask for it before the call is given away, and only for this or the other one.</summary>
    public Task<T> Answer()
    {
        SetUsers(1);
        _waiting = Waiting.WithTask;
        return _builder.Task;
    }

    /// <summary>The same for one await: no object but the call.</summary>
    public ValueTask<T> ValueAnswer()
    {
        UseSource();
        return new(this, _source.Version);
    }

    public ValueTask ValueAnswerWithoutResult()
    {
        UseSource();
        return new(this, _source.Version);
    }

    ValueTaskSourceStatus IValueTaskSource<T>.GetStatus(short token) => _source.GetStatus(token);

    ValueTaskSourceStatus IValueTaskSource.GetStatus(short token) => _source.GetStatus(token);

    void IValueTaskSource<T>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    void IValueTaskSource.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _source.OnCompleted(continuation, state, token, flags);

    T IValueTaskSource<T>.GetResult(short token) => TakeResult(token);

    void IValueTaskSource.GetResult(short token) => TakeResult(token);

    void IThreadPoolWorkItem.Execute() => Complete(_result, _error);

    protected sealed override void SetError(Exception error)
    {
        if (_waiting == Waiting.WithTask)
            _builder.SetException(error);
        else
            Finish(default!, error);
    }

    protected void Succeed(T result)
    {
        try
        {
            if (!Copier<T>.IsImmutable && !Method.ResultIsImmutable)
                result = Copier<T>.Copy(result);
        }
        catch (Exception error)
        {
            FailOnTurn(error);
            return;
        }

        if (!ClaimOnTurn())
            return;
        if (_waiting == Waiting.WithTask)
            _builder.SetResult(result);
        else
            Finish(result, null);
    }

    /// <summary>On a turn: what the grain threw.</summary>
    protected void FailFromGrain(Exception error)
    {
        // The activation's state is out of date: the next one reads it anew.
        if (error is InconsistentStateException)
            Target?.Deactivate(new(DeactivationReasonCode.ApplicationError, error, "Its state is not the stored one."));
        FailOnTurn(error);
    }

    protected sealed override void Clear()
    {
        _builder = AsyncTaskMethodBuilder<T>.Create();
        _source.Reset();
        _result = default!;
        _error = null;
    }

    private void UseSource()
    {
        SetUsers(2);
        _waiting = Activation.Running is null ? Waiting.OnThreadPool : Waiting.InGrain;
        _source.RunContinuationsAsynchronously = _waiting == Waiting.InGrain;
    }

    private void FailOnTurn(Exception error)
    {
        if (ClaimOnTurn())
            SetError(error);
    }

    /// <summary>What the caller does next runs neither here, between two turns, nor in an object of its own.</summary>
    private void Finish(T result, Exception? error)
    {
        if (_waiting == Waiting.InGrain)
        {
            Complete(result, error);
            return;
        }

        (_result, _error) = (result, error);
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: true);
    }

    private void Complete(T result, Exception? error)
    {
        if (error is null)
            _source.SetResult(result);
        else
            _source.SetException(error);
    }

    /// <summary>The caller has its answer, and cannot ask again.</summary>
    private T TakeResult(short token)
    {
        if (_source.GetStatus(token) == ValueTaskSourceStatus.Pending)
            throw new InvalidOperationException("A ValueTask was asked for its result before it had one: await it.");
        try
        {
            return _source.GetResult(token);
        }
        finally
        {
            Leave();
        }
    }

    protected static Exception ErrorOf(Task task)
    {
        if (task.Exception is { } error)
            return error.InnerException!;
        try
        {
            task.GetAwaiter().GetResult();
            return new InvalidOperationException("The task did not fail.");
        }
        catch (OperationCanceledException cancelled)
        {
            return cancelled;
        }
    }

    protected static InvalidOperationException NullTask(MethodCall call) => new($"{call} returned null instead of a task.");
}

/// <summary>No result.</summary>
internal readonly struct Nothing;

internal abstract class TaskCall<T> : ResultCall<T>
{
    public abstract Task<T> Invoke(object instance);

    public sealed override Task? Begin(object instance)
    {
        try
        {
            var task = Invoke(instance) ?? throw NullTask(this);
            if (!task.IsCompleted)
                return task;
            End(task);
        }
        catch (Exception error)
        {
            FailFromGrain(error);
        }

        return null;
    }

    public sealed override void End(Task task)
    {
        if (task.IsCompletedSuccessfully)
            Succeed(((Task<T>)task).Result);
        else
            FailFromGrain(ErrorOf(task));
    }
}

internal abstract class TaskCall : ResultCall<Nothing>
{
    public abstract Task Invoke(object instance);

    public sealed override Task? Begin(object instance)
    {
        try
        {
            var task = Invoke(instance) ?? throw NullTask(this);
            if (!task.IsCompleted)
                return task;
            End(task);
        }
        catch (Exception error)
        {
            FailFromGrain(error);
        }

        return null;
    }

    public sealed override void End(Task task)
    {
        if (task.IsCompletedSuccessfully)
            Succeed(default);
        else
            FailFromGrain(ErrorOf(task));
    }
}

internal abstract class ValueTaskCall<T> : ResultCall<T>
{
    public abstract ValueTask<T> Invoke(object instance);

    public sealed override Task? Begin(object instance)
    {
        try
        {
            var task = Invoke(instance);
            if (!task.IsCompletedSuccessfully)
                return task.AsTask();
            Succeed(task.Result);
        }
        catch (Exception error)
        {
            FailFromGrain(error);
        }

        return null;
    }

    public sealed override void End(Task task)
    {
        if (task.IsCompletedSuccessfully)
            Succeed(((Task<T>)task).Result);
        else
            FailFromGrain(ErrorOf(task));
    }
}

internal abstract class ValueTaskCall : ResultCall<Nothing>
{
    public abstract ValueTask Invoke(object instance);

    public sealed override Task? Begin(object instance)
    {
        try
        {
            var task = Invoke(instance);
            if (!task.IsCompletedSuccessfully)
                return task.AsTask();
            task.GetAwaiter().GetResult();
            Succeed(default);
        }
        catch (Exception error)
        {
            FailFromGrain(error);
        }

        return null;
    }

    public sealed override void End(Task task)
    {
        if (task.IsCompletedSuccessfully)
            Succeed(default);
        else
            FailFromGrain(ErrorOf(task));
    }
}

/// <summary>A method without a result to wait for, as observers may have.</summary>
internal abstract class VoidCall : MethodCall
{
    public abstract void Invoke(object instance);

    public sealed override Task? Begin(object instance)
    {
        try
        {
            Invoke(instance);
        }
        catch (Exception)
        {
            // Nobody waits for it: as with every one-way call, the error ends here.
        }

        return null;
    }

    public sealed override void End(Task task)
    {
    }

    protected sealed override void SetError(Exception error)
    {
    }

    protected sealed override void Clear()
    {
    }
}
