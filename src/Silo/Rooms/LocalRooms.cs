using System.Collections.Concurrent;

namespace Realtime.Silo.Rooms;

/// <summary>The rooms on this silo, for listings, and those that have told their fronts something lately.</summary>
internal sealed class LocalRooms
{
    private readonly ConcurrentDictionary<RoomGrain, bool> _rooms = new(ReferenceEqualityComparer.Instance);
    private readonly ConcurrentQueue<RoomGrain> _busy = new();

    public void Add(RoomGrain room) => _rooms.TryAdd(room, true);

    public void Remove(RoomGrain room) => _rooms.TryRemove(room, out _);

    /// <summary>The room has told its fronts something. Called once for each time that <see cref="TakeBusy"/> gives it.</summary>
    public void Busy(RoomGrain room) => _busy.Enqueue(room);

    /// <summary>The rooms that were busy since the last call, and how far they are.</summary>
    public Dictionary<string, RoomOrder> TakeBusy()
    {
        var taken = new Dictionary<string, RoomOrder>();
        // Those that come meanwhile are for the next time.
        for (var left = _busy.Count; left > 0 && _busy.TryDequeue(out var room); left--)
        {
            var told = room.TakeTold();
            taken[told.Room] = told;
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
