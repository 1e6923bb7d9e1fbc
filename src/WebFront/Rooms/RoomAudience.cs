using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Rooms;

/// <summary>Who hears a room at this front, and in which frames: its members. Called under the room's lock.</summary>
internal class RoomAudience(LocalRoom room, ConnectionRegistry registry)
{
    protected LocalRoom Room => room;

    protected ConnectionRegistry Registry => registry;

    /// <summary>The answer to a join; without an id, that messages are lost.</summary>
    public virtual Frame Joined(string? id, Position position, bool? recovered, int members, int? last = null) =>
        ServerFrames.Joined(id, room, position, recovered, members, last);

    public virtual Frame Error(string? id, RefusedReply refused) => ServerFrames.Error(id, room.Name, refused.Code, refused.Reason);

    /// <summary>Events as frames for members: messages that follow each other, or ephemeral ones, or one of another kind.</summary>
    public virtual Frame Encode(ReadOnlySpan<FrontEvent> events)
    {
        switch (events[0].Kind)
        {
            case FrontEventKind.Joined or FrontEventKind.Left:
                return ServerFrames.Presence(room, events[0]);
            case FrontEventKind.Presence:
                return ServerFrames.Count(room, events[0]);
            case FrontEventKind.Ephemeral:
                return MessageFrames.Ephemeral(room, events);
        }
        var frame = MessageFrames.Builder;
        foreach (var message in events)
            frame.AddMessage(room, message);
        return frame.Build(room.Topic, events[0].Epoch, events[0].Sequence);
    }

    /// <summary>To all members, but for a join to the user's own connections, and for what a member wants no echo of.</summary>
    public virtual void FanOut(ReadOnlySpan<FrontEvent> events)
    {
        if (events[0].Kind == FrontEventKind.Joined)
        {
            var from = events[0].From;
            registry.BroadcastToRoom(room.Name, Encode(events), member => Session.Of(member).User != from);
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
            excluded.Deliver(ServerFrames.Excluded(room, item));
    }

    /// <summary>To the members who joined before it.</summary>
    public virtual void FanOutToEarlier(FrontEvent item)
    {
        registry.BroadcastToRoom(room.Name, Encode([item]), member => item.Except != member.Id && Receives(member, item));
        if (item.Except is { } except && IsTold(item) && registry.Get(except) is { State: Session } excluded && Receives(excluded, item))
            excluded.Deliver(ServerFrames.Excluded(room, item));
    }

    /// <summary>What a newcomer gets of an event that came before the answer to its join; null for nothing.</summary>
    public Frame? FrameFor(Connection member, FrontEvent item) =>
        !Receives(member, item) ? null
        : item.Except != member.Id ? Encode([item])
        : IsTold(item) ? ServerFrames.Excluded(room, item) : null;

    private static bool IsTold(FrontEvent item) => item.IsService && item.Sequence > 0;

    /// <summary>A member gets no event from before its join, and not its own user's join.</summary>
    private bool Receives(Connection member, FrontEvent item)
    {
        var session = Session.Of(member);
        return (item.Kind != FrontEventKind.Joined || session.User != item.From)
            && session.MembershipIn(room) is { } membership && membership.JoinPoint.IsBefore(item);
    }
}
