using System.Runtime.InteropServices;

namespace Realtime.Silo.Users;

/// <summary>The rules of a partition of users, without Orleans: which connections each user has, and on which fronts.</summary>
internal sealed class UserTable
{
    private readonly Dictionary<string, Device> _users = [];
    private readonly Dictionary<string, Front> _fronts = [];

    public bool IsEmpty => _users.Count == 0;

    /// <summary>The fronts with connections here.</summary>
    public IEnumerable<string> Fronts => _fronts.Keys;

    public bool HasFront(string front) => _fronts.ContainsKey(front);

    /// <summary>Applies what a front tells; says whether it is not of before what the front has told already.</summary>
    /// <param name="isAll">What else is known of the front is over.</param>
    public bool Apply(string front, long batch, bool isAll, ReadOnlySpan<UserChange> changes)
    {
        if (_fronts.TryGetValue(front, out var known) && batch < known.Batch)
            return false;
        if (isAll && known is not null)
            Drop(front);
        foreach (ref readonly var change in changes)
        {
            if (change.ConnectedAt is { } since)
                Attach(front, change.User, change.Connection, since);
            else
                Detach(front, change.User, change.Connection);
        }
        if (_fronts.TryGetValue(front, out known))
            known.Batch = batch;
        return true;
    }

    public UserConnection[] Find(string user)
    {
        List<UserConnection> found = [];
        for (var device = _users.GetValueOrDefault(user); device is not null; device = device.Next)
            found.Add(new UserConnection(device.Front.Id, device.Connection, new DateTimeOffset(device.ConnectedAt, TimeSpan.Zero)));
        return [.. found];
    }

    /// <summary>The user id as it is kept here, so that others need no copy of it.</summary>
    public string Known(string user) => _users.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(user, out var known, out _) ? known : user;

    /// <summary>The user's fronts, each once, and how many connections there are.</summary>
    public (string[] Fronts, int Connections) Where(string user)
    {
        var first = _users.GetValueOrDefault(user);
        if (first is { Next: null })
            return (first.Front.Only, 1);
        List<string> fronts = [];
        var connections = 0;
        for (var device = first; device is not null; device = device.Next, connections++)
        {
            if (!fronts.Contains(device.Front.Id))
                fronts.Add(device.Front.Id);
        }
        return ([.. fronts], connections);
    }

    /// <summary>A front is gone, and all its connections with it.</summary>
    public void Drop(string front)
    {
        if (!_fronts.Remove(front, out var gone))
            return;
        foreach (var user in _users.Keys.ToArray())
            Remove(user, device => device.Front == gone);
    }

    public UserFrontState[] Save() =>
        [.. _fronts.Values.Select(front => new UserFrontState(front.Id, front.Batch, [.. ChangesOf(front)]))];

    public void Load(UserFrontState[] state)
    {
        foreach (var (front, batch, connections) in state)
            Apply(front, batch, isAll: true, connections);
    }

    private IEnumerable<UserChange> ChangesOf(Front front)
    {
        foreach (var (user, first) in _users)
        {
            for (var device = first; device is not null; device = device.Next)
            {
                if (device.Front == front)
                    yield return new UserChange(user, device.Connection, new DateTimeOffset(device.ConnectedAt, TimeSpan.Zero));
            }
        }
    }

    private void Attach(string front, string user, string connection, DateTimeOffset since)
    {
        ref var first = ref CollectionsMarshal.GetValueRefOrAddDefault(_users, user, out _);
        for (var device = first; device is not null; device = device.Next)
        {
            if (device.Front.Id == front && device.Connection == connection)
                return;
        }
        if (!_fronts.TryGetValue(front, out var known))
            _fronts.Add(front, known = new Front(front));
        known.Connections++;
        first = new Device(known, connection, since.UtcTicks, first);
    }

    private void Detach(string front, string user, string connection)
    {
        if (_fronts.TryGetValue(front, out var known) && Remove(user, device => device.Front == known && device.Connection == connection) > 0 && known.Connections == 0)
            _fronts.Remove(front);
    }

    private int Remove(string user, Predicate<Device> isGone)
    {
        var removed = 0;
        Device? before = null;
        for (var device = _users.GetValueOrDefault(user); device is not null; device = device.Next)
        {
            if (!isGone(device))
            {
                before = device;
                continue;
            }
            removed++;
            device.Front.Connections--;
            if (before is not null)
                before.Next = device.Next;
            else if (device.Next is { } next)
                _users[user] = next;
            else
                _users.Remove(user);
        }
        return removed;
    }

    /// <summary>A connection, and the next one of its user: most users have one, and there are many users.</summary>
    private sealed class Device(Front front, string connection, long connectedAt, Device? next)
    {
        public Front Front { get; } = front;

        public string Connection { get; } = connection;

        /// <summary>UTC ticks.</summary>
        public long ConnectedAt { get; } = connectedAt;

        public Device? Next { get; set; } = next;
    }

    private sealed class Front(string id)
    {
        public string Id => Only[0];

        /// <summary>For those who are on this front alone.</summary>
        public string[] Only { get; } = [id];

        public long Batch { get; set; }

        public int Connections { get; set; }
    }
}

/// <summary>The connections of a front: what goes with a partition to another silo.</summary>
[GenerateSerializer, Immutable, Alias("realtime.users.state.front")]
internal readonly record struct UserFrontState(
    [property: Id(0)] string Front, [property: Id(1)] long Batch, [property: Id(2)] UserChange[] Connections);
