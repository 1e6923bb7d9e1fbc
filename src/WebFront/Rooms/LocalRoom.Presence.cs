using Realtime.Grains;
using Realtime.PushStreams;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Rooms;

/// <summary>What the members show of themselves, and what they have asked to know of the others.</summary>
internal sealed partial class LocalRoom
{
    /// <summary>A member changes what it shows; its answer goes to the session. False when it is no member any more.</summary>
    public bool Update(Session session, string? id, Membership membership, byte[] data, bool isOwn = false)
    {
        if (!TryAcquire()) // until it is answered
            return false;
        lock (session) // so that a leave comes after it
        {
            if (session.MembershipIn(this) == membership && membership.IsIn)
            {
                if (isOwn)
                    _ = session.BeginCommand(int.MaxValue); // else the client's command is counted
                _commands.Add(new PendingCommand(session, id, new JoinCommand(session.User, session.Connection.Id, null)
                {
                    Data = data,
                    IsUpdate = true,
                    IsHidden = membership.IsHidden,
                }, membership));
                return true;
            }
        }
        Release();
        return false;
    }

    /// <summary>The members as they are now, and the last message that they have had; null when another object has the room's members.</summary>
    public SyncCommand? CreateSync()
    {
        lock (Gate)
        {
            if (_references < 0)
                return null;
            Member[] members = [.. _services.Registry.Members(Name).Select(member =>
            {
                var (session, membership) = (Session.Of(member), Session.Of(member).MembershipIn(this));
                return new Member(session.User, member.Id, membership is { IsHidden: true }) { Data = membership?.Data, DataTime = membership?.DataTime ?? 0 };
            })];
            return new SyncCommand(members, _timeline.Position) { MaxBytes = _services.Options.MaxResumeBytes, FollowsPresence = _audience.IsFollowed, FollowsState = _followsState, NeedsState = TakeNeedsState() };
        }
    }

    private void EndUpdate(Session session, string? id, Membership membership, JoinCommand update, JoinedReply? reply)
    {
        var leaves = false;
        try
        {
            if (reply is null)
                return;
            lock (Gate)
                (membership.Data, membership.DataTime) = (update.Data, _services.Time.GetUtcNow().ToUnixTimeMilliseconds());
            if (id is not null)
                session.Connection.Deliver(ServerFrames.Updated(id, this));
            lock (session)
            {
                leaves = session.MembershipIn(this) is null;
                if (leaves) // its join was refused, and the room has taken this for one
                    SubmitOwn(session, new LeaveCommand(session.Connection.Id));
            }
            // When it is seen since then, the room has not kept what it showed before.
            if (!leaves && update.IsHidden && !membership.IsHidden)
                Update(session, null, membership, update.Data!, isOwn: true);
        }
        finally
        {
            if (!leaves) // else the reference goes with the leave
                Release();
        }
    }

    /// <summary>A command of the front itself; <see cref="Answer(in PendingCommand, RoomReply)"/> ends it.</summary>
    private void SubmitOwn(Session session, RoomCommand command)
    {
        _ = session.BeginCommand(int.MaxValue);
        _commands.Add(new PendingCommand(session, null, command, null));
    }

    /// <summary>A member comes, with what it shows and what it wants to know. Under the lock.</summary>
    private void BeginPresence(Membership membership, JoinCommand join)
    {
        if (join.Data is not null)
            (membership.Data, membership.DataTime) = (join.Data, _services.Time.GetUtcNow().ToUnixTimeMilliseconds());
        if (membership.Presence == PresenceMode.Changes)
            return;
        _audience.IsFollowed = true;
        if (membership.Presence == PresenceMode.Count)
            _audience.Counts ??= new PresenceCounts(_services.Options.PresenceCountInterval, _services.Time, _audience.TellCount, OnCountDue);
    }

    private void OnCountDue()
    {
        try
        {
            lock (Gate)
                _audience.Counts?.Flush();
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => _services.LogDispatchFailed(Name, exception));
        }
    }

    void ITimelineHost.RenewPresence(SyncedReply reply) => _audience.Renew(reply);
}
