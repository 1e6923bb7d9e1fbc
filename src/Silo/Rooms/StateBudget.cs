using Microsoft.Extensions.Options;

namespace Realtime.Silo.Rooms;

/// <summary>
/// What the state of all rooms of a silo may take in memory. Unlike a history none of it is released: beyond the bound what would add to it is
/// refused. One for a silo; for any thread.
/// </summary>
internal sealed class StateBudget(long limit)
{
    private long _used;

    public StateBudget(IOptions<RoomOptions> options)
        : this(options.Value.TotalStateBytes ?? GC.GetGCMemoryInfo().TotalAvailableMemoryBytes / 8)
    {
    }

    public long Used => Volatile.Read(ref _used);

    /// <summary>Whether so many bytes may be added. Rooms that ask at the same time may go a little beyond.</summary>
    public bool HasSpace(long bytes) => bytes <= limit - Used;

    /// <summary>A room has so many bytes more, or fewer.</summary>
    public void Add(long bytes) => Interlocked.Add(ref _used, bytes);
}
