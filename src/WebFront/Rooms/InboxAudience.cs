using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Users;

namespace Realtime.WebFront.Rooms;

/// <summary>
/// Who hears an inbox at this front: the connections that have asked for it are its members. Those of the user that have not get its
/// messages too, each once, as direct messages.
/// </summary>
/// <param name="room">The inbox.</param>
/// <param name="user">Whose it is.</param>
/// <param name="registry">The front's connections.</param>
/// <param name="topics">Of messages to users.</param>
/// <param name="told">The last message that the others had.</param>
internal sealed class InboxAudience(LocalRoom room, string user, ConnectionRegistry registry, DirectTopics topics, Position told = default) : RoomAudience(room, registry)
{
    private static readonly FrameTopic s_topic = new Topic();

    private Position _told = told;

    public override Frame Joined(string? id, Position position, bool? recovered, int members, int? last = null, MembersPage? page = null, bool byServer = false) =>
        ServerFrames.Inbox(id, position, recovered);

    public override Frame Error(string? id, RefusedReply refused) => ServerFrames.Error(id, null, refused.Code, refused.Reason);

    public override Frame Encode(ReadOnlySpan<FrontEvent> events)
    {
        var frame = MessageFrames.Builder;
        foreach (var message in events)
            frame.AddDirect(user, message);
        return frame.Build(s_topic, events[0].Epoch, events[0].Sequence);
    }

    public override void FanOut(ReadOnlySpan<FrontEvent> events)
    {
        if (!IsOfMessages(events))
            return;
        base.FanOut(events);
        foreach (var message in events)
            TellOthers(message);
    }

    public override void FanOutToEarlier(FrontEvent item)
    {
        if (!IsOfMessages([item]))
            return;
        base.FanOutToEarlier(item);
        TellOthers(item);
    }

    /// <summary>To the connections that have not asked for the inbox, if they have not had it.</summary>
    public void TellOthers(FrontEvent message)
    {
        if (message.Epoch == _told.Epoch && message.Sequence <= _told.Sequence)
            return;
        _told = new Position(message.Epoch!, message.Sequence);
        if (Registry.CountUser(user) > Registry.CountRoom(Room.Name))
            Registry.SendToUser(user, MessageFrames.Direct(message, topics.Of(message), user), connection => connection.State is not Session { Inbox: not null });
    }

    /// <summary>An inbox has no presence, and nobody sends to it unwrapped.</summary>
    private static bool IsOfMessages(ReadOnlySpan<FrontEvent> events) => events[0].Kind == FrontEventKind.Message;

    private sealed class Topic : FrameTopic
    {
        public override Frame Missing(in MissingMessages missing) => ServerFrames.InboxDropped(missing);
    }
}
