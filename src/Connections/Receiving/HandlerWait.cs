namespace Realtime.Connections.Receiving;

/// <summary>
/// The read loop's wait for a handler that did not finish at once: ends with it, or when the connection begins to close, so that a
/// handler can await <see cref="Connection.CloseAsync"/> and a stuck one does not keep the connection from ending.
/// </summary>
internal sealed class HandlerWait : TaskCompletionSource
{
    public HandlerWait(Task handler)
    {
        Handler = handler;
        handler.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(() => TrySetResult());
    }

    public Task Handler { get; }

    // On the thread pool: it is called from inside of whoever closes.
    public void ConnectionCloses() => ThreadPool.UnsafeQueueUserWorkItem(static wait => wait.TrySetResult(), this, preferLocal: false);
}
