using System.Threading.Tasks.Sources;

namespace Realtime.Connections.Listening;

/// <summary>The read or flush of a pipe that waits: its value task and the token that may end it. There is one at a time, used again and again.</summary>
/// <remarks>All is under the lock of the pipe that it belongs to, but for the results: what they continue must not run under a lock.</remarks>
internal sealed class PendingOperation<T> : IValueTaskSource<T>
{
    private ManualResetValueTaskSourceCore<T> _result;
    private CancellationTokenRegistration _registration;

    public bool IsWaiting { get; private set; }

    /// <summary>Of the operation that waits.</summary>
    public CancellationToken Token { get; private set; }

    public ValueTask<T> Begin(CancellationToken token, CancellationTokenRegistration registration)
    {
        IsWaiting = true;
        (Token, _registration) = (token, registration);
        return new(this, _result.Version);
    }

    /// <summary>It waits no longer, and the caller gives it a result. The registration is to be disposed outside of the lock.</summary>
    public CancellationTokenRegistration End()
    {
        var registration = _registration;
        IsWaiting = false;
        (Token, _registration) = (default, default);
        return registration;
    }

    public void SetResult(T result) => _result.SetResult(result);

    public void SetException(Exception exception) => _result.SetException(exception);

    T IValueTaskSource<T>.GetResult(short token)
    {
        try
        {
            return _result.GetResult(token);
        }
        finally
        {
            _result.Reset(); // an idle connection keeps neither the memory of what it read nor who waited
        }
    }

    ValueTaskSourceStatus IValueTaskSource<T>.GetStatus(short token) => _result.GetStatus(token);

    void IValueTaskSource<T>.OnCompleted(Action<object?> continuation, object? state, short token, ValueTaskSourceOnCompletedFlags flags) =>
        _result.OnCompleted(continuation, state, token, flags);
}
