namespace Realtime.Connections.Registry;

/// <summary>
/// A set of connections that is read much more often than it changes: the fan-out loops over an array that is made again only after a
/// change. One member, which is what most users have, needs no set.
/// </summary>
internal sealed class ConnectionGroup(string name)
{
    private Connection? _only;
    private HashSet<Connection>? _several;
    private Connection[]? _snapshot;
    private bool _ended;

    public string Name => name;

    public int Count
    {
        get
        {
            lock (this)
                return _several?.Count ?? (_only is null ? 0 : 1);
        }
    }

    /// <summary>False when the group has ended.</summary>
    public bool Add(Connection connection)
    {
        lock (this)
        {
            if (_ended)
                return false;
            if (_several is null && (_only is null || _only == connection))
                _only = connection;
            else
            {
                _several ??= [_only!];
                _several.Add(connection);
                _only = null;
            }
            _snapshot = null;
            return true;
        }
    }

    public void Remove(Connection connection)
    {
        lock (this)
        {
            if (_only == connection)
                _only = null;
            _several?.Remove(connection);
            _snapshot = null;
        }
    }

    /// <summary>Whether that was the last one, so that the group is over.</summary>
    public bool RemoveAndEndIfEmpty(Connection connection)
    {
        lock (this)
        {
            Remove(connection);
            return _ended = Count == 0;
        }
    }

    /// <summary>The members as they are now; the array is shared and must not be changed.</summary>
    public Connection[] Snapshot()
    {
        var snapshot = Volatile.Read(ref _snapshot);
        if (snapshot is not null)
            return snapshot;
        lock (this)
            return _snapshot ??= _several is not null ? [.. _several] : _only is not null ? [_only] : [];
    }
}
