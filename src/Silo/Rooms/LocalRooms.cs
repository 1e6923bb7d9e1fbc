using System.Collections.Concurrent;

namespace Realtime.Silo.Rooms;

/// <summary>The rooms on this silo, for listings.</summary>
internal sealed class LocalRooms
{
    private readonly ConcurrentDictionary<RoomGrain, bool> _rooms = new(ReferenceEqualityComparer.Instance);

    public void Add(RoomGrain room) => _rooms.TryAdd(room, true);

    public void Remove(RoomGrain room) => _rooms.TryRemove(room, out _);

    /// <summary>Rooms with members in ordinal order of their names, those after <paramref name="after"/> only.</summary>
    public RoomSummary[] Page(string? after, int limit) =>
    [
        .. _rooms.Select(entry => entry.Key.Summary)
            .Where(room => room.Members > 0 && (after is null || string.CompareOrdinal(room.Room, after) > 0))
            .OrderBy(room => room.Room, StringComparer.Ordinal)
            .Take(limit),
    ];
}
