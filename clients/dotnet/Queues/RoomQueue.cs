namespace Realtime.Client.Queues;

/// <summary>The events of a room that wait for the application.</summary>
internal sealed class RoomQueue(int maxItems, int maxBytes) : EventQueue<RoomEvent>(maxItems, maxBytes)
{
    /// <summary>Where the application is.</summary>
    private Position? _read;

    protected override void Taken(RoomEvent item) => _read = item switch
    {
        RoomMessage message => message.Position,
        RoomMissed missed => missed.Position,
        RoomJoined { Recovered: not true, Last: 0 } joined => joined.Position,
        _ => _read,
    };

    protected override RoomEvent? Merge(RoomEvent? lost, RoomEvent next)
    {
        if (next is EphemeralMessage)
            return lost; // nobody is told of those
        var before = lost as RoomMissed;
        Position? since;
        Position? position;
        switch (next)
        {
            case RoomMessage message:
                (since, position) = (new Position(message.Position.Epoch, message.Position.Sequence - 1), message.Position);
                break;
            case RoomMissed missed:
                (since, position) = (missed.Since, missed.Position);
                break;
            case RoomJoined { Recovered: not true, Last: 0 } joined:
                since = position = joined.Position;
                break;
            default: // moves nothing
                since = position = before?.Position ?? _read;
                break;
        }
        return new RoomMissed
        {
            Since = before is null ? since : before.Since,
            Position = position ?? default,
            Presence = before?.Presence == true || next is MemberEvent or MemberCount or RoomMembers or RoomJoined { Users: not null } or RoomMissed { Presence: true },
            Reason = MissedReason.SlowConsumer,
        };
    }
}
