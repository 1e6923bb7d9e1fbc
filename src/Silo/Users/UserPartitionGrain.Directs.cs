using Realtime.Silo.Rooms;

namespace Realtime.Silo.Users;

/// <summary>Messages to users: those that a user's inbox keeps, and those that only who is there gets.</summary>
internal sealed partial class UserPartitionGrain
{
    /// <summary>Connected users of whom it is known that they have no inbox: messages to them ask nobody.</summary>
    private readonly HashSet<string> _withoutInbox = [];

    /// <summary>The last message on its way to the inbox of a user, as calls that are under way together overtake each other.</summary>
    private readonly Dictionary<string, Task> _keeping = [];

    private long _noted; // inboxes that were made; an answer of before one says nothing

    public async Task<int> Deliver(string user, string from, byte[] body) =>
        (await Send(new DirectMessage { User = user, From = from, Body = body })).Connections;

    public async Task<DirectReceipt> Send(DirectMessage message)
    {
        Check(message);
        if (inboxes.Value.Mode == InboxOptions.Off || _withoutInbox.Contains(message.User))
            return new DirectReceipt(await Push(EventOf(message, null)));
        var (user, last) = (message.User, _keeping.GetValueOrDefault(message.User));
        var sending = SendAfter(last, message);
        _keeping[user] = sending;
        try
        {
            return await sending;
        }
        finally
        {
            if (_keeping.GetValueOrDefault(user) == sending)
                _keeping.Remove(user);
        }
    }

    public Task NoteInbox(string user)
    {
        Names.Check(user, "user");
        _noted++;
        _withoutInbox.Remove(user);
        return Task.CompletedTask;
    }

    private async Task<DirectReceipt> SendAfter(Task? last, DirectMessage message)
    {
        if (last is not null)
            await last.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        // Before it moves to another silo this waits for its calls, and an inbox that has moved already waits for this: one call after the other would hold it up.
        if (last is { IsFaulted: true } && lifetime.ApplicationStopping.IsCancellationRequested)
            throw new RoomException(RoomException.Unavailable, "The user's silo stops; try again, with the same id.");
        var noted = _noted;
        InboxReply? reply;
        try
        {
            reply = await GrainFactory.GetGrain<IRoomGrain>(InboxKey.Of(message.User)).Keep(message);
        }
        catch
        {
            await Wake(message.User);
            throw;
        }
        var (fronts, connections) = _users.Where(message.User);
        if (reply is null)
        {
            if (noted == _noted && connections > 0)
                _withoutInbox.Add(message.User);
            return new DirectReceipt(await Push(EventOf(message, null)));
        }
        if (reply.Reply is RefusedReply refused)
        {
            if (refused.Code == RoomException.Unavailable)
                await Wake(message.User);
            throw new RoomException(refused.Code, refused.Reason);
        }
        var receipt = ((PublishedReply)reply.Reply).Receipt;
        // Fronts with a connection that has the inbox have the message from there, for the others too.
        if (!reply.IsRepeat && connections > 0)
            await publisher.Publish([.. fronts.Except(reply.Fronts)], [EventOf(message, receipt)]);
        return new DirectReceipt(connections, receipt);
    }

    private void Check(DirectMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        Names.Check(message.User, "user");
        if (message.From is not null || !message.IsService)
            Names.Check(message.From, "sender");
        if (PublishId.Problem(message.Id) is { } problem)
            throw new RequestException(RequestException.BadRequest, problem);
        if (MessageBody.Problem(message.Body, options.Value.MaxContentBytes) is { } wrong)
            throw wrong;
    }

    private FrontEvent EventOf(DirectMessage message, Receipt? kept) => new()
    {
        Kind = FrontEventKind.DirectMessage,
        Target = message.User,
        From = message.From,
        IsService = message.IsService,
        Body = message.Body,
        Epoch = kept?.Epoch,
        Sequence = kept?.Sequence ?? 0,
        Timestamp = kept?.Timestamp ?? time.GetUtcNow().ToUnixTimeMilliseconds(),
    };

    /// <summary>Of who is gone nothing is remembered.</summary>
    private void ForgetGone(UserChange[] changes)
    {
        if (_withoutInbox.Count == 0)
            return;
        foreach (var change in changes)
        {
            if (change.ConnectedAt is null && _users.Where(change.User).Connections == 0)
                _withoutInbox.Remove(change.User);
        }
    }
}
