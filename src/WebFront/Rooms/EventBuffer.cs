using System.Runtime.InteropServices;
using Realtime.Grains;

namespace Realtime.WebFront.Rooms;

/// <summary>Events that are kept for later, bounded in bytes. Over its capacity it drops all of them; its owner repairs that.</summary>
/// <param name="capacity">Bytes.</param>
internal sealed class EventBuffer(long capacity)
{
    /// <summary>Bytes of an event without its body; presence has none.</summary>
    public const int EventSize = 160;

    private readonly List<FrontEvent> _events = [];
    private long _bytes;

    public ReadOnlySpan<FrontEvent> Events => CollectionsMarshal.AsSpan(_events);

    /// <summary>False when it would be over its capacity: then it is empty.</summary>
    public bool TryAdd(ReadOnlySpan<FrontEvent> events)
    {
        foreach (var item in events)
            _bytes += SizeOf(item);
        if (_bytes > capacity)
        {
            Clear();
            return false;
        }
        _events.AddRange(events);
        return true;
    }

    /// <summary>Its events; it is empty then.</summary>
    public FrontEvent[] TakeAll()
    {
        FrontEvent[] events = [.. _events];
        Clear();
        return events;
    }

    /// <summary>Drops the events before a join point, which later joins do not need.</summary>
    public void TrimTo(JoinPoint point)
    {
        _events.RemoveAll(item => !point.IsBefore(item));
        _bytes = 0;
        foreach (var item in _events)
            _bytes += SizeOf(item);
    }

    public void Clear()
    {
        _events.Clear();
        _bytes = 0;
    }

    private static long SizeOf(FrontEvent item) => item.Body.Length + EventSize + 2 * (item.Key?.Length ?? 0);
}
