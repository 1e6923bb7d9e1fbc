using System.Text;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Rooms;

/// <summary>
/// A room as this front sees it: the way to its grain for the commands of local connections (this file), and the
/// fan-out of its events to them (LocalRoom.Events.cs).
/// </summary>
/// <remarks>
/// Commands of all local connections go in one order and one call at a time; what comes in while a call is under way
/// goes along with the next. So a join is before the messages that follow it, and a busy room costs few calls.
/// </remarks>
internal sealed partial class LocalRoom(string name, RoomRouter router)
{
    private readonly Lock _gate = new();
    private List<PendingCommand> _waiting = [];
    private bool _calling;
    private volatile string? _silo; // where the grain answered last
    private long _syncedAt;
    private int _users; // seats and commands under way; at zero the router forgets this room
    private byte[] _quotedFrom = [];
    private string? _from;

    public string Name { get; } = name;

    /// <summary>The name's bytes, to recognise it in a frame.</summary>
    public byte[] Utf8Name { get; } = Encoding.UTF8.GetBytes(name);

    /// <summary>The name as JSON text.</summary>
    public byte[] QuotedName { get; } = JsonText.Quoted(name);

    /// <summary>What its messages belong to in the queues of slow members; null when those are disconnected.</summary>
    public RoomTopic? Topic { get; } = router.SlowConsumers.TopicOf(name);

    /// <summary>A user id as JSON text. The last one is kept: in a busy room the same sender often comes again.</summary>
    public byte[] Quoted(string from)
    {
        if (_from != from)
        {
            _quotedFrom = JsonText.Quoted(from);
            _from = from;
        }
        return _quotedFrom;
    }

    /// <summary>Keeps the room in the router; false when it is already forgotten and must be made anew.</summary>
    public bool TryHold()
    {
        lock (_gate)
        {
            if (_users < 0)
                return false;
            _users++;
            return true;
        }
    }

    public void Release()
    {
        lock (_gate)
        {
            if (--_users > 0)
                return;
            _users = -1;
        }
        router.Forget(this);
    }

    /// <summary>Sends a command to the grain. Its answer goes to the session.</summary>
    public void Submit(Session session, string? id, RoomCommand command, Seat? seat = null)
    {
        lock (_gate)
        {
            if (command is JoinCommand)
                BeginJoin();
            _waiting.Add(new PendingCommand(session, id, command, seat));
            if (_calling)
                return;
            _calling = true;
        }
        _ = CallGrain();
    }

    /// <summary>
    /// Brings front and room in step, when the room was on none of these silos, which are up: then it is elsewhere now
    /// and knows nobody. At most once a second, since a silo may be up and not yet in the list.
    /// </summary>
    public void SyncUnlessOn(string[] silos)
    {
        if (_silo is { } silo && silos.Contains(silo))
            return;
        lock (_gate)
        {
            if (_syncedAt != 0 && router.Time.GetElapsedTime(_syncedAt) < TimeSpan.FromSeconds(1))
                return;
            BeginSync();
        }
    }

    /// <summary>Asks for a sync with the next call. Under the lock.</summary>
    private void BeginSync()
    {
        if (_syncing)
            return;
        _syncing = _syncIsDue = true;
        router.Repairs.Add(1);
        _syncedAt = router.Time.GetTimestamp();
        if (_calling)
            return;
        _calling = true;
        _ = CallGrain();
    }

    private async Task CallGrain()
    {
        // Leave the reader's stack: what other connections send in the meantime joins the first call.
        await Task.CompletedTask.ConfigureAwait(ConfigureAwaitOptions.ForceYielding);
        while (true)
        {
            List<PendingCommand> batch;
            lock (_gate)
            {
                if (_waiting.Count == 0 && !_syncIsDue)
                {
                    _calling = false;
                    return;
                }
                batch = _waiting;
                _waiting = [];
                if (_syncIsDue)
                {
                    // Who is in the room now; what of the batch changes that comes after it.
                    _syncIsDue = false;
                    batch.Insert(0, new PendingCommand(null, null, SyncNow(), null));
                }
            }
            await CallGrain(batch);
        }
    }

    private async Task CallGrain(List<PendingCommand> batch)
    {
        var commands = new RoomCommand[batch.Count];
        for (var i = 0; i < commands.Length; i++)
            commands[i] = batch[i].Command;
        RoomReply[] replies;
        var hadMembers = router.Registry.CountRoom(Name) > 0;
        try
        {
            var number = router.NextBatch();
            var reply = await router.Call(() => router.Grain(Name).Submit(router.Front, number, commands));
            _silo = reply.Silo;
            replies = reply.Replies;
            if (hadMembers && !reply.KnewFront && batch[0].Session is not null)
            {
                // The room was lost and made anew, or took this front for dead.
                lock (_gate)
                    BeginSync();
            }
        }
        catch (Exception exception)
        {
            router.LogCallFailed(Name, commands.Length, exception);
            var refused = new RefusedReply(ErrorCodes.Unavailable, "The room could not be reached; try again.");
            replies = new RoomReply[commands.Length];
            Array.Fill(replies, refused);
        }
        for (var i = 0; i < commands.Length; i++)
            Answer(batch[i], replies[i]);
    }

    private void Answer(PendingCommand pending, RoomReply reply)
    {
        var (session, id, command, seat) = pending;
        if (session is null)
        {
            EndSync(reply as SyncedReply);
            return;
        }
        switch (command)
        {
            case JoinCommand:
                EndJoin(session, id, seat!, reply as JoinedReply);
                break;
            case LeaveCommand when seat is not null:
                EndLeave(session, id, seat, reply);
                break;
            case LeaveCommand:
                Release(); // of a closed connection, whose seat was taken when it closed
                break;
        }
        if (reply is PublishedReply published && id is not null)
            session.Connection.Deliver(ServerFrames.Ack(id, this, published.Receipt));
        if (reply is RefusedReply refused)
            session.Connection.Deliver(ServerFrames.Error(id, Name, refused.Code, refused.Reason));
        session.EndCommand();
    }

    private void EndLeave(Session session, string? id, Seat seat, RoomReply reply)
    {
        if (reply is not LeftReply)
        {
            seat.State = SeatState.Joined;
            return;
        }
        router.Registry.Leave(session.Connection, Name);
        if (session.Remove(seat))
            Release();
        session.Connection.Deliver(ServerFrames.Left(id, this));
    }

    /// <param name="Session">Null for the front's own sync.</param>
    private readonly record struct PendingCommand(Session? Session, string? Id, RoomCommand Command, Seat? Seat);
}
