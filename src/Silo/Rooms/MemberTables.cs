namespace Realtime.Silo.Rooms;

/// <summary>The members of a room that has many: tables, in which everything is found at once.</summary>
internal sealed class MemberTables
{
    private readonly Dictionary<string, Dictionary<string, string>> _fronts = []; // front -> connection -> user
    private readonly Dictionary<string, int> _users = []; // user -> connections that are seen
    private HashSet<(string Front, string Connection)>? _hidden; // few rooms have any
    private SortedSet<string>? _sorted; // their ids in order, made when somebody asks for the first time, as few do

    public int Users => _users.Count;

    public int Connections { get; private set; }

    public Dictionary<string, Dictionary<string, string>>.KeyCollection Fronts => _fronts.Keys;

    /// <summary>Adds a connection; true when it is the first one of the user that is seen.</summary>
    public bool Add(string front, string connection, string user, bool isHidden)
    {
        if (!_fronts.TryGetValue(front, out var connections))
            _fronts.Add(front, connections = []);
        if (!connections.TryAdd(connection, user))
            return false;
        Connections++;
        if (isHidden)
        {
            (_hidden ??= []).Add((front, connection));
            return false;
        }
        ref var count = ref System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_users, user, out var known);
        count++;
        if (!known)
            _sorted?.Add(user);
        return !known;
    }

    /// <summary>Removes a connection; returns the user when it was the last one of that user that is seen.</summary>
    public string? Remove(string front, string connection)
    {
        if (!_fronts.TryGetValue(front, out var connections) || !connections.Remove(connection, out var user))
            return null;
        if (connections.Count == 0)
            _fronts.Remove(front);
        Connections--;
        if (_hidden?.Remove((front, connection)) == true)
            return null;
        if (--System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrNullRef(_users, user) > 0)
            return null;
        _users.Remove(user);
        _sorted?.Remove(user);
        return user;
    }

    /// <summary>Removes a front with all its connections; returns the users of whom none is seen any more.</summary>
    public IReadOnlyList<string> RemoveFront(string front)
    {
        if (!_fronts.TryGetValue(front, out var connections))
            return [];
        string[] ids = [.. connections.Keys];
        return [.. ids.Select(connection => Remove(front, connection)).OfType<string>()];
    }

    /// <summary>The connections of a front.</summary>
    public IReadOnlyCollection<string> ConnectionsOf(string front) => _fronts.TryGetValue(front, out var connections) ? connections.Keys : [];

    public FrontMembers[] Save() =>
        [.. _fronts.Select(front => new FrontMembers(front.Key, [.. front.Value.Select(entry => new Member(entry.Value, entry.Key, IsHidden(front.Key, entry.Key) == true))]))];

    /// <summary>Whether a connection is hidden; null when it is not here.</summary>
    public bool? IsHidden(string front, string connection) =>
        _fronts.GetValueOrDefault(front)?.ContainsKey(connection) == true ? _hidden?.Contains((front, connection)) == true : null;

    public bool Has(string front, string connection) => _fronts.TryGetValue(front, out var connections) && connections.ContainsKey(connection);

    public bool HasFront(string front) => _fronts.ContainsKey(front);

    public bool HasUser(string user) => _users.ContainsKey(user);

    /// <summary>The user ids after one, in ordinal order: who asks in a large room costs what is taken, and not what there is.</summary>
    public IEnumerable<string> After(string? after)
    {
        _sorted ??= new SortedSet<string>(_users.Keys, StringComparer.Ordinal);
        if (after is null)
            return _sorted;
        return _sorted.Max is { } last && string.CompareOrdinal(after, last) < 0
            ? _sorted.GetViewBetween(after, last).SkipWhile(user => user == after)
            : [];
    }
}
