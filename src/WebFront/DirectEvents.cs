using System.Text;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Rooms;
using Realtime.WebFront.Users;

namespace Realtime.WebFront;

/// <summary>Delivers the events that are for a user's connections, or for all of them.</summary>
internal sealed class DirectEvents(ConnectionRegistry registry, DirectTopics topics, LocalRooms rooms)
{
    public void Deliver(FrontEvent item)
    {
        switch (item.Kind)
        {
            case FrontEventKind.DirectMessage when item.Sequence > 0 && rooms.Find(InboxKey.Of(item.Target)) is { } inbox:
                inbox.TellOthers(item);
                break;
            case FrontEventKind.DirectMessage:
                registry.SendToUser(item.Target, MessageFrames.Direct(item, topics.Of(item)));
                break;
            case FrontEventKind.DirectText:
                registry.SendToUser(item.Target, MessageFrames.Unwrapped(item, topics.Of(item)));
                break;
            case FrontEventKind.DirectBinary:
                registry.SendToUser(item.Target, MessageFrames.Unwrapped(item, topics.Of(item)));
                break;
            case FrontEventKind.EveryoneMessage:
                registry.Broadcast(MessageFrames.Direct(item));
                break;
            case FrontEventKind.EveryoneText:
                registry.Broadcast(Frame.Text(item.Body));
                break;
            case FrontEventKind.EveryoneBinary:
                registry.Broadcast(Frame.Binary(item.Body));
                break;
            case FrontEventKind.Disconnect:
                Disconnect(item);
                break;
        }
    }

    /// <summary>Messages of an inbox that no connection here has asked for any more.</summary>
    public void Deliver(string user, ReadOnlySpan<FrontEvent> messages)
    {
        foreach (var message in messages)
        {
            if (message.Kind == FrontEventKind.Message)
                registry.SendToUser(user, MessageFrames.Direct(message, topics.Of(message), user));
        }
    }

    private void Disconnect(FrontEvent item)
    {
        var reason = item.Body.Length == 0 ? "disconnected by the server" : Encoding.UTF8.GetString(item.Body);
        foreach (var connection in registry.GetUser(item.Target))
            _ = connection.CloseAsync(CloseCodes.Kicked, reason);
    }
}
