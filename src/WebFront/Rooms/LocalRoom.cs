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
internal sealed partial class LocalRoom(string name, RoomRouter router) : IThreadPoolWorkItem
{
    private static readonly RefusedReply s_unreachable = new(ErrorCodes.Unavailable, "The room could not be reached; try again.");

    private readonly Lock _gate = new();
    private CommandBatch _waiting;
    private bool _calling;

    // Of the call under way; only one is.
    private CommandBatch _called;
    private RoomCommand[] _commands = [];
    private ValueTask<SubmitReply> _call;
    private IRoomGrain? _grain;
    private Action? _goOn;
    private long _number;
    private long _calledAt;
    private bool _hadMembers;

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
            _delay?.Dispose();
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
        Start();
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
        Start();
    }

    /// <summary>
    /// Off the reader's stack and behind the readers that have been woken already: what they bring joins the first call.
    /// </summary>
    private void Start() => ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);

    void IThreadPoolWorkItem.Execute() => CallGrain();

    /// <summary>
    /// One call after the other until nothing waits. By hand, not with await: a publish would cost a state machine otherwise.
    /// </summary>
    private void CallGrain()
    {
        while (true)
        {
            try
            {
                if (!TakeBatch())
                    return;
                _call = Call();
                if (!_call.IsCompleted)
                {
                    _call.ConfigureAwait(false).GetAwaiter().UnsafeOnCompleted(_goOn ??= GoOn);
                    return;
                }
            }
            catch (Exception exception)
            {
                Abandon(exception);
                continue;
            }
            if (!EndCall())
                return;
        }
    }

    private void GoOn()
    {
        if (EndCall())
            CallGrain();
    }

    /// <summary>
    /// A fault of the front itself. This runs on the thread pool's own stack, where it would end the process; so it costs the
    /// batch, and the room is compared with its grain again.
    /// </summary>
    private void Abandon(Exception exception)
    {
        router.LogCallFailed(Name, _called.Count, exception);
        Answer(null);
        AbandonSync();
    }

    private bool TakeBatch()
    {
        lock (_gate)
        {
            if (_waiting.Count == 0 && !_syncIsDue)
            {
                _calling = false;
                return false;
            }
            _called = _waiting;
            _waiting = default;
            if (_syncIsDue)
            {
                // Who is in the room now; what of the batch changes that comes after it.
                _syncIsDue = false;
                _called.Insert(new PendingCommand(null, null, SyncNow(), null));
            }
        }
        _commands = _called.ToCommands();
        _number = router.NextBatch();
        _hadMembers = router.Registry.CountRoom(Name) > 0;
        _calledAt = router.Time.GetTimestamp();
        return true;
    }

    private ValueTask<SubmitReply> Call()
    {
        try
        {
            return (_grain ??= router.Grain(Name)).Submit(router.Front, _number, _commands);
        }
        catch (Exception exception)
        {
            return ValueTask.FromException<SubmitReply>(exception); // as if the call had failed later
        }
    }

    /// <summary>False when it has failed, is made again, and what follows waits for that.</summary>
    private bool EndCall()
    {
        SubmitReply reply;
        try
        {
            reply = _call.GetAwaiter().GetResult();
        }
        catch (Exception exception)
        {
            _ = CallAgain(exception);
            return false;
        }
        Answer(reply);
        return true;
    }

    private async Task CallAgain(Exception failure)
    {
        SubmitReply? reply = null;
        try
        {
            reply = await router.CallAgain(() => Call().AsTask(), failure, _calledAt);
        }
        catch (Exception exception)
        {
            router.LogCallFailed(Name, _commands.Length, exception);
        }
        Answer(reply);
        CallGrain();
    }

    private void Answer(SubmitReply? reply)
    {
        (_commands, _call) = ([], default);
        if (reply is not null)
        {
            _silo = reply.Silo;
            if (_hadMembers && !reply.KnewFront && _called[0].Session is not null)
            {
                // The room was lost and made anew, or took this front for dead.
                lock (_gate)
                    BeginSync();
            }
        }
        for (var i = 0; i < _called.Count; i++)
            AnswerGuarded(_called[i], reply is null ? s_unreachable : i < reply.Replies.Length ? reply.Replies[i] : s_unreachable);
        _called.Release();
    }

    /// <summary>A fault costs the connection whose command it is, and neither the others nor the process.</summary>
    private void AnswerGuarded(PendingCommand pending, RoomReply reply)
    {
        try
        {
            Answer(pending, reply);
        }
        catch (Exception exception)
        {
            router.LogAnswerFailed(Name, exception);
            if (pending.Session is { } session)
                _ = session.Connection.CloseAsync(CloseCodes.InternalError, "internal error");
            else
                AbandonSync();
        }
        finally
        {
            pending.Session?.EndCommand();
        }
    }

    private void AbandonSync()
    {
        lock (_gate)
        {
            _syncing = false;
            _held.Clear();
            _silo = null; // so that it is tried again
        }
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
    }

    private void EndLeave(Session session, string? id, Seat seat, RoomReply reply)
    {
        if (reply is not LeftReply)
        {
            seat.State = SeatState.Joined;
            return;
        }
        EndDelay();
        router.Registry.Leave(session.Connection, Name);
        if (session.Remove(seat))
            Release();
        session.Connection.Deliver(ServerFrames.Left(id, this));
    }
}
