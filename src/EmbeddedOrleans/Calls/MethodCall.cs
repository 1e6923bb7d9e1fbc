using System.Reflection;
using System.Runtime.CompilerServices;
using Orleans.Serialization.Invocation;
using Orleans.Storage;

namespace Orleans.Embedded;

/// <summary>A call of an interface's method. A class for each method is emitted at run time, with the arguments as fields.</summary>
internal abstract class MethodCall : Call, IInvokable
{
    // Links of the lane of pending calls that watches its time-out; guarded by the lane.
    internal MethodCall? Earlier;
    internal MethodCall? Later;
    internal PendingCalls.Lane? Lane;
    internal long Deadline;

    private Cancellation? _cancellation;

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

    protected abstract void SetError(Exception error);

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

/// <summary>A call whose caller waits for a result.</summary>
internal abstract class ResultCall<T> : MethodCall
{
    private AsyncTaskMethodBuilder<T> _builder = AsyncTaskMethodBuilder<T>.Create();

    /// <summary>What the caller awaits. Read it before the call is given away.</summary>
    public Task<T> Answer => _builder.Task;

    protected sealed override void SetError(Exception error) => _builder.SetException(error);

    protected void Succeed(T result)
    {
        try
        {
            if (!Copier<T>.IsImmutable && !Method.ResultIsImmutable)
                result = Copier<T>.Copy(result);
        }
        catch (Exception error)
        {
            Fail(error);
            return;
        }

        if (Claim())
            _builder.SetResult(result);
    }

    /// <summary>On a turn: what the grain threw.</summary>
    protected void FailFromGrain(Exception error)
    {
        // The activation's state is out of date: the next one reads it anew.
        if (error is InconsistentStateException)
            Target?.Deactivate(new(DeactivationReasonCode.ApplicationError, error, "Its state is not the stored one."));
        Fail(error);
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
}
