using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Tests;

/// <summary>A client as a user would write it: a real <see cref="ClientWebSocket"/>, frames as JSON objects, every wait bounded.</summary>
public sealed class TestClient : IAsyncDisposable
{
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(20);

    private readonly ClientWebSocket _socket = new();
    private readonly byte[] _buffer = new byte[256 * 1024];
    private int _ids;

    public static async Task<TestClient> Connect(Uri address, Action<ClientWebSocketOptions>? configure = null, HttpMessageInvoker? invoker = null)
    {
        var client = new TestClient();
        configure?.Invoke(client._socket.Options);
        using var bound = new CancellationTokenSource(Bound);
        await client._socket.ConnectAsync(address, invoker, bound.Token);
        return client;
    }

    public string? Subprotocol => _socket.SubProtocol;

    public WebSocketCloseStatus? CloseStatus => _socket.CloseStatus;

    public string? CloseReason => _socket.CloseStatusDescription;

    public Task Send(string text) => Send(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text);

    public async Task Send(byte[] data, WebSocketMessageType type)
    {
        using var bound = new CancellationTokenSource(Bound);
        await _socket.SendAsync(data, type, true, bound.Token);
    }

    /// <summary>The next frame; null when the server has closed.</summary>
    public async Task<(WebSocketMessageType Type, byte[] Data)?> ReceiveRaw()
    {
        using var bound = new CancellationTokenSource(Bound);
        var length = 0;
        while (true)
        {
            var part = await _socket.ReceiveAsync(_buffer.AsMemory(length), bound.Token);
            if (part.MessageType == WebSocketMessageType.Close)
                return null;
            length += part.Count;
            if (part.EndOfMessage)
                return (part.MessageType, _buffer[..length]);
        }
    }

    /// <summary>The next frame as JSON, which has a form of the catalogue if it has a type.</summary>
    public async Task<JsonObject> Receive()
    {
        var frame = await ReceiveRaw();
        Assert.True(frame is not null, $"closed: {_socket.CloseStatus} {_socket.CloseStatusDescription}");
        var json = JsonNode.Parse(frame.Value.Data)!.AsObject();
        if ((string?)json["type"] is { } type && !FrameCatalog.Server.Any(form => form.Fits(type, [.. json.Select(field => field.Key)])))
            Assert.Fail($"not in the catalogue: {json.ToJsonString()}");
        return json;
    }

    /// <summary>The next frame of a type; presence, and that a room was lost, before it are passed over.</summary>
    public async Task<JsonObject> Receive(string type)
    {
        while (true)
        {
            var frame = await Receive();
            var actual = (string?)frame["type"];
            if (actual == type)
                return frame;
            Assert.True(actual is "join" or "leave" or "update" or "presence" || (actual == "joined" && !frame.ContainsKey("id")), $"expected {type}, got {frame.ToJsonString()}");
        }
    }

    /// <summary>Sends a frame with an id, its own unless it is given one, and gives the answer with that id; what comes in between is given to <paramref name="other"/>.</summary>
    public async Task<JsonObject> Ask(JsonObject frame, Action<JsonObject>? other = null, string? id = null)
    {
        id ??= $"q{++_ids}";
        frame["id"] = id;
        await Send(frame.ToJsonString());
        while (true)
        {
            var answer = await Receive();
            if ((string?)answer["id"] == id)
                return answer;
            other?.Invoke(answer);
        }
    }

    public async Task<JsonObject> Join(string room)
    {
        var answer = await Ask(new JsonObject { ["type"] = "join", ["room"] = room });
        Assert.Equal("joined", (string?)answer["type"]);
        return answer;
    }

    /// <summary>Sends what must be refused, and gives the error.</summary>
    public async Task<JsonObject> Refused(string text)
    {
        await Send(text);
        return await Receive("error");
    }

    /// <summary>Proves that nothing else is under way: what comes before the answer to a ping is all that there is.</summary>
    public async Task<List<JsonObject>> Drain()
    {
        var rest = new List<JsonObject>();
        await Ask(new JsonObject { ["type"] = "ping" }, rest.Add);
        return rest;
    }

    public async Task Close()
    {
        using var bound = new CancellationTokenSource(Bound);
        await _socket.CloseAsync(WebSocketCloseStatus.NormalClosure, null, bound.Token);
    }

    /// <summary>Says goodbye, and can still receive.</summary>
    public async Task CloseOutput()
    {
        using var bound = new CancellationTokenSource(Bound);
        await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, bound.Token);
    }

    public ValueTask DisposeAsync()
    {
        _socket.Dispose();
        return ValueTask.CompletedTask;
    }
}
