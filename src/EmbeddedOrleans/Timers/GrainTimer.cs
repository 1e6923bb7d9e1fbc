using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.Logging;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>A timer of an activation. Each tick is a call of the activation, and the timer is that call: one tick at a time.</summary>
internal abstract class GrainTimer : Call, IGrainTimer
{
    private static readonly TimeSpan s_longest = TimeSpan.FromMilliseconds(uint.MaxValue - 1);

    private readonly Activation _activation;
    private readonly bool _interleaves;
    private readonly bool _keepsAlive;
    private readonly CancellationTokenSource _disposing = new();
    private readonly ITimer _timer;

    // Guarded by the source above.
    private TimeSpan _period;
    private TimeSpan? _nextDue;
    private bool _isTicking;
    private bool _isDisposed;

    protected GrainTimer(Activation activation, GrainTimerCreationOptions options)
    {
        Check(options.DueTime, nameof(options.DueTime));
        Check(options.Period, nameof(options.Period));
        _activation = activation;
        _interleaves = options.Interleave;
        _keepsAlive = options.KeepAlive;

        _timer = activation.Silo.Time.CreateTimer(static timer => ((GrainTimer)timer!).OnDue(), this, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    public override bool AlwaysInterleaves => _interleaves;

    public override bool CountsAsUse => _keepsAlive;

    public override bool IsStale => _isDisposed;

    public void Change(TimeSpan dueTime, TimeSpan period)
    {
        Check(dueTime, nameof(dueTime));
        Check(period, nameof(period));
        lock (_disposing)
        {
            ObjectDisposedException.ThrowIf(_isDisposed, this);
            _period = period;
            if (_isTicking)
                _nextDue = dueTime;
            else
                _timer.Change(dueTime, Timeout.InfiniteTimeSpan);
        }
    }

    public void Dispose()
    {
        lock (_disposing)
        {
            if (_isDisposed)
                return;
            _isDisposed = true;
        }

        _timer.Dispose();
        _activation.RemoveTimer(this);
        _disposing.Cancel();
    }

    [SuppressMessage("Design", "CA1031", Justification = "An error of the callback is logged and the timer goes on.")]
    public sealed override Task? Begin(object instance)
    {
        try
        {
            var task = Tick(_disposing.Token) ?? Task.CompletedTask;
            if (!task.IsCompleted)
                return task;
            End(task);
        }
        catch (Exception error)
        {
            End(Task.FromException(error));
        }

        return null;
    }

    public sealed override void End(Task task)
    {
        if (task.Exception is { } error)
            _activation.Silo.Log.LogError(error.InnerException, "A timer of {Grain} failed.", _activation.GrainId);
        lock (_disposing)
        {
            _isTicking = false;
            if (_isDisposed)
                return;
            var due = _nextDue ?? _period;
            _nextDue = null;
            if (due != Timeout.InfiniteTimeSpan)
                _timer.Change(due, Timeout.InfiniteTimeSpan);
        }
    }

    public sealed override void Reject(Exception error) => Dispose();

    protected abstract Task Tick(CancellationToken token);

    private void OnDue()
    {
        lock (_disposing)
        {
            if (_isDisposed || _isTicking)
                return;
            _isTicking = true;
        }

        if (!_activation.TryAccept(this))
            Dispose();
    }

    private static void Check(TimeSpan time, string name)
    {
        if (time != Timeout.InfiniteTimeSpan && (time < TimeSpan.Zero || time > s_longest))
            throw new ArgumentOutOfRangeException(name, time, $"A timer's times must be from zero to {s_longest}, or Timeout.InfiniteTimeSpan.");
    }
}

internal sealed class GrainTimer<TState>(Activation activation, Func<TState, CancellationToken, Task> callback, TState state, GrainTimerCreationOptions options)
    : GrainTimer(activation, options)
{
    protected override Task Tick(CancellationToken token) => callback(state, token);
}
