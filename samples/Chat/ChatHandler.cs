using Realtime.Connections;

namespace Realtime.Chat;

/// <summary>
/// What happens on each socket. Resolved from DI, so a logger, a database or a cache is a constructor parameter.
/// Commands are lines of text: <c>/join room</c>, <c>/leave room</c>; anything else goes to the rooms that one is in.
/// </summary>
internal sealed class ChatHandler(ConnectionRegistry registry, MessageStore store, ILogger<ChatHandler> logger) : ConnectionHandler
{
    public override ValueTask OnConnected(Connection connection)
    {
        logger.LogInformation("{Connection} came from {Address}; {Count} are here", connection.Id, connection.RemoteAddress, registry.Count);
        connection.SendText("welcome; say /join <room>");
        return ValueTask.CompletedTask;
    }

    public override ValueTask OnMessage(Connection connection, Message message)
    {
        var text = message.Text;
        if (text.StartsWith("/join ", StringComparison.Ordinal))
            Join(connection, text[6..].Trim());
        else if (text.StartsWith("/leave ", StringComparison.Ordinal))
            Leave(connection, text[7..].Trim());
        else
            Say(connection, text);
        return ValueTask.CompletedTask;
    }

    public override ValueTask OnClosed(Connection connection, ushort code, string reason)
    {
        logger.LogInformation("{Connection} went with {Code} {Reason}", connection.Id, code, reason);
        return ValueTask.CompletedTask;
    }

    private void Join(Connection connection, string room)
    {
        if (room.Length == 0 || !registry.Join(connection, room))
        {
            connection.SendText($"error: you cannot join '{room}'");
            return;
        }
        foreach (var earlier in store.Last(room))
            connection.SendText(earlier);
        registry.BroadcastTextToRoom(room, $"* {connection.Id} joined {room} ({registry.CountRoom(room)} here)");
    }

    private void Leave(Connection connection, string room)
    {
        if (registry.Leave(connection, room))
            registry.BroadcastTextToRoom(room, $"* {connection.Id} left {room}");
        else
            connection.SendText($"error: you are not in '{room}'");
    }

    private void Say(Connection connection, string text)
    {
        var rooms = registry.RoomsOf(connection);
        if (rooms.Count == 0)
            connection.SendText("error: say /join <room> first");
        foreach (var room in rooms)
        {
            var line = $"[{room}] {connection.Id}: {text}";
            store.Add(room, line);
            registry.BroadcastTextToRoom(room, line);
        }
    }
}
