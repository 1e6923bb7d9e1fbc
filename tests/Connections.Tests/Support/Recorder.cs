using System.Collections.Concurrent;
using System.Threading.Channels;

namespace Realtime.Connections.Tests.Support;

/// <summary>A handler that records what happens and lets a test wait for it.</summary>
public class Recorder : ConnectionHandler
{
    private readonly Channel<string> _events = Channel.CreateUnbounded<string>();
    private readonly Channel<Connection> _connections = Channel.CreateUnbounded<Connection>();

    public Func<Connection, Message, ValueTask>? Message { get; set; }

    public ConcurrentQueue<string> Texts { get; } = new();

    public async Task<string> NextAsync() => await _events.Reader.ReadAsync().Within();

    /// <summary>Skips to an event.</summary>
    public async Task Until(string expected)
    {
        while (await NextAsync() != expected)
        {
        }
    }

    public async Task<Connection> ConnectionAsync() => await _connections.Reader.ReadAsync().Within();

    public override ValueTask OnConnected(Connection connection)
    {
        _events.Writer.TryWrite("connected");
        _connections.Writer.TryWrite(connection);
        return default;
    }

    public override ValueTask OnMessage(Connection connection, Message message)
    {
        if (Message is { } handle)
            return handle(connection, message);
        string text = message.Type == MessageType.Text ? message.Text : $"{message.Data.Length} bytes";
        Texts.Enqueue(text);
        _events.Writer.TryWrite(text);
        return default;
    }

    public override ValueTask OnClosed(Connection connection, ushort code, string reason)
    {
        _events.Writer.TryWrite($"closed {code} {reason}");
        return default;
    }
}
