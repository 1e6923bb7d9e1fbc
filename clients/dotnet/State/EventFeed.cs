using Microsoft.Extensions.Logging;

namespace Realtime.Client.State;

/// <summary>Raises the events of a client: in order, one at a time, on the thread pool, so that a handler may do anything.</summary>
internal sealed class EventFeed(ILogger logger) : IThreadPoolWorkItem
{
    /// <summary>Events that wait for a handler that hangs; beyond it the oldest are forgotten.</summary>
    private const int MaxWaiting = 256;

    private readonly Queue<object> _waiting = new();
    private bool _isRunning;

    public Action<object>? Handler { get; set; }

    public void Post(object its)
    {
        lock (_waiting)
        {
            if (_waiting.Count == MaxWaiting)
                _waiting.Dequeue();
            _waiting.Enqueue(its);
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
            object? its;
            lock (_waiting)
            {
                if (!_waiting.TryDequeue(out its))
                {
                    _isRunning = false;
                    return;
                }
            }
            try
            {
                Handler?.Invoke(its);
            }
            catch (Exception exception)
            {
                Log.HandlerFailed(logger, exception);
            }
        }
    }
}
