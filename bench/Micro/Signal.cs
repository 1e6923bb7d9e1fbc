using System.Threading.Tasks.Sources;

namespace Realtime.Micro;

/// <summary>Awaited again and again without an allocation, so that it does not count in what is measured.</summary>
internal sealed class Signal : IValueTaskSource
{
    private ManualResetValueTaskSourceCore<bool> _core = new() { RunContinuationsAsynchronously = true };
    private int _isWaited;

    public ValueTask Task => new(this, _core.Version);

    /// <summary>Before the next wait.</summary>
    public void Reset()
    {
        _core.Reset();
        Volatile.Write(ref _isWaited, 1);
    }

    /// <summary>Ends the wait, if there is one.</summary>
    public void Set()
    {
        if (Interlocked.Exchange(ref _isWaited, 0) == 1)
            _core.SetResult(true);
    }

    public void GetResult(short token) => _core.GetResult(token);

    public ValueTaskSourceStatus GetStatus(short token) => _core.GetStatus(token);

    public void OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _core.OnCompleted(continuation, state, token, flags);
}
