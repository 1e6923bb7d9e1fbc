using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace Realtime.Client.Tests;

/// <summary>A WebSocket server that does what a test says, for what no server of ours does.</summary>
internal sealed class ScriptedServer : IAsyncDisposable
{
    private readonly Channel<ScriptedConnection> _accepted = Channel.CreateUnbounded<ScriptedConnection>();
    private readonly WebApplication _app;

    private ScriptedServer(WebApplication app) => _app = app;

    public Uri Address { get; private set; } = new("ws://invalid");

    /// <summary>Answers a handshake in another way: then it gives true.</summary>
    public Func<HttpContext, bool>? Refuses { get; set; }

    public string? Subprotocol { get; set; } = "realtime.json.v1";

    public int Attempts { get; private set; }

    public static async Task<ScriptedServer> Start()
    {
        var builder = WebApplication.CreateEmptyBuilder(new());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Logging.ClearProviders();
        var app = builder.Build();
        var server = new ScriptedServer(app);
        app.UseWebSockets();
        app.Run(server.Serve);
        await app.StartAsync();
        server.Address = new($"ws://{new Uri(app.Urls.First()).Authority}/ws");
        return server;
    }

    public Task<ScriptedConnection> Accept() => _accepted.Reader.ReadAsync().AsTask().Soon();

    /// <summary>The next connection, which has let the client into the room at that position.</summary>
    public async Task<ScriptedConnection> AcceptMember(string epoch = "e", long sequence = 0, string more = "")
    {
        var connection = await Accept();
        await connection.LetIn(epoch, sequence, more);
        return connection;
    }

    public async ValueTask DisposeAsync()
    {
        _accepted.Writer.TryComplete();
        using var now = new CancellationTokenSource(0);
        await _app.StopAsync(now.Token);
        await _app.DisposeAsync();
    }

    private async Task Serve(HttpContext context)
    {
        Attempts++;
        if (Refuses?.Invoke(context) == true)
            return;
        using var socket = await context.WebSockets.AcceptWebSocketAsync(Subprotocol);
        var connection = new ScriptedConnection(socket, context);
        _accepted.Writer.TryWrite(connection);
        await connection.Ended;
    }
}

/// <summary>A connection of it. It reads all the time, and answers a close.</summary>
internal sealed class ScriptedConnection
{
    private readonly Channel<JsonObject> _frames = Channel.CreateUnbounded<JsonObject>();
    private readonly WebSocket _socket;
    private readonly HttpContext _context;

    public ScriptedConnection(WebSocket socket, HttpContext context)
    {
        (_socket, _context) = (socket, context);
        (Authorization, Query) = (context.Request.Headers.Authorization, context.Request.QueryString.Value);
        Ended = Task.Run(Read);
    }

    public Task Ended { get; }

    public string? Authorization { get; }

    public string? Query { get; }

    private async Task Read()
    {
        var buffer = new byte[256 * 1024];
        var length = 0;
        try
        {
            while (true)
            {
                var part = await _socket.ReceiveAsync(buffer.AsMemory(length), CancellationToken.None);
                if (part.MessageType == WebSocketMessageType.Close)
                    break;
                length += part.Count;
                if (!part.EndOfMessage)
                    continue;
                _frames.Writer.TryWrite((JsonObject)JsonNode.Parse(buffer.AsSpan(0, length))!);
                length = 0;
            }
            if (_socket.State == WebSocketState.CloseReceived)
                await _socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, "", CancellationToken.None);
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException or IOException)
        {
            // Cut.
        }
        _frames.Writer.TryComplete();
    }

    /// <summary>The next frame; null at the end.</summary>
    public async Task<JsonObject?> TryReceive() =>
        await _frames.Reader.WaitToReadAsync().AsTask().Soon() && _frames.Reader.TryRead(out var frame) ? frame : null;

    /// <summary>The next frame, of this type.</summary>
    public async Task<JsonObject> Receive(string type)
    {
        var frame = await TryReceive();
        Assert.Equal(type, (string?)frame?["type"]);
        return frame!;
    }

    public Task Send(string frame, WebSocketMessageType type = WebSocketMessageType.Text) =>
        _socket.SendAsync(Encoding.UTF8.GetBytes(frame), type, endOfMessage: true, CancellationToken.None);

    public Task SendMessage(long sequence, string content, string epoch = "e") =>
        Send($$"""{"type":"message","room":"lobby","from":"bob","content":"{{content}}","epoch":"{{epoch}}","seq":{{sequence}},"timestamp":1760000000000}""");

    /// <summary>Answers the join that comes next.</summary>
    public async Task<JsonObject> LetIn(string epoch = "e", long sequence = 0, string more = "")
    {
        var join = await Receive("join");
        await Send($$"""{"type":"joined","id":"{{join["id"]}}","room":"lobby","epoch":"{{epoch}}","seq":{{sequence}},"members":1{{more}}}""");
        return join;
    }

    /// <summary>Answers a publish, the next frame.</summary>
    public async Task Acknowledge(long sequence)
    {
        var message = await Receive("message");
        await Send($$"""{"type":"ack","id":"{{message["id"]}}","room":"lobby","epoch":"e","seq":{{sequence}}}""");
    }

    public async Task Close(int code, string reason = "")
    {
        await _socket.CloseOutputAsync((WebSocketCloseStatus)code, reason, CancellationToken.None);
        await Ended.Soon();
    }

    /// <summary>Cuts it.</summary>
    public void Cut() => _context.Abort();
}
