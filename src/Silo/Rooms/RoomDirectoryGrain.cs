namespace Realtime.Silo.Rooms;

/// <summary>One shard of the names of rooms with members.</summary>
internal sealed class RoomDirectoryGrain : Grain, IRoomDirectoryGrain
{
    private readonly SortedSet<string> _rooms = new(StringComparer.Ordinal);

    public Task Opened(string room)
    {
        _rooms.Add(room);
        DelayDeactivation(TimeSpan.FromDays(3650)); // the names are only here
        return Task.CompletedTask;
    }

    public Task Closed(string room)
    {
        _rooms.Remove(room);
        if (_rooms.Count == 0)
            DeactivateOnIdle();
        return Task.CompletedTask;
    }

    public Task<string[]> List(string? after, int limit)
    {
        if (_rooms.Count == 0 || (after is not null && StringComparer.Ordinal.Compare(after, _rooms.Max) >= 0))
            return Task.FromResult(Array.Empty<string>());
        IEnumerable<string> rest = after is null ? _rooms : _rooms.GetViewBetween(after, _rooms.Max!).Where(room => room != after);
        return Task.FromResult(rest.Take(limit).ToArray());
    }
}
