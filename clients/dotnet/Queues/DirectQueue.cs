namespace Realtime.Client.Queues;

/// <summary>The direct messages that wait for the application.</summary>
internal sealed class DirectQueue(int maxItems, int maxBytes) : EventQueue<DirectEvent>(maxItems, maxBytes)
{
    protected override DirectEvent Merge(DirectEvent? lost, DirectEvent next)
    {
        var before = lost as DirectMissed;
        var (since, position, sender, isService) = next switch
        {
            DirectMessage { Position: { } place } => (new Position(place.Epoch, place.Sequence - 1), (Position?)place, (string?)null, false),
            DirectMessage message => ((Position?)null, null, message.From, message.IsService),
            DirectMissed missed => (missed.Since, missed.Position, missed.Sender, missed.IsService),
            _ => default,
        };
        var isSame = before is null || (before.Sender == sender && before.IsService == isService);
        return new DirectMissed
        {
            Since = before?.Position is null ? since : before.Since,
            Position = position ?? before?.Position,
            Sender = isSame ? sender : null,
            IsService = isSame && isService,
            Reason = MissedReason.SlowConsumer,
        };
    }
}

/// <summary>Frames in an application's own format. They count no numbers, so nothing can be told of those that give way.</summary>
internal sealed class RawQueue(int maxItems, int maxBytes) : EventQueue<RawFrame>(maxItems, maxBytes)
{
    protected override RawFrame Merge(RawFrame? lost, RawFrame next) => next;
}
