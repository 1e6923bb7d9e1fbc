using System.Diagnostics;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.PushStreams;
using Realtime.WebFront.Access;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Rooms;

/// <summary>
/// A room as this front sees it. It sends the commands of local connections to the grain (<see cref="CommandQueue"/>), and delivers
/// the room's events to them (<see cref="FanOutPacer"/>, <see cref="RoomTimeline"/>). Its lock is theirs, but for the queue's.
/// </summary>
internal sealed partial class LocalRoom : ITimelineHost
{
    private static readonly RefusedReply s_takenOut = new(ErrorCodes.Forbidden, "The server has taken this connection out of the room.");

    private readonly LocalRooms _rooms;
    private readonly RoomServices _services;
    // Null only in an inbox at rest, which nothing happens in.
    private RoomTimeline _timeline;
    private FanOutPacer _pacer;
    private CommandQueue _commands;
    private RoomAudience _audience;
    private int _references; // memberships and commands under way; at zero this room is removed

    public LocalRoom(string name, LocalRooms rooms, RoomServices services)
    {
        (Name, _rooms, _services) = (name, rooms, services);
        if (InboxKey.UserOf(name) is { } owner)
        {
            _isInbox = true; // no frame names it, and no setting of rooms is for it
            (Utf8Name, QuotedName) = ([], []);
            _audience = new InboxAudience(this, owner, services.Registry, services.Directs);
        }
        else
        {
            (Utf8Name, QuotedName) = (Encoding.UTF8.GetBytes(name), JsonText.Quoted(name));
            Topic = services.SlowConsumers.TopicOf(name);
            _audience = new RoomAudience(this, services.Registry);
        }
        MakeParts();
    }

    [MemberNotNull(nameof(_timeline), nameof(_pacer), nameof(_commands))]
    private void MakeParts()
    {
        _timeline = new RoomTimeline(this, _services.Options.MaxResumeBytes);
        _pacer = new FanOutPacer(_timeline, _services.Options.WriteDelay, _services.Time, OnFanOutDue);
        _commands = new CommandQueue(this, _services);
    }

    public string Name { get; }

    /// <summary>The name's bytes, to recognise it in a frame.</summary>
    public byte[] Utf8Name { get; }

    /// <summary>The name as JSON text.</summary>
    public byte[] QuotedName { get; }

    /// <summary>What its messages belong to in the queues of slow members; null when those are disconnected.</summary>
    public RoomTopic? Topic { get; }

    bool ITimelineHost.HasMembers => _services.Registry.CountRoom(Name) > 0;

    /// <summary>Under which all is done here; the room itself, as there may be very many.</summary>
    private object Gate => this;

    /// <summary>A user id as JSON text.</summary>
    public byte[] Quoted(string from) => _audience.Quoted(from);

    /// <summary>Keeps the room among the front's until <see cref="Release"/>; false when it is removed already.</summary>
    public bool TryAcquire()
    {
        lock (Gate)
        {
            if (_references < 0)
                return false;
            _references++;
            return true;
        }
    }

    public void Release()
    {
        lock (Gate)
        {
            if (--_references > 0)
                return;
            _references = -1;
            _rooms.RemoveOutOfStep(this);
            if (_rest is null)
                _pacer.Dispose();
            _audience?.Counts?.Dispose();
        }
        _rooms.Remove(this);
    }

    /// <summary>Sends a command to the grain. Its answer goes to the session.</summary>
    public void Submit(Session session, string? id, RoomCommand command, Membership? membership = null, Activity? activity = null)
    {
        if (_isInbox)
        {
            SubmitToInbox(new PendingCommand(session, id, command, membership));
            return;
        }
        if (command is JoinCommand)
        {
            // Before the room can answer.
            lock (Gate)
                _timeline.BeginJoin();
        }
        _commands.Add(new PendingCommand(session, id, command, membership) { Activity = activity });
    }

    /// <summary>
    /// A command is answered. A fault costs the connection whose command it is, and neither the others nor the process.
    /// </summary>
    public void Answer(in PendingCommand pending, RoomReply reply)
    {
        try
        {
            if (pending.Session is { } session)
                Answer(session, pending, reply);
            else
                EndSync(reply as SyncedReply);
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => _services.LogAnswerFailed(Name, exception));
            if (pending.Session is { } session)
                _ = session.Connection.CloseAsync(CloseCodes.InternalError, "internal error");
            else
                AbandonSync();
        }
        finally
        {
            pending.Session?.EndCommand();
            pending.Membership?.ByServer?.End(pending.Command, reply);
        }
    }

    private void Answer(Session session, in PendingCommand pending, RoomReply reply)
    {
        var (_, id, command, membership) = pending;
        switch (command)
        {
            case JoinCommand { IsUpdate: true } update when membership is not null:
                EndUpdate(session, id, membership, update, reply as JoinedReply);
                break;
            case JoinCommand join when membership is not null:
                EndJoin(session, id, membership, join, reply);
                break;
            case LeaveCommand when membership is not null:
                EndLeave(session, id, membership, reply);
                break;
            case LeaveCommand:
                ReleaseAfter(reply); // of a membership that the front has removed already
                break;
        }
        if (reply is PublishedReply published && id is not null)
            session.Connection.Deliver(MessageFrames.Ack(id, this, published.Receipt));
        if (command is PublishCommand)
            EndPublish(pending, (reply as RefusedReply)?.Code);
        // A join or leave without a membership is the front's own.
        if (reply is RefusedReply refused && (membership is not null || command is not (LeaveCommand or JoinCommand)) && membership?.ByServer?.Command != command)
        {
            _services.Recent.Failed(session.Connection, refused.Code, refused.Reason);
            session.Connection.Deliver(_audience.Error(id, refused));
            session.EndStream(CloseCodes.TryAgainLater, "refused");
        }
    }

    private void EndLeave(Session session, string? id, Membership membership, RoomReply reply)
    {
        if (reply is not LeftReply)
        {
            membership.State = MembershipState.Joined;
            if (reply == CommandQueue.Unreachable)
                NoteOutOfStep();
            return;
        }
        FlushDelayed(); // it was published before
        _services.Registry.Leave(session.Connection, Name);
        if (session.Remove(membership))
            Release();
        session.Connection.Deliver(ServerFrames.Left(id, this));
    }

    private void EndJoin(Session session, string? id, Membership membership, JoinCommand join, RoomReply answer)
    {
        var reply = answer as JoinedReply;
        bool isOver;
        lock (Gate)
        {
            try
            {
                _pacer.Flush();
                if (reply is not null && membership.State == MembershipState.Ended)
                    session.Connection.Deliver(_audience.Error(id, s_takenOut)); // between the server's join and the connection's own
                else if (reply is not null && !session.IsClosed)
                    Admit(session, id, membership, join, reply);
                // The join of a connection that the server has put there may be answered later.
                isOver = reply is null && !membership.IsAdmitted && !(membership.ByServer is { IsAdopted: true } by && by.Command == join);
                if (reply is null && membership is { IsAdmitted: true, ByServer: { } stays })
                    stays.IsAdopted = false; // it may ask again
            }
            finally
            {
                _timeline.EndJoin();
            }
        }
        if (membership.IsRevoked)
            TakeOut(session, membership);
        // Refused; or closed meanwhile: then a leave follows, and the membership was removed.
        if (isOver && session.Remove(membership))
            ReleaseAfter(answer);
    }

    /// <summary>Answers the join, delivers what was missed and what came since, and makes it a member. Under the lock.</summary>
    private void Admit(Session session, string? id, Membership membership, JoinCommand join, JoinedReply reply)
    {
        var admission = _timeline.Admit(reply);
        if (!admission.IsAtAnswer)
            reply = reply with { Presence = null }; // what has changed since then is not here
        if (!admission.IsAtAnswer || reply.Missed.Sum(message => (long)message.Body.Length) > _services.Options.MaxResumeBytes)
            reply = reply with { Position = admission.Position, Recovered = reply.Recovered is null ? null : false, Missed = [] };
        int? last = join.Last > 0 && reply.Recovered != true ? reply.Missed.Length : null;
        session.Connection.Deliver(_audience.Joined(
            id, reply.Position, reply.Recovered, reply.Presence?.Total ?? reply.Members, last, reply.Presence, byServer: membership.ByServer?.Command == join));
        if (reply.Recovered == true)
            FrontMetrics.Resumed(reply.Missed.Length);
        if (reply.Missed.Length > 0)
            session.Connection.Deliver(_audience.Encode(reply.Missed));
        membership.JoinPoint = admission.Point;
        var wasAdmitted = membership.IsAdmitted;
        membership.IsAdmitted = true;
        membership.Presence = join.Presence;
        membership.HasState = join.WithState;
        BeginState(session, join, reply, admission.IsAtAnswer);
        BeginPresence(membership, join);
        foreach (var item in admission.Since)
        {
            if (wasAdmitted && (item.Kind == FrontEventKind.Ephemeral || (item.IsPresence && membership.Presence == PresenceMode.Changes)))
                continue; // it was a member when that came; what has numbers goes by these
            if (_audience.FrameFor(session.Connection, item) is { } frame)
                session.Connection.Deliver(frame);
        }
        if (membership.State == MembershipState.Joining) // else a leave follows
            membership.State = MembershipState.Joined;
        _services.Registry.Join(session.Connection, Name);
    }

    /// <summary>The server takes a connection out, now or as soon as it is in. It is told, and the room is.</summary>
    public void TakeOut(Session session, Membership membership)
    {
        lock (Gate)
        {
            membership.IsRevoked = true;
            if (membership.State != MembershipState.Joined)
                return; // it is on its way out, or EndJoin comes back here
            _pacer.Flush(); // it was published before
            lock (session)
            {
                if (!session.Remove(membership))
                    return; // closed meanwhile
                // Before the client can join again, which it cannot while the session is locked.
                SubmitOwn(session, new LeaveCommand(session.Connection.Id));
                membership.State = MembershipState.Ended;
            }
            _services.Registry.Leave(session.Connection, Name);
            session.Connection.Deliver(ServerFrames.Left(null, this, byServer: true));
            session.EndStream(CloseCodes.Normal, "taken out of the room");
        }
    }

    /// <summary>What a member may do is decided anew. If it is now seen or no longer is, the room is told.</summary>
    public void Allow(Session session, Membership membership, RoomOperation allowed)
    {
        lock (session) // so that a leave comes after it
        {
            var wasHidden = membership.IsHidden;
            membership.Allowed = allowed;
            if (wasHidden == membership.IsHidden || session.MembershipIn(this) != membership || membership.State == MembershipState.Leaving)
                return;
            SubmitOwn(session, new JoinCommand(session.User, session.Connection.Id, null) { IsHidden = membership.IsHidden, Data = membership.Data });
        }
    }
}
