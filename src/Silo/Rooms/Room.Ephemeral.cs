namespace Realtime.Silo.Rooms;

/// <summary>Messages that are of use only now: they have an order among the room's events, and neither a sequence nor a place in the log.</summary>
internal sealed partial class Room
{
    /// <summary>To who is in the room now, also while its log cannot be written.</summary>
    public RoomReply SendEphemeral(string? from, string? key, byte[] body, bool isService = false, string? except = null, MessageTrace? trace = null)
    {
        var now = NowMs();
        if (!IsEmpty)
        {
            if (!HasPast)
                return s_unavailable; // fronts know no epoch to order it in
            _events.Add(new FrontEvent
            {
                Kind = FrontEventKind.Ephemeral,
                Target = name,
                From = from,
                Epoch = Epoch,
                Order = ++_order,
                Timestamp = now,
                Body = body,
                IsService = isService,
                Except = except,
                Key = key,
                Trace = trace,
            });
        }
        return new PublishedReply(new Receipt(Epoch, 0, now));
    }
}
