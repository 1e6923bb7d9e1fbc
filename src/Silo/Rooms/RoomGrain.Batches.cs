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
        return await Turn(messages[0].From, () => [.. messages.Select((message, i) =>
            bodies[i] is { } body ? _room.Publish(FrontEventKind.Message, message.From, message.Id, body, isService: true) : refused[i])]);
    }
}
