using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Rooms;

/// <summary>Who hears a room at this front, and in which frames: its members. Called under the room's lock.</summary>
internal class RoomAudience(LocalRoom room, ConnectionRegistry registry)
{
    private byte[] _quotedFrom = [];
    private string? _from;

    protected LocalRoom Room => room;

    protected ConnectionRegistry Registry => registry;

    /// <summary>Members have asked to know of the others, now or before: what changes is told to them in frames of their own.</summary>
    public bool IsFollowed { get; set; }

    /// <summary>For the members who want to know only how many there are; null when there were none.</summary>
    public PresenceCounts? Counts { get; set; }

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

    /// <summary>The answer to a join; without an id, that messages are lost, or that the server has put a connection there.</summary>
    public virtual Frame Joined(string? id, Position position, bool? recovered, int members, int? last = null, MembersPage? page = null, bool byServer = false) =>
        ServerFrames.Joined(id, room, position, recovered, members, last, page, byServer);

    public virtual Frame Error(string? id, RefusedReply refused) => ServerFrames.Error(id, room.Name, refused.Code, refused.Reason);

    /// <summary>Messages that follow each other, or ephemeral ones, as frames for members.</summary>
    public virtual Frame Encode(ReadOnlySpan<FrontEvent> messages)
    {
        if (messages[0].Kind == FrontEventKind.Ephemeral)
            return MessageFrames.Ephemeral(room, messages);
        var frame = MessageFrames.Builder;
        foreach (var message in messages)
            frame.AddMessage(room, message);
        return frame.Build(room.Topic, messages[0].Epoch, messages[0].Sequence);
    }

    /// <summary>Presence as a frame for a member who wants to know so much of the others; null when it is none of its.</summary>
    private Frame? Encode(FrontEvent item, PresenceMode mode) => (mode, item.Kind) switch
    {
        (PresenceMode.Count, FrontEventKind.Updated) => null,
        (PresenceMode.Count, _) => ServerFrames.Count(room, item.Members),
        (PresenceMode.Members, FrontEventKind.Members) => ServerFrames.Members(room, item),
        (PresenceMode.Members, FrontEventKind.Presence) => ServerFrames.Count(room, item.Members, item.Order),
        (PresenceMode.Members, _) => ServerFrames.Presence(room, item, isNumbered: true),
        (_, FrontEventKind.Members) => null,
        (_, FrontEventKind.Presence) => ServerFrames.Count(room, item.Members),
        _ => ServerFrames.Presence(room, item),
    };

    /// <summary>
    /// To all members, but for a join to the user's own connections, and for what a member wants no echo of. Who knows the members by their
    /// changes is told of its own user too, whose join may have been told to nobody when it came.
    /// </summary>
    public virtual void FanOut(ReadOnlySpan<FrontEvent> events)
    {
        if (events[0].IsPresence)
        {
            Tell(events[0], IsFor);
            return;
        }
        // Those that go to all go together.
        while (!events.IsEmpty)
        {
            var run = 0;
            while (run < events.Length && events[run].Except is null)
                run++;
            if (run > 0)
                registry.BroadcastToRoom(room.Name, Encode(events[..run]));
            if (run < events.Length)
            {
                FanOutExcept(events.Slice(run, 1));
                run++;
            }
            events = events[run..];
        }
    }

    /// <summary>To all but one, who is told the number: with no echo, by the ack.</summary>
    private void FanOutExcept(ReadOnlySpan<FrontEvent> only)
    {
        var item = only[0];
        Connection? excluded = null;
        registry.BroadcastToRoom(room.Name, Encode(only), member =>
        {
            if (member.Id != item.Except)
                return true;
            excluded = member;
            return false;
        });
        if (excluded is not null && IsTold(item))
            excluded.Deliver(MessageFrames.Excluded(room, item));
    }

    /// <summary>To the members who joined before it.</summary>
    public virtual void FanOutToEarlier(FrontEvent item)
    {
        if (item.IsPresence)
        {
            Tell(item, (member, item) => IsFor(member, item) && Receives(member, item));
            return;
        }
        registry.BroadcastToRoom(room.Name, Encode([item]), member => item.Except != member.Id && Receives(member, item));
        if (item.Except is { } except && IsTold(item) && registry.Get(except) is { State: Session } excluded && Receives(excluded, item))
            excluded.Deliver(MessageFrames.Excluded(room, item));
    }

    /// <summary>What a newcomer gets of an event that came before the answer to its join; null for nothing.</summary>
    public Frame? FrameFor(Connection member, FrontEvent item) =>
        !Receives(member, item) ? null
        : item.IsPresence ? IsFor(member, item) ? Encode(item, ModeOf(member)) : null
        : item.Except != member.Id ? Encode([item])
        : IsTold(item) ? MessageFrames.Excluded(room, item) : null;

    private static bool IsTold(FrontEvent item) => item.IsService && item.Sequence > 0;

    /// <summary>A member gets no event from before its join.</summary>
    private bool Receives(Connection member, FrontEvent item) =>
        Session.Of(member).MembershipIn(room) is { } membership && membership.JoinPoint.IsBefore(item);

    /// <summary>Tells who follows who is here all of it anew, as something may not have come.</summary>
    public void Renew(SyncedReply reply)
    {
        Counts?.Change(reply.Members);
        if (!IsFollowed || reply.Presence is not { } page)
            return;
        var frame = ServerFrames.Members(null, room.Name, page, isNumbered: true);
        foreach (var member in registry.Members(room.Name))
        {
            if (Session.Of(member).MembershipIn(room) is not { Presence: PresenceMode.Members } membership || membership.JoinPoint.Presence >= page.Order)
                continue;
            membership.JoinPoint = membership.JoinPoint with { Presence = page.Order };
            member.Deliver(frame);
        }
    }

    /// <summary>To the members who want to know only that.</summary>
    public void TellCount(int members) =>
        registry.BroadcastToRoom(room.Name, ServerFrames.Count(room, members), member => ModeOf(member) == PresenceMode.Count);

    private void Tell(FrontEvent item, Func<Connection, FrontEvent, bool> isReceiver)
    {
        if (Encode(item, PresenceMode.Changes) is { } frame)
            registry.BroadcastToRoom(room.Name, frame, member => (!IsFollowed || ModeOf(member) == PresenceMode.Changes) && isReceiver(member, item));
        if (!IsFollowed)
            return;
        if (Encode(item, PresenceMode.Members) is { } numbered)
            registry.BroadcastToRoom(room.Name, numbered, member => ModeOf(member) == PresenceMode.Members && isReceiver(member, item));
        if (item.Kind != FrontEventKind.Updated)
            Counts?.Change(item.Members);
    }

    private bool IsFor(Connection member, FrontEvent item) => item.Kind == FrontEventKind.Joined
        ? Session.Of(member).User != item.From || ModeOf(member) == PresenceMode.Members
        : item.Except is not { } except || except != member.Id;

    private PresenceMode ModeOf(Connection member) => Session.Of(member).MembershipIn(room)?.Presence ?? PresenceMode.Changes;
}
