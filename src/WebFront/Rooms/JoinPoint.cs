using Realtime.Grains;

namespace Realtime.WebFront.Rooms;

/// <summary>Where on a room's time line a connection joined.</summary>
/// <param name="Order">Events up to it happened before the join.</param>
/// <param name="Sequence">Messages up to it were published before the join, or were delivered with its answer.</param>
internal readonly record struct JoinPoint(long Order, long Sequence)
{
    /// <summary>Presence up to it is in the page of members that came with the answer; 0 when there was none.</summary>
    public long Presence { get; init; }

    /// <summary>
    /// Whether the event is for who joined here. Messages go by their sequence: one that a room has read from its log again
    /// has another order than at first.
    /// </summary>
    public bool IsBefore(FrontEvent item) =>
        item.IsRoomMessage ? item.Sequence > Sequence : item.Order > Order && (item.Order > Presence || !item.IsPresence);
}
