using System.Runtime.InteropServices;

namespace Realtime.Silo.Rooms;

/// <summary>
/// What the members of a room show of themselves, bounded in bytes. It belongs to a connection; of a user's connections the last one that
/// wrote counts, and when that leaves, the last of those that are left. Made for the first who shows something.
/// </summary>
/// <param name="bound"><see cref="RoomOptions.MaxPresenceRoomBytes"/>.</param>
internal sealed class PresenceData(long bound)
{
    /// <summary>Bytes of an entry without its data.</summary>
    public const int EntrySize = 200;

    private readonly Dictionary<(string Front, string Connection), Entry> _entries = [];
    private readonly Dictionary<string, Entry> _newest = []; // of each user

    /// <summary>What it takes in memory.</summary>
    public long Bytes { get; private set; }

    public bool IsEmpty => _entries.Count == 0;

    /// <summary>What the others see of the user; null for nothing.</summary>
    public byte[]? Of(string user) => _newest.GetValueOrDefault(user)?.Data;

    /// <summary>Whether a connection may write so many bytes.</summary>
    public bool Fits(string front, string connection, int size) =>
        Bytes + EntrySize + size - (_entries.TryGetValue((front, connection), out var entry) ? SizeOf(entry) : 0) <= bound;

    /// <summary>A connection has written, later than all others of its user.</summary>
    public void Set(string front, string connection, string user, byte[] data, long nowMs)
    {
        _ = Remove(front, connection);
        Add(new Entry(front, connection, user, data, Math.Max(nowMs, _newest.GetValueOrDefault(user)?.Time ?? 0)));
    }

    /// <summary>What a connection wrote at some time before; it changes nothing where something of the connection is known.</summary>
    public void Restore(string front, string connection, string user, byte[] data, long time)
    {
        if (!_entries.ContainsKey((front, connection)) && Fits(front, connection, data.Length))
            Add(new Entry(front, connection, user, data, time));
    }

    /// <summary>The connection shows nothing any more; returns its user if that changes what the others see of it.</summary>
    public string? Remove(string front, string connection)
    {
        if (!_entries.Remove((front, connection), out var entry))
            return null;
        Bytes -= SizeOf(entry);
        if (entry.Older is { } older)
            older.Newer = entry.Newer;
        if (entry.Newer is { } newer)
        {
            newer.Older = entry.Older;
            return null;
        }
        if (entry.Older is null)
            _newest.Remove(entry.User);
        else
            _newest[entry.User] = entry.Older;
        return entry.User;
    }

    /// <summary>The same for all connections of a front.</summary>
    public IReadOnlyList<string> RemoveFront(string front)
    {
        string[] connections = [.. _entries.Keys.Where(key => key.Front == front).Select(key => key.Connection)];
        return [.. connections.Select(connection => Remove(front, connection)).OfType<string>().Distinct()];
    }

    /// <summary>The members with what they show.</summary>
    public FrontMembers[] AddTo(FrontMembers[] fronts) => IsEmpty ? fronts :
    [
        .. fronts.Select(front => front with
        {
            Members = [.. front.Members.Select(member => _entries.TryGetValue((front.Front, member.Connection), out var entry)
                ? member with { Data = entry.Data, DataTime = entry.Time }
                : member)],
        }),
    ];

    private void Add(Entry entry)
    {
        _entries.Add((entry.Front, entry.Connection), entry);
        Bytes += SizeOf(entry);
        ref var newest = ref CollectionsMarshal.GetValueRefOrAddDefault(_newest, entry.User, out _);
        if (newest is null || newest.Time <= entry.Time)
        {
            entry.Older = newest;
            if (newest is not null)
                newest.Newer = entry;
            newest = entry;
            return;
        }
        var next = newest;
        while (next.Older is { } other && other.Time > entry.Time)
            next = other;
        (entry.Newer, entry.Older) = (next, next.Older);
        if (next.Older is { } older)
            older.Newer = entry;
        next.Older = entry;
    }

    private static long SizeOf(Entry entry) => EntrySize + entry.Data.Length;

    /// <summary>What a connection has written; those of a user are linked, from the newest on.</summary>
    private sealed class Entry(string front, string connection, string user, byte[] data, long time)
    {
        public string Front => front;

        public string Connection => connection;

        public string User => user;

        public byte[] Data => data;

        public long Time => time; // Unix milliseconds

        public Entry? Newer { get; set; }

        public Entry? Older { get; set; }
    }
}
