using System.Collections.Concurrent;
using System.Net.WebSockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Realtime.Bench.Load;

namespace Realtime.Bench.Tests;

/// <summary>A server of rooms that can be told to deliver badly.</summary>
/// <param name="deliver">What the member of this place in the room gets, in one frame each, instead of the n-th message.</param>
internal sealed class RoomServer(Func<int, int, string, string[]> deliver) : IAsyncDisposable
{
    public static readonly Dialect Dialect = new(Path: "/", Publish: "say {room} {payload}", Join: "join {room}", Joined: "joined");

    private readonly WebApplication _app = Build();
    private readonly ConcurrentDictionary<string, List<WebSocket>> _rooms = new();
    private readonly SemaphoreSlim _turn = new(1);
    private int _messages;

    public int Port => new Uri(_app.Urls.Single()).Port;

    public async Task<RoomServer> Start()
    {
        _app.UseWebSockets();
        _app.Map("/", async (HttpContext context) =>
        {
            using var socket = await context.WebSockets.AcceptWebSocketAsync();
            await Serve(socket, context.RequestAborted);
        });
        await _app.StartAsync();
        return this;
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private static WebApplication Build()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.UseUrls("http://127.0.0.1:0");
        return builder.Build();
    }

    private async Task Serve(WebSocket socket, CancellationToken stop)
    {
        var buffer = new byte[4096];
        try
        {
            while (await socket.ReceiveAsync(buffer, stop) is { MessageType: WebSocketMessageType.Text } frame)
            {
                var words = Encoding.UTF8.GetString(buffer, 0, frame.Count).Split(' ', 3);
                var members = _rooms.GetOrAdd(words[1], _ => []);
                await _turn.WaitAsync(stop);
                if (words[0] == "join")
                {
                    members.Add(socket);
                    await Send(socket, "joined", stop);
                }
                else
                {
                    await Say(members, words[2], stop);
                }
                _turn.Release();
            }
        }
        catch (Exception exception) when (exception is WebSocketException or OperationCanceledException)
        {
            // The client has gone.
        }
    }

    private async Task Say(List<WebSocket> members, string payload, CancellationToken stop)
    {
        var number = ++_messages;
        foreach (var (place, member) in members.Index())
        {
            foreach (var text in deliver(place, number, payload))
                await Send(member, text, stop);
        }
    }

    private static Task Send(WebSocket socket, string text, CancellationToken stop) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(text), WebSocketMessageType.Text, endOfMessage: true, stop);
}
