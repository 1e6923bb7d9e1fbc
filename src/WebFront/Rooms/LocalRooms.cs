using System.Collections.Concurrent;
using Realtime.Grains;

namespace Realtime.WebFront.Rooms;

/// <summary>The rooms that connections of this front are in, or on their way into.</summary>
internal sealed class LocalRooms
{
    private readonly ConcurrentDictionary<string, LocalRoom> _rooms = new();
    private readonly ConcurrentDictionary<LocalRoom, bool> _outOfStep = new();
    private readonly RoomServices _services;

    public LocalRooms(RoomServices services)
    {
        _services = services;
        services.Meter.CreateObservableUpDownCounter("realtime.front.rooms", () => _rooms.Count, "{room}", "Rooms with connections at this front.");
    }

    /// <summary>How many there are.</summary>
    public int Count => _rooms.Count;

    /// <summary>The room, made if need be; until <see cref="LocalRoom.Release"/>.</summary>
    public LocalRoom Acquire(string name)
    {
        while (true)
        {
            var room = _rooms.GetOrAdd(name, static (key, rooms) => new LocalRoom(key, rooms, rooms._services), this);
            if (room.TryAcquire())
                return room;
            Remove(room);
        }
    }

    /// <summary>The room; null when no connection is in it.</summary>
    public LocalRoom? Find(string name) => _rooms.TryGetValue(name, out var room) ? room : null;

    public void Remove(LocalRoom room) => _rooms.TryRemove(KeyValuePair.Create(room.Name, room));

    /// <summary>The room and its grain may not agree on who is in it.</summary>
    public void AddOutOfStep(LocalRoom room) => _outOfStep[room] = true;

    public void RemoveOutOfStep(LocalRoom room) => _outOfStep.TryRemove(room, out _);

    /// <summary>Syncs the rooms that may not agree with their grain.</summary>
    public void SyncOutOfStep()
    {
        foreach (var (room, _) in _outOfStep)
            Sync(room, []);
    }

    /// <summary>Syncs every room with its grain.</summary>
    public void Sync() => SyncUnlessOn([]);

    /// <summary>Syncs every room that was on none of these silos, which are up. A failure costs the room alone.</summary>
    public void SyncUnlessOn(string[] silos)
    {
        foreach (var room in _rooms.Values)
            Sync(room, silos);
    }

    private void Sync(LocalRoom room, string[] silos)
    {
        try
        {
            room.SyncUnlessOn(silos);
        }
        catch (Exception exception)
        {
            _services.LogDispatchFailed(room.Name, exception);
        }
    }
}
