using System.Diagnostics.Metrics;
using Realtime.Silo.Users;

namespace Realtime.Silo.Rooms;

/// <summary>What is otherwise when the room is the inbox of a user: its members are the user's connections, and nobody else can name it.</summary>
internal sealed partial class RoomGrain
{
    /// <summary>How long an inbox that nobody uses stays in memory when its log has all of it.</summary>
    private static readonly TimeSpan s_inboxIdle = TimeSpan.FromMinutes(1);

    private static readonly RefusedReply s_noInboxes = new("forbidden", "There are no inboxes here (Inbox:Mode is off).");

    private static readonly Counter<long> s_kept = new Meter(SiloTelemetry.MeterName).CreateCounter<long>(
        "realtime.inbox.messages", "{message}", "Messages for inboxes, by outcome: kept, repeat or refused.");

    private string? _owner; // the user whose inbox it is; null when it is a room
    private bool _isNoted; // the user's partition knows that there is an inbox

    private Retention Retention => _owner is null ? options.Value.RetentionOf(this.GetPrimaryKeyString()) : inboxes.Value.Retention;

    /// <summary>How long it stays in memory when nobody is in it.</summary>
    private TimeSpan IdleTime =>
        _owner is null || !_room.HasPast ? (StateTime > _room.ExpiresIn ? StateTime : _room.ExpiresIn)
        : _log?.Mark.Term > 0 ? s_inboxIdle
        : inboxes.Value.Age; // it is nowhere else, and neither is what tells that the user has one

    private IUserPartitionGrain Partition => GrainFactory.GetGrain<IUserPartitionGrain>(IUserPartitionGrain.KeyOf(_owner!));

    public async Task<InboxReply?> Keep(DirectMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (_owner is null || _owner != message.User)
            throw new ArgumentException($"This is not the inbox of '{message.User}'.", nameof(message));
        if (inboxes.Value.Mode == InboxOptions.Off || !await TryOpenToKeep(message.From ?? ""))
            return null;
        RoomReply[] replies = [_room.Publish(FrontEventKind.Message, message.From, message.Id, message.Body, message.IsService)];
        var isRepeat = _room.Pending.Length == 0;
        if (!isRepeat)
            await Commit(replies);
        string[] fronts = [.. _room.Fronts];
        await Publish();
        UpdateMemory();
        KeepAlive();
        s_kept.Add(1, new KeyValuePair<string, object?>("realtime.outcome", replies[0] is RefusedReply ? "refused" : isRepeat ? "repeat" : "kept"));
        return new InboxReply(replies[0], fronts, isRepeat);
    }

    public async Task<InboxDescription> DescribeInbox()
    {
        if (_owner is null)
            throw new ArgumentException("This is no inbox.");
        if (inboxes.Value.Mode != InboxOptions.Off)
            await OpenToRead();
        DeactivateIfUnused();
        return _room.DescribeInbox();
    }

    /// <summary>False when the user has no inbox, and is not to be given one.</summary>
    private async ValueTask<bool> TryOpenToKeep(string sender)
    {
        if (_log is not null)
            return true;
        var isKnown = _room.HasPast || !_room.IsEmpty;
        if (isKnown || inboxes.Value.Mode == InboxOptions.All)
        {
            if (!TryBeginOpen(isKnown))
                throw new RoomException(s_full.Code, s_full.Reason);
            await TryOpen(Create, sender); // or else the message is refused
            return true;
        }
        if (!await TryOpen(logs.Find, sender))
            throw new RoomException(RoomException.Unavailable, "Whether the user has an inbox cannot be read now; try again, with the same id.");
        if (_room.HasPast)
            TryBeginOpen(isKnown: true);
        else
            DeactivateIfUnused();
        return _room.HasPast;
    }

    /// <summary>Before a connection is told that it has the inbox: no message may pass it by from then on.</summary>
    private async ValueTask NoteInbox()
    {
        if (_owner is null || _isNoted || !_room.HasPast)
            return;
        await Partition.NoteInbox(_owner);
        _isNoted = true;
    }

    /// <summary>What services do with rooms they do not do with inboxes.</summary>
    private void CheckIsRoom() => Names.Check(this.GetPrimaryKeyString(), "room");
}
