using Microsoft.Extensions.Logging;

namespace Realtime.Client.State;

/// <summary>Tells the application of changes of the connection: in order, one at a time, on the thread pool, so that a handler may do anything.</summary>
internal sealed class StatusFeed(ILogger logger) : IThreadPoolWorkItem
{
    /// <summary>Changes that wait for a handler that hangs; beyond it the oldest are forgotten.</summary>
    private const int MaxWaiting = 256;

    private readonly Queue<RealtimeStatus> _waiting = new();
    private bool _isRunning;

    public Action<RealtimeStatus>? Handler { get; set; }

    public void Post(RealtimeStatus status)
    {
        lock (_waiting)
        {
            if (_waiting.Count == MaxWaiting)
                _waiting.Dequeue();
            _waiting.Enqueue(status);
            if (_isRunning)
                return;
            _isRunning = true;
        }
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    void IThreadPoolWorkItem.Execute()
    {
        while (true)
        {
            RealtimeStatus? status;
            lock (_waiting)
            {
                if (!_waiting.TryDequeue(out status))
                {
                    _isRunning = false;
                    return;
                }
            }
            try
            {
                Handler?.Invoke(status);
            }
            catch (Exception exception)
            {
                Log.HandlerFailed(logger, exception);
            }
        }
    }
}
