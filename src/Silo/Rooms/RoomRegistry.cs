using System.Collections.Concurrent;

namespace Realtime.Silo.Rooms;

/// <summary>The rooms on this silo, for listings, and those that have published since the last announcement of positions.</summary>
internal sealed class RoomRegistry
{
    private readonly ConcurrentDictionary<RoomGrain, bool> _rooms = new(ReferenceEqualityComparer.Instance);
    private readonly ConcurrentQueue<RoomGrain> _active = new();
    private int _open;

    public void Add(RoomGrain room) => _rooms.TryAdd(room, true);

    public void Remove(RoomGrain room) => _rooms.TryRemove(room, out _);

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

    /// <summary>Rooms with members in ordinal order of their names, those after <paramref name="after"/> only.</summary>
    public RoomSummary[] Page(string? after, int limit) =>
    [
        .. _rooms.Select(entry => entry.Key.Summary)
            .Where(room => room.Members > 0 && (after is null || string.CompareOrdinal(room.Room, after) > 0))
            .OrderBy(room => room.Room, StringComparer.Ordinal)
            .Take(limit),
    ];
}
