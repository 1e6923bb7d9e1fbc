namespace Realtime.Silo.Rooms;

/// <summary>Messages of a service that come together.</summary>
internal sealed partial class RoomGrain
{
    public async Task<RoomReply[]> BroadcastMany(RoomMessage[] messages)
    {
        ArgumentNullException.ThrowIfNull(messages);
        if (messages.Length is 0 or > Limits.BatchMessages)
            throw new ArgumentException($"There are {messages.Length} messages; there must be 1 to {Limits.BatchMessages}.");
        var bodies = new byte[]?[messages.Length];
        var refused = new RoomReply[messages.Length];
        for (var i = 0; i < messages.Length; i++)
        {
            try
            {
                bodies[i] = MessageBody.Encode(messages[i], options.Value.MaxContentBytes);
            }
            catch (RequestException wrong)
            {
                refused[i] = new RefusedReply(wrong.Code, wrong.Message);
            }
        }
        if (Array.TrueForAll(bodies, body => body is null))
            return refused; // a room is not opened for nothing
        return await Turn(messages[0].From, async () =>
        {
            var judgements = _hooks is null ? null : await Judge([.. messages.Select((message, i) =>
                bodies[i] is { } body ? PublishOf(FrontEventKind.Message, message.From, message.Id, body, isService: true) : null)]);
            return [.. messages.Select((message, i) => bodies[i] is not { } body ? refused[i]
                : judgements?[i].Refusal ?? _room.Publish(FrontEventKind.Message, message.From, message.Id, judgements?[i].Body ?? body, isService: true, named: body))];
        });
    }
}
