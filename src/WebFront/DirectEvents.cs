using System.Text;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Users;

namespace Realtime.WebFront;

/// <summary>Delivers the events that are for a user's connections, or for all of them.</summary>
internal sealed class DirectEvents(ConnectionRegistry registry, DirectTopics topics)
{
    public void Deliver(FrontEvent item)
    {
        switch (item.Kind)
        {
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

    private void Disconnect(FrontEvent item)
    {
        var reason = item.Body.Length == 0 ? "disconnected by the server" : Encoding.UTF8.GetString(item.Body);
        foreach (var connection in registry.GetUser(item.Target))
            _ = connection.CloseAsync(CloseCodes.Kicked, reason);
    }
}
