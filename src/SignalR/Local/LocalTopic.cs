namespace Realtime.SignalR.Local;

/// <summary>The connections of this server in a topic. Guarded by its <see cref="Partition"/>.</summary>
internal sealed class LocalTopic
{
    private readonly HashSet<LocalConnection> _members = [];
    private LocalConnection[]? _all;

    /// <summary>Completes when the cluster knows that this server is in the topic.</summary>
    public required Task Entered { get; set; }

    public bool IsEmpty => _members.Count == 0;

    /// <summary>Made when it is needed: many may come one after the other.</summary>
    public LocalConnection[] All => _all ??= [.. _members];

    public void Add(LocalConnection connection)
    {
        if (_members.Add(connection))
            _all = null;
    }

    public bool Remove(LocalConnection connection)
    {
        if (!_members.Remove(connection))
            return false;
        _all = null;
        return true;
    }
}
