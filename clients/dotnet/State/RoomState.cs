using Realtime.Client.Protocol;
using Realtime.Client.Queues;

namespace Realtime.Client.State;

/// <summary>A room that the application wants to be in. Under the session's lock. This file has joins, messages and their order.</summary>
internal sealed partial class RoomState
{
    /// <summary>Connections on which a join may stay without an answer before it is given up: more of the same would not help.</summary>
    private const int JoinTries = 3;

    /// <summary>In the place of the id of a join, where the server has joined.</summary>
    private const string ByServer = "by the server";

    private readonly Session _session;
    private readonly JoinOptions _options;
    private readonly OwnMessages _own = new();

    /// <summary>The join whose answer counts; one for an earlier stay does not.</summary>
    private string? _joinId;

    /// <summary>Joins that have failed in a row, for reasons that pass.</summary>
    private int _attempt;

    /// <summary>Joins in a row that got no answer in time, each on a connection of its own.</summary>
    private int _unanswered;

    /// <summary>The connection's count of unwrapped frames at the position.</summary>
    private long _rawSeen;

    /// <summary>The hole that was last repaired: a second try would not do better.</summary>
    private Position? _repaired;

    /// <summary>Such pauses in a row.</summary>
    private int _publishAttempt;

    private TaskCompletionSource<RealtimeRoom>? _waiting;

    public RoomState(Session session, string name, JoinOptions options)
    {
        (_session, Name, Position, _options, _rawSeen) = (session, name, options.Since, options, session.RawCount);
        Data = Shown = options.Data;
        Events = new(session.Options.ReceiveMessages, session.Options.ReceiveBytes);
        Room = new(session, this);
        _copy = options.State ? new(session.Time, () => session.Expire(this)) : null;
    }

    public string Name { get; }

    public RealtimeRoom Room { get; }

    public RoomQueue Events { get; }

    /// <summary>Of the last message that came.</summary>
    public Position? Position { get; private set; }

    /// <summary>Whether this client gets what it publishes here, unless a publish says otherwise.</summary>
    public bool Echo => _options.Echo;

    /// <summary>What this client shows of itself here; each join brings it.</summary>
    public JsonData Data { get; set; }

    /// <summary>The same as the server has taken it last.</summary>
    public JsonData Shown { get; set; }

    public bool IsJoined { get; private set; }

    public bool IsJoining => _joinId is not null;

    /// <summary>Publishes were refused for a reason that passes; none goes out until the pause ends.</summary>
    public bool IsPaused { get; private set; }

    public long Members { get; private set; }

    /// <summary>Callers that wait for the answer to the join.</summary>
    public Task<RealtimeRoom> Waiting => (_waiting ??= new(TaskCreationOptions.RunContinuationsAsynchronously)).Task;

    public bool HasWaiting => _waiting is not null;

    public int Waiters { get; set; }

    /// <summary>A new connection knows of nothing.</summary>
    public void Opened() => (_rawSeen, IsPaused) = (0, false);

    /// <summary>The stay has ended with its connection.</summary>
    public void Lost()
    {
        (IsJoined, _joinId) = (false, null);
        _own.Held.Clear(); // they come again
    }

    public void SendJoin()
    {
        // A room on the way out cannot be entered before it has been left; the end of that sends the join.
        if (_session.IsLeaving(Name))
            return;
        var id = _joinId = _session.NewId();
        _session.Send(id, FrameWriter.Join(id, Name, JoinPosition, _options, Data), error =>
        {
            if (error is not null)
                JoinFailed(id, error);
        });
    }

    /// <summary>The server joins: its word follows.</summary>
    public void PutIn() => _joinId = ByServer;

    private void JoinFailed(string id, RealtimeException error)
    {
        // A lost connection joins again by itself; what was left or joined anew meanwhile is not this join's concern.
        if (_joinId != id || !_session.Has(this))
            return;
        _joinId = null;
        if (error.Code == RealtimeErrorCodes.Timeout && ++_unanswered < JoinTries)
        {
            _session.EndConnection("The server did not answer a join.");
            return;
        }
        if (error.Code == RealtimeErrorCodes.AlreadyJoined || RealtimeErrorCodes.Passes(error.Code))
        {
            JoinLater(error.Code == RealtimeErrorCodes.AlreadyJoined, error.RetryAfter);
            return;
        }
        _session.Drop(this, error);
    }

    /// <summary>Tries again after a pause. A stay that the server knows and this client does not is ended first.</summary>
    private void JoinLater(bool leaveFirst, TimeSpan? least) => _session.After(_session.Pause(_attempt++, least), () =>
    {
        if (!_session.Has(this) || _joinId is not null)
            return;
        if (leaveFirst)
            _session.SendLeave(Name);
        else
            SendJoin();
    });

    /// <summary>The answer to a join; without an id the server has put the room's position right by itself.</summary>
    private void Joined(scoped in ServerFrame frame, int bytes)
    {
        var id = frame.Id.Decode();
        if (id is null ? !IsJoined && _joinId != ByServer : id != _joinId)
            return;
        var before = Position;
        var start = new Position(_session.Texts.Get(frame.Epoch), frame.Sequence - frame.Last);
        // The position moves with the messages that follow, missed or newest ones: a cut among them then resumes where it was.
        if (frame.Recovered != true || before is null)
        {
            Position = start;
            _own.Numbers.Clear();
            AwaitState();
        }
        _rawSeen = _session.RawCount;
        IsJoined = true;
        _attempt = 0;
        Members = Math.Max(frame.Count, 0);
        Tell(new RoomJoined
        {
            Position = start with { Sequence = frame.Sequence },
            Members = Members,
            Recovered = frame.Recovered,
            ByServer = frame.By.Is("server"u8),
            Last = (int)Math.Min(frame.Last, int.MaxValue),
            Users = frame.Users.IsEmpty ? null : Pages.Members(in frame),
        }, bytes);
        // A join without the position, for the state, passes over what came since.
        if (frame.Recovered == false || _copy is not null && frame.Recovered is null && before is { } known && (known.Epoch != start.Epoch || known.Sequence < start.Sequence))
            TellMissed(before, start);
        if (IsEntered)
            Entered();
        _session.Flush(Name);
    }

    private void Entered()
    {
        _unanswered = 0;
        _waiting?.TrySetResult(Room);
        _waiting = null;
    }

    /// <summary>The server has taken this client out of the room. It stays out until the application joins again.</summary>
    public void Removed()
    {
        // Who has joined again since then waits for the answer to that.
        if (_waiting is null || IsJoined)
            _session.Drop(this, new(RealtimeErrorCodes.Removed, $"The server has taken you out of {Name}.") { Room = Name });
    }

    /// <summary>A frame that has its place in the order of the room.</summary>
    public void Arrived(scoped in ServerFrame frame, ReadOnlySpan<byte> json)
    {
        if (_own.Held.Count > 0)
        {
            Hold(in frame, json);
            return;
        }
        switch (frame.Type)
        {
            case FrameType.Joined:
                Joined(in frame, json.Length);
                break;
            case FrameType.Dropped:
                Dropped(in frame);
                break;
            case FrameType.Message when frame.IsEphemeral:
                Ephemeral(in frame, json.Length);
                break;
            case FrameType.Message or FrameType.Excluded:
                Message(in frame, json);
                break;
            case FrameType.State:
                StatePage(in frame, json.Length);
                break;
            default:
                Present(in frame, json.Length);
                break;
        }
    }

    private void Message(scoped in ServerFrame frame, ReadOnlySpan<byte> json)
    {
        // While a room is joined anew, what still comes from the former stay comes again.
        if (!IsJoined)
            return;
        var place = new Position(_session.Texts.Get(frame.Epoch), frame.Sequence);
        // Before the position moves: one that cannot be decoded was not had.
        var isExcluded = frame.Type == FrameType.Excluded;
        var message = isExcluded && !frame.Key.IsPresent ? null : MessageOf(in frame, place);
        var before = Position.GetValueOrDefault();
        if (before.Epoch == place.Epoch)
        {
            if (place.Sequence <= before.Sequence)
                return;
            // Unwrapped frames have numbers too, but do not show them: each one that came since may fill one.
            if (place.Sequence - before.Sequence - 1 - _own.CountBefore(place.Sequence) > _session.RawCount - _rawSeen)
            {
                // It may be filled by a message of this client's own that has no echo: its ack tells.
                if (_session.AwaitsOwn(Name))
                {
                    Hold(in frame, json);
                    return;
                }
                if (Repair(before, place))
                    return;
            }
        }
        else
        {
            TellMissed(before, place with { Sequence = place.Sequence - 1 });
            _own.Numbers.Clear();
            _copy?.Clear();
        }
        var isOwn = _own.Numbers.Contains(place.Sequence);
        Move(place);
        if (message is KeyMessage change)
            _copy?.Change(change.Key, place.Sequence, change.Entry);
        // A resume brings what was to have no echo; and a service may have left this client out.
        if (message is not null && !isOwn && !isExcluded)
            Tell(message, json.Length);
    }

    /// <summary>The room has kept a message of this client's that it gets no echo of: its number counts as had.</summary>
    public void OwnKept(Position place)
    {
        if (!IsJoined || Position is not { } known || known.Epoch != place.Epoch || place.Sequence <= known.Sequence)
            return;
        // Those of others before it may come yet; when they do not, this room is joined anew from before them.
        if (!_own.Numbers.Add(place.Sequence) || _own.Numbers.Count <= OwnMessages.MaxNumbers)
            Move(known);
        else if (!Repair(known, place))
            Move(place);
    }

    /// <summary>It is known now whether a hole before them is filled.</summary>
    public void ReleaseHeld()
    {
        foreach (var json in _own.Held.Take())
            Arrived(ServerFrame.Read(json), json);
    }

    private void Hold(scoped in ServerFrame frame, ReadOnlySpan<byte> json)
    {
        if (_own.Held.Bytes + json.Length <= _session.Options.ReceiveBytes)
            _own.Held.Add(json.ToArray());
        else if (Position is { } known && _repaired != known)
            Repair(known, known);
        else
            _own.Held.Clear(); // the next message tells of the hole
    }

    private void Move(Position place)
    {
        Position = _own.Advance(place);
        _rawSeen = _session.RawCount;
    }

    /// <summary>Fetches what is missing before this message by joining again; false when that was tried, and it has been told.</summary>
    private bool Repair(Position before, Position place)
    {
        // A state would lack what it has changed: when it cannot be had, all of it comes anew.
        if (_repaired == before && _copy is not null)
        {
            _copy.Begin();
        }
        else if (_repaired == before)
        {
            TellMissed(before, place with { Sequence = place.Sequence - 1 });
            return false;
        }
        _repaired = before;
        Lost();
        if (!_session.IsLeaving(Name))
            _session.SendLeave(Name);
        return true;
    }

    /// <summary>The server has left messages out, or who came and went, because this client reads too slowly for the room.</summary>
    private void Dropped(scoped in ServerFrame frame)
    {
        if (!IsJoined)
            return;
        var before = Position;
        var isRepeat = true;
        if (frame.LastLost >= 0)
        {
            var last = new Position(_session.Texts.Get(frame.Epoch), frame.LastLost);
            isRepeat = before is { } known && known.Epoch == last.Epoch && last.Sequence <= known.Sequence;
            // The state lacks what they have changed: this client comes back from before them.
            if (!isRepeat && _copy is not null && Repair(before.GetValueOrDefault(), last with { Sequence = last.Sequence + 1 }))
            {
                if (frame.HasPresence)
                    TellMissed(before, before.GetValueOrDefault(), MissedReason.SlowConnection, presence: true);
                return;
            }
            if (!isRepeat)
                Move(last);
        }
        if (!isRepeat || frame.HasPresence)
            TellMissed(before, Position.GetValueOrDefault(), MissedReason.SlowConnection, frame.HasPresence);
    }

    public bool MayPublish => IsJoined && !IsPaused;

    public void Acknowledged() => _publishAttempt = 0;

    /// <summary>The room could not be reached: messages go out again under their ids, with what is written meanwhile behind them.</summary>
    public void PublishLater(TimeSpan? least)
    {
        // All that were under way are refused at about the same time; one pause is for all of them.
        if (IsPaused)
            return;
        IsPaused = true;
        _session.After(_session.Pause(_publishAttempt++, least), () =>
        {
            IsPaused = false;
            _session.Flush(Name);
        });
    }

    /// <summary>Out of the room, for good: left (no error for who reads it), or put out.</summary>
    public void End(RealtimeException error)
    {
        Lost();
        EndState();
        Fail(error);
        Events.End(error.Code == RealtimeErrorCodes.Left ? null : error);
    }

    /// <summary>Who waits for the join waits no longer.</summary>
    public void Fail(RealtimeException error)
    {
        _waiting?.Fail(error);
        _waiting = null;
    }

    private void TellMissed(Position? since, Position position, MissedReason reason = MissedReason.Lost, bool presence = false) =>
        Tell(new RoomMissed { Since = since, Position = position, Reason = reason, Presence = presence }, 64);

    private void Tell(RoomEvent its, int bytes)
    {
        if (Events.Add(its, bytes) && Events.WasRead)
            Log.SlowConsumer(_session.Logger, Name);
    }
}
