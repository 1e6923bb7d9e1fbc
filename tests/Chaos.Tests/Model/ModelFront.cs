using Realtime.Chaos.Checking;
using Realtime.Grains;
using Realtime.WebFront.Rooms;

namespace Realtime.Chaos.Tests.Model;

/// <summary>A front, with the room as long as it needs it.</summary>
internal sealed class ModelFront(string id, Walk walk)
{
    private long _batches;

    public string Id => id;

    public Walk Walk => walk;

    public List<ModelSession> Sessions { get; } = [];

    public ModelLocalRoom? Room { get; private set; }

    /// <summary>A silo is lost, or the room has taken this front for dead: it is to tell anew who is here, unless the room's silo is up.</summary>
    public bool IsRecovering { get; set; }

    /// <summary>In any case.</summary>
    public bool IsForgotten { get; set; }

    public long NextBatch() => ++_batches;

    public void Join(ModelSession session)
    {
        var since = session.Client.At is { } at ? new Grains.Position(at.Epoch, at.Sequence) : (Grains.Position?)null;
        var join = new JoinCommand(session.Client.User, session.Id, since) { MaxBytes = Walk.MaxResumeBytes };
        session.Membership = new ModelMember(session);
        Room ??= new ModelLocalRoom(this);
        Room.Acquire();
        Room.Submit(new PendingModel(session, null, join, session.Membership));
    }

    public void Leave(ModelSession session)
    {
        session.Membership!.State = ModelMemberState.Leaving;
        Room!.Submit(new PendingModel(session, null, new LeaveCommand(session.Id), session.Membership));
    }

    public void Publish(ModelSession session, Publish publish) =>
        Room!.Submit(new PendingModel(session, publish.Id, new PublishCommand(session.Client.User, publish.Id, ModelClient.BodyOf(publish.Id)), null));

    /// <summary>The connection is gone.</summary>
    public void Close(ModelSession session)
    {
        session.IsClosed = true;
        Sessions.Remove(session);
        if (session.Membership is not { } membership)
            return;
        session.Membership = null;
        Room!.Members.Remove(membership);
        // The membership's hold of the room is the leave's now.
        Room.Submit(new PendingModel(session, null, new LeaveCommand(session.Id), null));
    }

    public void Remove(ModelLocalRoom room)
    {
        if (Room == room)
            Room = null;
    }
}

internal enum ModelMemberState
{
    Joining,
    Joined,
    Leaving,
}

/// <summary>A connection's membership.</summary>
internal sealed class ModelMember(ModelSession session)
{
    public ModelSession Session => session;

    public ModelMemberState State { get; set; }

    public JoinPoint Point { get; set; }
}

internal readonly record struct PendingModel(ModelSession? Session, string? Id, RoomCommand Command, ModelMember? Membership);

/// <summary>A call from a front to the room, which may be made more than once.</summary>
internal sealed record ModelCall(ModelLocalRoom Room, PendingModel[] Batch, RoomCommand[] Commands, long Number, bool HadMembers)
{
    public int Tries { get; set; } = 1;
}

/// <summary>The room at a front: what <c>LocalRoom</c> and its <c>CommandQueue</c> do, with the real <see cref="RoomTimeline"/>.</summary>
internal sealed class ModelLocalRoom : ITimelineHost
{
    private static readonly RefusedReply s_givenUp = new("unavailable", "");

    private readonly ModelFront _front;
    private readonly RoomTimeline _timeline;
    private List<PendingModel> _waiting = [];
    private bool _syncIsDue;
    private int _holds;
    private bool _holdsSync;
    private int _unconfirmed;
    private bool _isRemoved;

    public ModelLocalRoom(ModelFront front)
    {
        _front = front;
        _timeline = new RoomTimeline(this, Walk.MaxResumeBytes);
    }

    /// <summary>Those that get what is fanned out.</summary>
    public List<ModelMember> Members { get; } = [];

    public string Front => _front.Id;

    public ModelCall? Current { get; private set; }

    public string? Silo { get; private set; }

    public bool IsSyncing => _timeline.IsSyncing;

    bool ITimelineHost.HasMembers => Members.Count > 0;

    /// <summary>The room may not know who is here.</summary>
    public bool IsOutOfStep { get; private set; }

    public void Acquire() => _holds++;

    public void Submit(PendingModel command)
    {
        if (command.Command is JoinCommand)
            _timeline.BeginJoin();
        _waiting.Add(command);
        Send();
    }

    public void Sync() => _timeline.BeginSync();

    public void Dispatch(object item)
    {
        if (item is RoomOrder order)
            _timeline.Compare(order);
        else
            _timeline.Apply((FrontEvent[])item);
    }

    /// <summary>The call is answered; null when it was given up.</summary>
    public void Answer(SubmitReply? reply)
    {
        var call = Current!; // until all of it is answered
        if (reply is not null)
        {
            Silo = reply.Silo;
            if (call.HadMembers && !reply.KnewFront && call.Batch[0].Session is not null)
                Sync();
        }
        for (var i = 0; i < call.Batch.Length; i++)
            Answer(call.Batch[i], reply?.Replies[i] ?? s_givenUp);
        Current = null;
        Send();
    }

    void ITimelineHost.FanOut(ReadOnlySpan<FrontEvent> events)
    {
        foreach (var item in events)
            Members.ForEach(member => Deliver(member, item));
    }

    void ITimelineHost.FanOutToEarlier(FrontEvent item) => Members.FindAll(member => member.Point.IsBefore(item)).ForEach(member => Deliver(member, item));

    void ITimelineHost.ResetJoinPoints() => Members.ForEach(member => member.Point = default);

    void ITimelineHost.AnnounceLoss(Grains.Position position, int members) =>
        Members.ForEach(member => member.Session.Deliver(new ModelFrame(EventKind.Joined, At(position), false)));

    void ITimelineHost.RequestSync()
    {
        if (!_holdsSync)
            _holds++;
        _holdsSync = true;
        _syncIsDue = true;
        Send();
    }

    void ITimelineHost.ReportGap(long events)
    {
    }

    void ITimelineHost.ReportLoss(long messages)
    {
    }

    private static Checking.Position At(Grains.Position position) => new(position.Epoch, position.Sequence);

    private static void Deliver(ModelMember member, FrontEvent item)
    {
        if (item.Sequence > 0)
            member.Session.Deliver(new ModelFrame(EventKind.Message, new(item.Epoch!, item.Sequence), null, ModelClient.ContentOf(item.Body)));
    }

    /// <summary>One call at a time.</summary>
    private void Send()
    {
        if (Current is not null || (_waiting.Count == 0 && !_syncIsDue))
            return;
        if (_syncIsDue)
        {
            Member[] members = [.. Members.Select(member => new Member(member.Session.Client.User, member.Session.Id))];
            _waiting.Insert(0, new PendingModel(null, null, new SyncCommand(members, _timeline.Position) { MaxBytes = Walk.MaxResumeBytes }, null));
            _syncIsDue = false;
        }
        PendingModel[] batch = [.. _waiting];
        _waiting = [];
        Current = new ModelCall(this, batch, [.. batch.Select(pending => pending.Command)], _front.NextBatch(), Members.Count > 0);
        _front.Walk.Requests.Add((_front, Current));
    }

    private void Answer(PendingModel pending, RoomReply reply)
    {
        var (session, id, command, membership) = pending;
        if (session is null)
        {
            EndSync(reply as SyncedReply);
            return;
        }
        switch (command)
        {
            case JoinCommand when membership is not null:
                EndJoin(session, membership, reply);
                break;
            case LeaveCommand when membership is not null && reply is LeftReply:
                Members.Remove(membership);
                if (session.Membership == membership)
                {
                    session.Membership = null;
                    Release();
                }
                session.Deliver(new ModelFrame(EventKind.Lost));
                break;
            case LeaveCommand when membership is not null:
                membership.State = ModelMemberState.Joined;
                IsOutOfStep = true;
                session.Deliver(new ModelFrame(EventKind.Refused));
                break;
            case LeaveCommand:
                Release(reply);
                break;
            case PublishCommand:
                session.Deliver(new ModelFrame(EventKind.Message, reply is PublishedReply published ? new(published.Receipt.Epoch, published.Receipt.Sequence) : default, null, id) { IsAnswer = true });
                break;
        }
    }

    private void EndSync(SyncedReply? reply)
    {
        _timeline.EndSync(reply);
        var holds = 0;
        IsOutOfStep = reply is null;
        if (reply is null)
            Silo = null;
        else
            (holds, _unconfirmed) = (_unconfirmed, 0);
        if (_holdsSync && !_timeline.IsSyncing)
        {
            holds++;
            _holdsSync = false;
        }
        while (holds-- > 0)
            Release();
    }

    private void EndJoin(ModelSession session, ModelMember membership, RoomReply answer)
    {
        var reply = answer as JoinedReply;
        if (reply is not null && !session.IsClosed)
            Admit(session, membership, reply);
        _timeline.EndJoin();
        if (reply is not null || session.Membership != membership)
            return; // closed meanwhile: a leave follows
        session.Membership = null;
        Release(answer);
        session.Deliver(new ModelFrame(EventKind.Refused));
    }

    private void Admit(ModelSession session, ModelMember membership, JoinedReply reply)
    {
        var admission = _timeline.Admit(reply);
        if (!admission.IsAtAnswer || reply.Missed.Sum(message => (long)message.Body.Length) > Walk.MaxResumeBytes)
            reply = reply with { Position = admission.Position, Recovered = reply.Recovered is null ? null : false, Missed = [] };
        session.Deliver(new ModelFrame(EventKind.Joined, At(reply.Position), reply.Recovered));
        foreach (var message in reply.Missed)
            Deliver(membership, message);
        membership.Point = admission.Point;
        foreach (var item in admission.Since)
        {
            if (membership.Point.IsBefore(item))
                Deliver(membership, item);
        }
        if (membership.State == ModelMemberState.Joining)
            membership.State = ModelMemberState.Joined;
        Members.Add(membership);
    }

    private void Release(RoomReply reply)
    {
        if (reply != s_givenUp)
        {
            Release();
            return;
        }
        _unconfirmed++;
        IsOutOfStep = true;
    }

    private void Release()
    {
        if (--_holds > 0 || _isRemoved)
            return;
        _isRemoved = true;
        _front.Remove(this);
    }
}
