using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>How an activation starts and ends. Its calls wait meanwhile; those still waiting at the end go to the next activation.</summary>
internal sealed partial class Activation
{
    public Task Deactivated
    {
        get
        {
            lock (this)
            {
                if (_state == ActivationState.Dead)
                    return Task.CompletedTask;
                return (Extras.Deactivated ??= new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).Task;
            }
        }
    }

    /// <summary>Cancelled when the activation ends.</summary>
    public CancellationToken Ended
    {
        get
        {
            lock (this)
                return _state == ActivationState.Dead ? new CancellationToken(true) : (Extras.Ended ??= new CancellationTokenSource()).Token;
        }
    }

    public void Deactivate(DeactivationReason deactivationReason, CancellationToken cancellationToken = default)
    {
        lock (this)
        {
            if (_ending || _state == ActivationState.Dead)
                return;
            _ending = true;
            Extras.Reason = deactivationReason;
            if (_scheduled || !HasCallToStart)
                return;
            _scheduled = true;
        }

        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    /// <summary>Ends it if nothing has used it since a tick of the collector.</summary>
    /// <returns>Zero if it ends, else the tick when it may.</returns>
    public long DeactivateIfIdleSince(long now, long age)
    {
        lock (this)
        {
            var due = Math.Max(LastUse + age, _extras?.KeepUntil ?? 0);
            if (_running > 0 || !_waiting.IsEmpty || !_interleaving.IsEmpty)
                due = now + 1;
            if (due > now)
                return due;
        }

        Deactivate(new(DeactivationReasonCode.ActivationIdle, "The activation was idle."));
        return 0;
    }

    public void DelayDeactivation(TimeSpan time)
    {
        lock (this)
        {
            Extras.KeepUntil = time < TimeSpan.Zero && time != Timeout.InfiniteTimeSpan ? 0
                : time == Timeout.InfiniteTimeSpan || time == TimeSpan.MaxValue ? long.MaxValue
                : Silo.Collector.Tick + Silo.Collector.TicksOf(time);
        }
    }

    /// <summary>Ends it as the end of a process would: nothing of it runs any more that has not begun.</summary>
    public void Kill(Exception error)
    {
        Leave();
        var (waiting, interleaving) = Die();
        RejectAll(interleaving, error);
        RejectAll(waiting, error);
        TellOthers();
    }

    /// <summary>Ends it at once; calls that have not begun go to the next activation.</summary>
    public void GiveUp()
    {
        Leave();
        var (waiting, interleaving) = Die();
        ForwardAll(interleaving);
        ForwardAll(waiting);
        TellOthers();
    }

    [SuppressMessage("Design", "CA1031", Justification = "Whatever goes wrong in starting is the error of the calls that wait.")]
    private async Task ActivateAsync()
    {
        var rehydration = _extras?.Rehydration;
        try
        {
            _instance = _class.CreateInstance(this);
            if (rehydration is not null)
                Rehydrate(rehydration);
            if (_extras?.States is { } states)
            {
                foreach (var state in states)
                    await state.SetUpAsync();
            }

            if (_class.HasOnActivate)
                await RunOnActivate();
        }
        catch (Exception error)
        {
            await FailActivationAsync(error, hasMoved: rehydration is not null);
            return;
        }

        lock (this)
        {
            if (_state == ActivationState.Dead)
                return;
            if (rehydration is not null)
                Extras.Rehydration = null;
            LastUse = Silo.Collector.Tick;
            _state = ActivationState.Active;
        }

        Silo.Collector.Add(this);
    }

    private async Task RunOnActivate()
    {
        using var limit = new CancellationTokenSource();
        var activating = ((IGrainBase)_instance!).OnActivateAsync(limit.Token);
        if (!activating.IsCompleted)
            limit.CancelAfter(Silo.Collector.ActivationTimeout);
        await activating;
    }

    private async Task FailActivationAsync(Exception error, bool hasMoved)
    {
        if (Silo.Log.IsEnabled(LogLevel.Warning))
            Silo.Log.LogWarning(error, "{Grain} could not be activated.", GrainId);
        Leave();
        var (waiting, interleaving) = Die();
        if (hasMoved)
        {
            // Those calls were for the activation before: what it has sent along is not their fault, and the next one starts without.
            ForwardAll(interleaving);
            ForwardAll(waiting);
        }
        else
        {
            RejectAll(interleaving, error);
            RejectAll(waiting, error);
        }

        await DisposeAsync();
        TellOthers();
    }

    [SuppressMessage("Design", "CA1031", Justification = "An error in ending is logged: the activation ends all the same.")]
    private async Task DeactivateAsync()
    {
        var reason = Extras.Reason;
        Activation? successor = null;
        try
        {
            DisposeTimers();
            if (_class.HasOnDeactivate)
            {
                using var limit = new CancellationTokenSource();
                var deactivating = ((IGrainBase)_instance!).OnDeactivateAsync(reason, limit.Token);
                if (!deactivating.IsCompleted)
                {
                    limit.CancelAfter(Silo.Collector.DeactivationTimeout);
                    await deactivating.WaitAsync(Silo.Collector.DeactivationTimeout);
                }
                else
                {
                    await deactivating;
                }
            }

            successor = MakeSuccessor();
        }
        catch (Exception error)
        {
            Silo.Log.LogError(error, "{Grain} failed in OnDeactivateAsync ({Reason}).", GrainId, reason.ReasonCode);
        }

        await DisposeAsync();
        if (successor is not null && TryGiveWayTo(successor))
            TellOthers();
        else
            GiveUp();
    }

    [SuppressMessage("Design", "CA1031", Justification = "An error in disposing is logged: the activation ends all the same.")]
    private async Task DisposeAsync()
    {
        try
        {
            if (_instance is IAsyncDisposable asyncDisposable)
                await asyncDisposable.DisposeAsync();
            else if (_instance is IDisposable disposable)
                disposable.Dispose();
            if (_extras?.Services is { } services)
                await services.DisposeAsync();

            // References may remember this activation for long; they shall not keep the grain.
            _instance = null;
        }
        catch (Exception error)
        {
            Silo.Log.LogError(error, "{Grain} failed in Dispose.", GrainId);
        }
    }

    /// <summary>Out of the directory, so that a call that comes now makes the next activation. Before it dies: nobody may find it dead.</summary>
    private void Leave()
    {
        Silo.Collector.Remove(this);
        Silo.Forget(this);
    }

    /// <summary>Accepts nothing from now on. Returns what waits.</summary>
    private (CallQueue Waiting, CallQueue Interleaving) Die()
    {
        lock (this)
        {
            _state = ActivationState.Dead;
            return (_waiting.TakeAll(), _interleaving.TakeAll());
        }
    }

    [SuppressMessage("Design", "CA1031", Justification = "Code of the grain's that hears of the end may fail: logged.")]
    private void TellOthers()
    {
        // Again: one that was being added to the collector meanwhile must not stay there.
        Silo.Collector.Remove(this);
        CancellationTokenSource? ended;
        TaskCompletionSource? deactivated;
        lock (this)
        {
            ended = _extras?.Ended;
            deactivated = _extras?.Deactivated;
        }

        try
        {
            DisposeTimers();
            ended?.Cancel();
        }
        catch (Exception error)
        {
            Silo.Log.LogError(error, "{Grain} failed in the end of a timer.", GrainId);
        }

        deactivated?.TrySetResult();
    }

    private void DisposeTimers()
    {
        foreach (var timer in TakeTimers())
            timer.Dispose();
    }

    private List<GrainTimer> TakeTimers()
    {
        lock (this)
        {
            var timers = _extras?.Timers ?? [];
            if (_extras is not null)
                _extras.Timers = null;
            return timers;
        }
    }

    private static void RejectAll(CallQueue calls, Exception error)
    {
        while (!calls.IsEmpty)
            calls.Dequeue().Reject(error);
    }

    /// <summary>To whatever activation the grain has next.</summary>
    private void ForwardAll(CallQueue calls)
    {
        while (!calls.IsEmpty)
            Silo.Cluster.Forward(calls.Dequeue(), GrainId, Silo.Caller);
    }
}
