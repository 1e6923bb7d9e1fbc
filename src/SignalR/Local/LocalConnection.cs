namespace Realtime.SignalR.Local;

/// <summary>A connection of this server, and the topics that it is in.</summary>
internal sealed class LocalConnection(HubConnectionContext context)
{
    private long _pending;
    private int _isClosed;

    public string Id => context.ConnectionId;

    public HubConnectionContext Context => context;

    /// <summary>Guarded by a lock on itself.</summary>
    public HashSet<string> Topics { get; } = [];

    /// <summary>It enters nothing any more. Guarded likewise.</summary>
    public bool IsGone { get; set; }

    /// <summary>
    /// Writes a message, in the order of the calls. Nobody waits for a connection that does not read: what it is to get waits for it, and when
    /// that is too much it is closed.
    /// </summary>
    /// <returns>True when that has closed it just now.</returns>
    public bool WriteOrClose(SerializedHubMessage message, int size, long bound)
    {
        if (Volatile.Read(ref _pending) > bound)
        {
            context.Abort();
            return Interlocked.Exchange(ref _isClosed, 1) == 0;
        }
        var write = context.WriteAsync(message);
        if (write.IsCompletedSuccessfully)
            write.GetAwaiter().GetResult();
        else
            _ = Finish(write, size);
        return false;
    }

    private async Task Finish(ValueTask write, int size)
    {
        Interlocked.Add(ref _pending, size);
        try
        {
            await write;
        }
        catch (Exception)
        {
            context.Abort(); // as SignalR does, where it is told
        }
        finally
        {
            Interlocked.Add(ref _pending, -size);
        }
    }
}
