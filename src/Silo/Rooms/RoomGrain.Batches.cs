using System.Diagnostics;

namespace Realtime.Silo.Rooms;

/// <summary>What services publish, one by one and together.</summary>
internal sealed partial class RoomGrain
{
    private static readonly RoomMessage s_unwrapped = new(); // a frame of a service has neither sender nor id

    public Task<Receipt> Broadcast(RoomMessage message)
    {
        var body = MessageBody.Encode(message, options.Value.MaxContentBytes, isForRoom: true);
        return Send(KindOf(message), message, body);
    }

    public Task<Receipt> BroadcastText(string text) => Send(FrontEventKind.Text, s_unwrapped, MessageBody.Text(text, options.Value.MaxContentBytes));

    public Task<Receipt> BroadcastBinary(byte[] data) => Send(FrontEventKind.Binary, s_unwrapped, MessageBody.Binary(data, options.Value.MaxContentBytes));

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
                bodies[i] = MessageBody.Encode(messages[i], options.Value.MaxContentBytes, isForRoom: true);
            }
            catch (RequestException wrong)
            {
                refused[i] = new RefusedReply(wrong.Code, wrong.Message);
            }
        }
        if (Array.TrueForAll(bodies, body => body is null))
            return refused; // a room is not opened for nothing
        var isKept = messages.Where((message, i) => bodies[i] is not null && !message.IsEphemeral).Any();
        return await Turn(messages[0].From, isKept, async () =>
        {
            var judgements = _hooks is null ? null : await Judge([.. messages.Select((message, i) =>
                bodies[i] is { } body ? PublishOf(KindOf(message), message.From, message.Id, body, isService: true, message.Key, message.IsDeleted) : null)]);
            return [.. messages.Select((message, i) => bodies[i] is not { } body ? refused[i]
                : judgements?[i].Refusal ?? Publish(KindOf(message), message, body, judgements?[i].Body))];
        });
    }

    private static FrontEventKind KindOf(RoomMessage message) => message.IsEphemeral ? FrontEventKind.Ephemeral : FrontEventKind.Message;

    /// <param name="kind">A message, an ephemeral one, or a frame.</param>
    /// <param name="message">What is said beside the body.</param>
    /// <param name="body">The body as it was sent.</param>
    /// <param name="replaced">What a hook has made of it; null for nothing.</param>
    private RoomReply Publish(FrontEventKind kind, RoomMessage message, byte[] body, byte[]? replaced = null) => kind == FrontEventKind.Ephemeral
        ? _room.SendEphemeral(message.From, message.Key, replaced ?? body, isService: true, except: message.Exclude, trace: SiloTracing.OfTurn(time))
        : _room.Publish(kind, message.From, message.Id, replaced ?? body, isService: true, except: message.Exclude, named: body, change: ChangeOf(message), trace: SiloTracing.OfTurn(time));

    private static StateChange? ChangeOf(RoomMessage message) => message.Key is null ? null
        : new(message.Key, message.IsDeleted) { IfVersion = message.IfVersion, Ttl = MessageBody.TtlOf(message) };

    private async Task<Receipt> Send(FrontEventKind kind, RoomMessage message, byte[] body)
    {
        var replies = await Turn(message.From, kind != FrontEventKind.Ephemeral,
            async () => [_hooks is null ? Publish(kind, message, body) : await PublishHooked(kind, message, body)]);
        return replies[0] switch
        {
            PublishedReply published => published.Receipt,
            RefusedReply refused => throw new RoomException(refused.Code, refused.Reason),
            var other => throw new InvalidOperationException($"A publish is not answered by {other.GetType().Name}."),
        };
    }

    /// <summary>A turn of what a service publishes.</summary>
    /// <param name="from">Who has the room opened, if need be.</param>
    /// <param name="isKept">Whether some of it is for the log.</param>
    /// <param name="publish">Publishes it.</param>
    private async Task<RoomReply[]> Turn(string? from, bool isKept, Func<ValueTask<RoomReply[]>> publish)
    {
        var start = Stopwatch.GetTimestamp();
        using var turn = SiloTracing.StartTurn();
        CheckIsRoom();
        if (!isKept && _room.IsEmpty)
        {
            DeactivateIfUnused();
            return await publish(); // there is nobody
        }
        ThrowIfFull();
        if (_log is null && (isKept || !_room.HasPast))
            await TryOpen(Create, from ?? "");
        var replies = await publish();
        if (_room.Pending.Length > 0)
            await Commit(replies);
        await Publish();
        UpdateMemory();
        if (_room.IsEmpty)
            KeepAlive();
        SiloMetrics.Turned(start);
        return replies;
    }
}
