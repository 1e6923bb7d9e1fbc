namespace Realtime.Silo.Rooms;

/// <summary>
/// Who is in a room: connections by front, and users by how many connections they have that are seen. A user with two such
/// connections is one member, and one whose connections are all hidden is none.
/// </summary>
/// <remarks>
/// Most rooms have few members, and there may be very many such rooms: few are a list, which takes a fifth of the memory
/// of <see cref="MemberTables"/> and is searched as quickly.
/// </remarks>
internal sealed class RoomMembers
{
    private const int MaxInList = 8;

    private Entry[] _list = [];
    private int _count;
    private int _users; // in the list
    private string[] _fronts = []; // of the list, each once
    private MemberTables? _tables; // in place of the list from the first time that it was too short

    /// <summary>For any thread; it may be a moment old.</summary>
    public int Users => _tables?.Users ?? _users;

    public int Connections => _tables?.Connections ?? _count;

    public int FrontCount => Fronts.Count;

    public IReadOnlyCollection<string> Fronts => _tables is { } tables ? tables.Fronts : _fronts;

    /// <summary>Adds a connection; true when it is the first one of the user that is seen.</summary>
    public bool Add(string front, string connection, string user, bool isHidden = false)
    {
        if (_tables is not null)
            return _tables.Add(front, connection, user, isHidden);
        if (Find(front, connection) >= 0)
            return false;
        if (_count == MaxInList)
        {
            _tables = new MemberTables();
            foreach (var entry in _list)
                _tables.Add(entry.Front, entry.Connection, entry.User, entry.IsHidden);
            (_list, _fronts) = ([], []);
            return _tables.Add(front, connection, user, isHidden);
        }
        var isFirst = !isHidden && !Sees(user);
        if (_count == _list.Length)
            Array.Resize(ref _list, Math.Max(1, 2 * _count));
        _list[_count++] = new Entry(front, connection, user, isHidden);
        if (!HasFront(front))
            _fronts = [.. _fronts, front];
        if (isFirst)
            _users++;
        return isFirst;
    }

    /// <summary>Removes a connection; returns the user when it was the last one of that user that is seen.</summary>
    public string? Remove(string front, string connection)
    {
        if (_tables is not null)
            return _tables.Remove(front, connection);
        var at = Find(front, connection);
        if (at < 0)
            return null;
        var (user, isHidden) = (_list[at].User, _list[at].IsHidden);
        _count--;
        Array.Copy(_list, at + 1, _list, at, _count - at);
        _list[_count] = default;
        if (!Array.Exists(_list, entry => entry.Front == front))
            _fronts = [.. _fronts.Where(other => other != front)];
        if (isHidden || Sees(user))
            return null;
        _users--;
        return user;
    }

    /// <summary>Removes a front with all its connections; returns the users of whom none is seen any more.</summary>
    public IReadOnlyList<string> RemoveFront(string front)
    {
        if (_tables is not null)
            return _tables.RemoveFront(front);
        string[] ids = [.. _list.Where(entry => entry.Front == front).Select(entry => entry.Connection)];
        return [.. ids.Select(connection => Remove(front, connection)).OfType<string>()];
    }

    /// <summary>The connections of a front.</summary>
    public IReadOnlyCollection<string> ConnectionsOf(string front) => _tables is { } tables
        ? tables.ConnectionsOf(front)
        : [.. _list.Take(_count).Where(entry => entry.Front == front).Select(entry => entry.Connection)];

    public FrontMembers[] Save() => _tables?.Save()
        ?? [.. _fronts.Select(front => new FrontMembers(front,
            [.. _list.Where(entry => entry.Front == front).Select(entry => new Member(entry.User, entry.Connection, entry.IsHidden))]))];

    public void Load(FrontMembers[] fronts)
    {
        foreach (var (front, members) in fronts)
        {
            foreach (var member in members)
                Add(front, member.Connection, member.User, member.IsHidden);
        }
    }

    public bool Has(string front, string connection) => _tables?.Has(front, connection) ?? Find(front, connection) >= 0;

    /// <summary>Whether the user is seen.</summary>
    public bool HasUser(string user) => _tables?.HasUser(user) ?? Sees(user);

    public bool HasFront(string front) => _tables?.HasFront(front) ?? Array.IndexOf(_fronts, front) >= 0;

    /// <summary>The users after one, in ordinal order.</summary>
    public MembersPage Page(string? after, int limit)
    {
        var found = _tables?.After(after)
            ?? _list.Take(_count).Where(entry => !entry.IsHidden).Select(entry => entry.User).Distinct().Order(StringComparer.Ordinal).Where(user => after is null || string.CompareOrdinal(user, after) > 0);
        string[] users = [.. found.Take(limit + 1)];
        return users.Length > limit ? new MembersPage(users[..limit], Users, users[limit - 1]) : new MembersPage(users, Users, null);
    }

    /// <summary>Whether a connection is hidden; null when it is not here.</summary>
    public bool? IsHidden(string front, string connection) =>
        _tables is not null ? _tables.IsHidden(front, connection) : Find(front, connection) is var at and >= 0 ? _list[at].IsHidden : null;

    /// <summary>Places of the list that are not used have no user.</summary>
    private bool Sees(string user) => Array.Exists(_list, entry => entry.User == user && !entry.IsHidden);

    private int Find(string front, string connection) =>
        Array.FindIndex(_list, entry => entry.Connection == connection && entry.Front == front);

    /// <summary>A connection; places of the list that are not used yet hold nothing.</summary>
    private readonly record struct Entry(string Front, string Connection, string User, bool IsHidden);
}
