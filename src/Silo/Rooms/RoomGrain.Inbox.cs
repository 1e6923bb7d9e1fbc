using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Realtime.PushStreams;
using Realtime.Silo.Logs;
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
    private bool _isAtRest; // fronts with members are not known here, but to the user's partition

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
        if (_isAtRest)
            _batches.Load([]); // what fronts would repeat has become another answer
        _isAtRest = false;
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

    /// <summary>
    /// An inbox that keeps no message needs no grain: the user's partition tells fronts that one has come, and they ask for it then. Before a
    /// connection is told that it has the inbox.
    /// </summary>
    /// <returns>The partition's silo; null for a room, and for an inbox that goes on as one.</returns>
    private async ValueTask<string?> RestOrNote()
    {
        if (_owner is null || !_room.HasPast)
            return null;
        if (_log is { } log && _room.KeptBytes == 0 && (!_room.IsEmpty || log.Mark.Term == 0) && await TryRest(log) is { } silo)
            return silo;
        await NoteInbox();
        return null;
    }

    private async ValueTask<string?> TryRest(IRoomLog log)
    {
        var isKept = log.Mark.Term > 0;
        string[] fronts = [.. _room.Fronts];
        string? silo;
        try
        {
            silo = await Partition.RestInbox(_owner!, fronts, isKept ? null : new InboxState(_room.Epoch, _room.Position.Sequence, _room.Order));
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogNoRest(Logger, _owner!, exception)); // as on a silo of an earlier release
            return null;
        }
        if (silo is null)
            return null;
        (_isAtRest, _isNoted) = (true, true);
        foreach (var front in fronts)
            lease.UnwatchRoom(front, this.GetPrimaryKeyString());
        _room.ForgetMembers();
        if (isKept)
            return silo;
        // It is the partition's now, until somebody needs it.
        _memory?.Remove();
        (_memory, _log, _room) = (null, null, NewRoom());
        EndOpen();
        return silo;
    }

    /// <summary>Goes on with what the user's partition has kept, if the log begins anew each time.</summary>
    private async ValueTask<bool> TryTakeRest(OpenedLog? found)
    {
        if (_owner is null || _room.HasPast || found is { Log.Mark.Term: > 0 })
            return false;
        InboxState? state;
        try
        {
            state = await Partition.TakeInbox(_owner);
        }
        catch (Exception exception)
        {
            throw new LogException("Where the inbox is cannot be read now.", exception);
        }
        if (state is null)
            return false;
        var mark = found?.Log.Mark ?? default;
        _room.Load(new RoomState { Epoch = state.Epoch, Sequence = state.Sequence, Order = state.Order, Members = _room.Save().Members, History = [], Publishes = [], Log = mark });
        _log = found?.Log ?? logs.Resume(mark);
        return true;
    }

    [LoggerMessage(4, LogLevel.Debug, "The inbox of user {User} stays in memory, as the user's silo did not take it.")]
    private static partial void LogNoRest(ILogger logger, string user, Exception exception);

    /// <summary>What services do with rooms they do not do with inboxes.</summary>
    private void CheckIsRoom() => Names.Check(this.GetPrimaryKeyString(), "room");
}
