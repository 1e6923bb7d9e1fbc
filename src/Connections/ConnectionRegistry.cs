using System.Collections.Concurrent;

namespace Realtime.Connections;

/// <summary>
/// A process's connections by id, user and room, and the fan-out to them. Safe from any thread. Endpoints made by MapConnections register
/// their connections before OnConnected and unregister them before OnClosed.
/// </summary>
/// <remarks>Every broadcast returns how many connections took the message. None of them waits: a slow one meets its own policy.</remarks>
public sealed class ConnectionRegistry
{
    private readonly ConcurrentDictionary<string, Entry> _byId = new();
    private readonly ConcurrentDictionary<string, ConnectionGroup> _users = new();
    private readonly ConcurrentDictionary<string, ConnectionGroup> _rooms = new();
    private readonly ConnectionGroup _all = new("");

    /// <summary>Connections registered.</summary>
    public int Count => _all.Count;

    /// <summary>Adds a connection; nothing happens when it is there already.</summary>
    public void Register(Connection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        if (!_byId.TryAdd(connection.Id, new Entry(connection)))
            return;
        _all.Add(connection);
        if (connection.UserId is { } user)
            Add(_users, user, connection);
    }

    /// <summary>Takes a connection out of everything; false when it was not registered.</summary>
    public bool Unregister(Connection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        if (!_byId.TryRemove(connection.Id, out var entry))
            return false;
        foreach (var room in entry.Close())
            Remove(_rooms, room, connection);
        if (connection.UserId is { } user)
            Remove(_users, user, connection);
        _all.Remove(connection);
        return true;
    }

    /// <summary>The connection of that id, or null.</summary>
    public Connection? Get(string id) => _byId.TryGetValue(id, out var entry) ? entry.Connection : null;

    /// <summary>All connections, as they are now.</summary>
    public IReadOnlyCollection<Connection> Connections => _all.Snapshot();

    /// <summary>A user's connections, as they are now.</summary>
    public IReadOnlyCollection<Connection> GetUser(string userId) => Snapshot(_users, userId);

    /// <summary>Puts a registered connection into a room, which begins to exist with its first member.</summary>
    /// <returns>False when it is in there already, or is not registered (any more).</returns>
    public bool Join(Connection connection, string room)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(room);
        if (!_byId.TryGetValue(connection.Id, out var entry))
            return false;
        lock (entry)
        {
            if (!entry.Add(room))
                return false;
            Add(_rooms, room, connection);
            return true;
        }
    }

    /// <summary>Takes a connection out of a room, which is gone with its last member.</summary>
    /// <returns>False when it was not in there.</returns>
    public bool Leave(Connection connection, string room)
    {
        ArgumentNullException.ThrowIfNull(connection);
        ArgumentNullException.ThrowIfNull(room);
        if (!_byId.TryGetValue(connection.Id, out var entry))
            return false;
        lock (entry)
        {
            if (!entry.Remove(room))
                return false;
            Remove(_rooms, room, connection);
            return true;
        }
    }

    /// <summary>The rooms that a connection is in.</summary>
    public IReadOnlyCollection<string> RoomsOf(Connection connection)
    {
        ArgumentNullException.ThrowIfNull(connection);
        return _byId.TryGetValue(connection.Id, out var entry) ? entry.Rooms() : [];
    }

    /// <summary>The rooms that have a member here.</summary>
    public IReadOnlyCollection<string> Rooms => (IReadOnlyCollection<string>)_rooms.Keys;

    /// <summary>A room's members here, as they are now.</summary>
    public IReadOnlyCollection<Connection> Members(string room) => Snapshot(_rooms, room);

    /// <summary>How many members a room has here.</summary>
    public int CountRoom(string room) => _rooms.TryGetValue(room, out var group) ? group.Count : 0;

    /// <summary>How many connections a user has here.</summary>
    public int CountUser(string userId) => _users.TryGetValue(userId, out var group) ? group.Count : 0;

    /// <summary>To all.</summary>
    /// <param name="frame">What to send.</param>
    /// <param name="except">A connection that does not get it.</param>
    public int Broadcast(Frame frame, Connection? except = null) => Deliver(_all.Snapshot(), frame, except);

    /// <summary>To all that the filter says true of. For many connections it is called on several threads at once.</summary>
    public int Broadcast(Frame frame, Func<Connection, bool> to) => Deliver(_all.Snapshot(), frame, to);

    /// <inheritdoc cref="Broadcast(Frame, Connection?)"/>
    public int BroadcastText(string text, Connection? except = null) => Broadcast(Frame.Text(text), except);

    /// <inheritdoc cref="Broadcast(Frame, Connection?)"/>
    public int BroadcastText(ReadOnlySpan<byte> utf8, Connection? except = null) => Broadcast(Frame.Text(utf8), except);

    /// <inheritdoc cref="Broadcast(Frame, Connection?)"/>
    public int BroadcastBinary(ReadOnlySpan<byte> data, Connection? except = null) => Broadcast(Frame.Binary(data), except);

    /// <summary>To the members of a room.</summary>
    /// <param name="room">The room; one without members reaches nobody.</param>
    /// <param name="frame">What to send.</param>
    /// <param name="except">A connection that does not get it.</param>
    public int BroadcastToRoom(string room, Frame frame, Connection? except = null) => Deliver(Snapshot(_rooms, room), frame, except);

    /// <summary>To the members of a room that the filter says true of; see <see cref="Broadcast(Frame, Func{Connection, bool})"/>.</summary>
    public int BroadcastToRoom(string room, Frame frame, Func<Connection, bool> to) => Deliver(Snapshot(_rooms, room), frame, to);

    /// <inheritdoc cref="BroadcastToRoom(string, Frame, Connection?)"/>
    public int BroadcastTextToRoom(string room, string text, Connection? except = null) => BroadcastToRoom(room, Frame.Text(text), except);

    /// <inheritdoc cref="BroadcastToRoom(string, Frame, Connection?)"/>
    public int BroadcastTextToRoom(string room, ReadOnlySpan<byte> utf8, Connection? except = null) => BroadcastToRoom(room, Frame.Text(utf8), except);

    /// <inheritdoc cref="BroadcastToRoom(string, Frame, Connection?)"/>
    public int BroadcastBinaryToRoom(string room, ReadOnlySpan<byte> data, Connection? except = null) => BroadcastToRoom(room, Frame.Binary(data), except);

    /// <summary>To all connections of a user.</summary>
    /// <param name="userId">The user; one without connections here is not reached.</param>
    /// <param name="frame">What to send.</param>
    /// <param name="except">A connection that does not get it.</param>
    public int SendToUser(string userId, Frame frame, Connection? except = null) => Deliver(Snapshot(_users, userId), frame, except);

    /// <summary>To the connections of a user that the filter says true of; see <see cref="Broadcast(Frame, Func{Connection, bool})"/>.</summary>
    public int SendToUser(string userId, Frame frame, Func<Connection, bool> to) => Deliver(Snapshot(_users, userId), frame, to);

    /// <inheritdoc cref="SendToUser(string, Frame, Connection?)"/>
    public int SendTextToUser(string userId, string text, Connection? except = null) => SendToUser(userId, Frame.Text(text), except);

    /// <inheritdoc cref="SendToUser(string, Frame, Connection?)"/>
    public int SendTextToUser(string userId, ReadOnlySpan<byte> utf8, Connection? except = null) => SendToUser(userId, Frame.Text(utf8), except);

    /// <inheritdoc cref="SendToUser(string, Frame, Connection?)"/>
    public int SendBinaryToUser(string userId, ReadOnlySpan<byte> data, Connection? except = null) => SendToUser(userId, Frame.Binary(data), except);

    private static int Deliver(Connection[] members, Frame frame, Connection? except)
    {
        ArgumentNullException.ThrowIfNull(frame);
        return Counted(members, frame, FanOut.Run(members, except, to: null, frame));
    }

    private static int Deliver(Connection[] members, Frame frame, Func<Connection, bool> to)
    {
        ArgumentNullException.ThrowIfNull(frame);
        ArgumentNullException.ThrowIfNull(to);
        return Counted(members, frame, FanOut.Run(members, except: null, to, frame));
    }

    private static int Counted(Connection[] members, Frame frame, int reached)
    {
        if (reached > 0)
            members[0].CountSent((long)reached * frame.Messages, (long)reached * frame.Size);
        return reached;
    }

    private static Connection[] Snapshot(ConcurrentDictionary<string, ConnectionGroup> groups, string name)
    {
        ArgumentNullException.ThrowIfNull(name);
        return groups.TryGetValue(name, out var group) ? group.Snapshot() : [];
    }

    private static void Add(ConcurrentDictionary<string, ConnectionGroup> groups, string name, Connection connection)
    {
        // A group that has just lost its last member takes no new ones; it is about to leave the dictionary.
        while (!groups.GetOrAdd(name, static name => new ConnectionGroup(name)).Add(connection))
            Thread.Yield();
    }

    private static void Remove(ConcurrentDictionary<string, ConnectionGroup> groups, string name, Connection connection)
    {
        if (groups.TryGetValue(name, out var group) && group.RemoveAndEndIfEmpty(connection))
            groups.TryRemove(new(name, group));
    }

    /// <summary>A registered connection and its rooms: none, one (which costs nothing more), or a set.</summary>
    private sealed class Entry(Connection connection)
    {
        private static readonly object s_closed = new();
        private object? _rooms;

        public Connection Connection => connection;

        public bool Add(string room)
        {
            switch (_rooms)
            {
                case null:
                    _rooms = room;
                    return true;
                case string only when only != room:
                    _rooms = new HashSet<string> { only, room };
                    return true;
                case HashSet<string> several:
                    return several.Add(room);
                default:
                    return false;
            }
        }

        public bool Remove(string room)
        {
            switch (_rooms)
            {
                case string only when only == room:
                    _rooms = null;
                    return true;
                case HashSet<string> several:
                    return several.Remove(room);
                default:
                    return false;
            }
        }

        public string[] Rooms()
        {
            lock (this)
            {
                return _rooms switch
                {
                    string only => [only],
                    HashSet<string> several => [.. several],
                    _ => [],
                };
            }
        }

        /// <summary>No room can be added any more; returns those there were.</summary>
        public string[] Close()
        {
            lock (this)
            {
                var rooms = Rooms();
                _rooms = s_closed;
                return rooms;
            }
        }
    }
}
