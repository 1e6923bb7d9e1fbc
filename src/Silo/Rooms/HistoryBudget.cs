using Microsoft.Extensions.Options;

namespace Realtime.Silo.Rooms;

/// <summary>
/// What the rooms of a silo may keep all together for those who come back. Beyond it those that were not used for the longest release
/// theirs first. One for a silo; for any thread.
/// </summary>
internal sealed class HistoryBudget(long limit)
{
    private readonly Lock _gate = new();
    private RoomMemory? _leastRecent, _mostRecent;
    private long _used;
    private long _asked; // of it, what rooms are asked to release

    public HistoryBudget(IOptions<RoomOptions> options)
        : this(options.Value.TotalHistoryBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 4)
    {
    }

    public long Used => Volatile.Read(ref _used);

    /// <summary>The room keeps so much now. Called by one turn of a room at a time.</summary>
    /// <param name="room">The room.</param>
    /// <param name="bytes">What it keeps.</param>
    /// <param name="isUse">Whether it was used; else it has only released something.</param>
    public void Set(RoomMemory room, long bytes, bool isUse)
    {
        List<RoomMemory>? asked;
        lock (_gate)
        {
            Count(room, bytes, isUse);
            asked = Choose();
        }
        if (asked is null)
            return;
        SiloLimits.Met(SiloLimits.TotalHistoryBytes);
        foreach (var other in asked)
            other.BeginRelease();
    }

    /// <summary>The room keeps nothing here any more.</summary>
    public void Remove(RoomMemory room)
    {
        lock (_gate)
            Count(room, 0, isUse: true);
    }

    private void Count(RoomMemory room, long bytes, bool isUse)
    {
        var moves = isUse || bytes == 0 || room.Bytes == 0;
        if (moves)
            Unlink(room);
        _used += bytes - room.Bytes;
        _asked -= room.Asked;
        (room.Bytes, room.Asked) = (bytes, 0);
        if (moves && bytes > 0)
            LinkLast(room);
    }

    /// <summary>Those that are to release something, so that there is space.</summary>
    private List<RoomMemory>? Choose()
    {
        var excess = _used - _asked - limit;
        if (excess <= 0)
            return null;
        excess += limit / 32; // or every message would have a room release one
        var chosen = new List<RoomMemory>();
        for (var room = _leastRecent; room is not null && excess > 0; room = room.MoreRecent)
        {
            var bytes = Math.Min(room.Bytes - room.Asked, excess);
            if (bytes <= 0)
                continue;
            if (room.Asked == 0)
                chosen.Add(room);
            room.Asked += bytes;
            _asked += bytes;
            excess -= bytes;
        }
        return chosen;
    }

    private void LinkLast(RoomMemory room)
    {
        room.LessRecent = _mostRecent;
        if (_mostRecent is null)
            _leastRecent = room;
        else
            _mostRecent.MoreRecent = room;
        _mostRecent = room;
    }

    private void Unlink(RoomMemory room)
    {
        if (room.Bytes == 0)
            return; // it is not linked
        if (room.LessRecent is { } less)
            less.MoreRecent = room.MoreRecent;
        else
            _leastRecent = room.MoreRecent;
        if (room.MoreRecent is { } more)
            more.LessRecent = room.LessRecent;
        else
            _mostRecent = room.LessRecent;
        (room.LessRecent, room.MoreRecent) = (null, null);
    }
}
