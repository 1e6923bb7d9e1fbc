namespace Realtime.Silo.Users;

/// <summary>The rules of a user, without Orleans: which connections there are, and on which fronts.</summary>
internal sealed class UserDevices
{
    // A user has a handful of connections, so a list beats a dictionary.
    private readonly List<UserConnection> _connections = [];

    public int Count => _connections.Count;

    public UserConnection[] All => [.. _connections];

    /// <summary>The fronts with connections of the user, each once.</summary>
    public string[] Fronts => [.. _connections.Select(connection => connection.Front).Distinct()];

    public void Attach(UserConnection connection)
    {
        if (IndexOf(connection.Front, connection.Connection) < 0)
            _connections.Add(connection);
    }

    public void Detach(string front, string connection)
    {
        var at = IndexOf(front, connection);
        if (at >= 0)
            _connections.RemoveAt(at);
    }

    /// <summary>A front is gone, and all its connections with it.</summary>
    public void Drop(string front) => _connections.RemoveAll(connection => connection.Front == front);

    public bool HasFront(string front) => _connections.Exists(connection => connection.Front == front);

    private int IndexOf(string front, string connection) =>
        _connections.FindIndex(known => known.Front == front && known.Connection == connection);
}
