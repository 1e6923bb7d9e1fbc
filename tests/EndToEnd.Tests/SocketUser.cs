using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;

namespace Realtime.EndToEnd.Tests;

/// <summary>A user with a WebSocket and no page; every wait is bounded.</summary>
internal sealed class SocketUser : IAsyncDisposable
{
    private static readonly TimeSpan s_bound = TimeSpan.FromMilliseconds(BrowserWindow.Timeout);

    private readonly ClientWebSocket _socket = new();
    private readonly Channel<JsonObject> _frames = Channel.CreateUnbounded<JsonObject>();
    private Task _reading = Task.CompletedTask;

    /// <param name="address">Of the front: <c>http://127.0.0.1:41234</c>.</param>
    /// <param name="user">The name; the front is in Development.</param>
    public static async Task<SocketUser> ConnectAsync(string address, string user, params string[] rooms)
    {
        var client = new SocketUser();
        await client._socket.ConnectAsync(new Uri($"{address.Replace("http:", "ws:")}/ws?user={Uri.EscapeDataString(user)}"), CancellationToken.None).WaitAsync(s_bound);
        client._reading = client.ReadAsync();
        foreach (var room in rooms)
            await client.AskAsync(new JsonObject { ["type"] = "join", ["id"] = $"join {room}", ["room"] = room });
        if (rooms.Length == 0)
            await client.AskAsync(new JsonObject { ["type"] = "ping", ["id"] = "first" });
        return client;
    }

    /// <summary>Why the server closed it, once it has.</summary>
    public async Task<(int Code, string Reason)> ClosedAsync()
    {
        await _reading.WaitAsync(s_bound);
        return ((int)_socket.CloseStatus!, _socket.CloseStatusDescription ?? "");
    }

    /// <summary>Sends a frame, and gives the answer with its id.</summary>
    public async Task<JsonObject> AskAsync(JsonObject frame)
    {
        await SendAsync(frame);
        return await HeardAsync(answer => (string?)answer["id"] == (string?)frame["id"]);
    }

    public Task SendAsync(JsonObject frame) =>
        _socket.SendAsync(Encoding.UTF8.GetBytes(frame.ToJsonString()), WebSocketMessageType.Text, true, CancellationToken.None).WaitAsync(s_bound);

    /// <summary>The next frame that is meant; others are passed over.</summary>
    public async Task<JsonObject> HeardAsync(Func<JsonObject, bool> isMeant)
    {
        using var bound = new CancellationTokenSource(s_bound);
        while (true)
        {
            var frame = await _frames.Reader.ReadAsync(bound.Token);
            if (isMeant(frame))
                return frame;
        }
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }

    private async Task ReadAsync()
    {
        var (buffer, length) = (new byte[1024 * 1024], 0);
        try
        {
            while (true)
            {
                var part = await _socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close)
                    return;
                length += part.Count;
                if (!part.EndOfMessage)
                    continue;
                _frames.Writer.TryWrite(JsonNode.Parse(buffer.AsSpan(0, length))!.AsObject());
                length = 0;
            }
        }
        catch (Exception exception) when (exception is WebSocketException or ObjectDisposedException or OperationCanceledException)
        {
            // The test is over.
        }
    }
}
