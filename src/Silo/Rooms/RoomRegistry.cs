using System.Collections.Concurrent;

namespace Realtime.Silo.Rooms;

/// <summary>The rooms on this silo, for listings, and those that have published since the last announcement of positions.</summary>
internal sealed class RoomRegistry
{
    // How many rooms are looked at in one go, so that a listing of rooms of which few have members keeps nobody waiting.
    private const int AtOnce = 1024;

    // Sorted, so that a page costs its own size among however many rooms.
    private readonly SortedSet<Entry> _rooms = new(Comparer<Entry>.Create(static (one, other) => string.CompareOrdinal(one.Name, other.Name)));
    private readonly ConcurrentQueue<RoomGrain> _active = new();
    private int _open;

    /// <summary>How many there are, inboxes and rooms without members among them.</summary>
    public int Count
    {
        get
        {
            lock (_rooms)
                return _rooms.Count;
        }
    }

    public void Add(string name, RoomGrain room)
    {
        lock (_rooms)
        {
            if (_rooms.Add(new(name, room)))
                return;
            _rooms.Remove(new(name, room)); // one that is about to end
            _rooms.Add(new(name, room));
        }
    }

    public void Remove(string name, RoomGrain room)
    {
        lock (_rooms)
        {
            if (_rooms.TryGetValue(new(name, room), out var found) && found.Room == room)
                _rooms.Remove(found);
        }
    }

    /// <summary>A room is opened, if there are not as many as may be; to be ended by <see cref="EndOpen"/>.</summary>
    public bool TryBeginOpen(int most)
    {
        if (Interlocked.Increment(ref _open) <= most)
            return true;
        Interlocked.Decrement(ref _open);
        return false;
    }

    /// <summary>The room is not on this silo any more.</summary>
    public void EndOpen() => Interlocked.Decrement(ref _open);

    /// <summary>The room has published. Called once for each time that <see cref="TakeActive"/> returns it.</summary>
    public void MarkActive(RoomGrain room) => _active.Enqueue(room);

    /// <summary>The rooms that have published since the last call, and the order of their last event.</summary>
    public Dictionary<string, RoomOrder> TakeActive()
    {
        var taken = new Dictionary<string, RoomOrder>();
        // Those that come meanwhile are for the next time.
        for (var left = _active.Count; left > 0 && _active.TryDequeue(out var room); left--)
        {
            var published = room.TakePublished();
            taken[published.Room] = published;
        }
        return taken;
    }

    /// <summary>
    /// Rooms with members in ordinal order of their names, those after <paramref name="after"/> only, and only those whose names begin with
    /// <paramref name="prefix"/>.
    /// </summary>
    public RoomSummary[] Page(string? after, int limit, string? prefix = null)
    {
        var (page, chunk) = (new List<RoomSummary>(), new List<Entry>(AtOnce));
        // The first name that is looked at: of all that have the prefix, the prefix itself is the first.
        var (from, includesFrom) = string.CompareOrdinal(after, prefix) >= 0 ? (after, false) : (prefix, true);
        do
        {
            Read(chunk, from ?? "", includesFrom);
            foreach (var (name, room) in chunk)
            {
                if (prefix is not null && !name.StartsWith(prefix, StringComparison.Ordinal))
                    return [.. page];
                if (room.MemberCount is > 0 and var members)
                    page.Add(new RoomSummary(name, members));
                if (page.Count == limit)
                    return [.. page];
            }
            if (chunk.Count > 0)
                (from, includesFrom) = (chunk[^1].Name, false);
        } while (chunk.Count == AtOnce);
        return [.. page];
    }

    private void Read(List<Entry> chunk, string from, bool includesFrom)
    {
        chunk.Clear();
        lock (_rooms)
        {
            if (_rooms.Count == 0 || string.CompareOrdinal(_rooms.Max.Name, from) < 0)
                return;
            foreach (var entry in _rooms.GetViewBetween(new(from, null!), _rooms.Max))
            {
                if (!includesFrom && entry.Name == from)
                    continue;
                chunk.Add(entry);
                if (chunk.Count == AtOnce)
                    return;
            }
        }
    }

    private readonly record struct Entry(string Name, RoomGrain Room);
}
