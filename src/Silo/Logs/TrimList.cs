namespace Realtime.Silo.Logs;

/// <summary>Rooms with messages that are not needed any more, until the trimmer takes them.</summary>
internal sealed class TrimList
{
    /// <summary>So many messages of a room are deleted together: a deletion costs about the same for one as for these.</summary>
    public const int Step = 64;

    private readonly Lock _gate = new();
    private Dictionary<long, long> _before = [];

    /// <summary>Messages of the room before the sequence may go.</summary>
    public void Add(long room, long before)
    {
        lock (_gate)
            _before[room] = before;
    }

    /// <summary>Rooms, and what may go; the list is empty then.</summary>
    public Dictionary<long, long> Take()
    {
        lock (_gate)
        {
            var taken = _before;
            _before = [];
            return taken;
        }
    }
}
