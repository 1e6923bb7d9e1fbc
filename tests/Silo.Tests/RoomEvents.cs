using Realtime.Grains;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests;

internal static class RoomEvents
{
    /// <summary>What the fronts would be told now.</summary>
    public static FrontEvent[] TakeEvents(this Room room)
    {
        var events = room.Events.ToArray();
        room.ClearEvents();
        return events;
    }
}
