using System.Net.WebSockets;
using System.Text;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Mvc.Testing;

namespace RealtimeApp.Tests;

/// <summary>Real sockets to the real application, on a free port.</summary>
public sealed class RoomTests : IDisposable
{
    private readonly WebApplicationFactory<Program> _app = new WebApplicationFactory<Program>().WithWebHostBuilder(host => host.UseEnvironment("Development"));
    private readonly CancellationTokenSource _bound = new(TimeSpan.FromSeconds(30));

    public RoomTests()
    {
        _app.UseKestrel(0);
        _app.StartServer();
    }

    public void Dispose()
    {
        _bound.Dispose();
        _app.Dispose();
    }

    [Fact]
    public async Task Members_of_the_room_hear_that_an_order_is_paid()
    {
        using var socket = new ClientWebSocket();
        await socket.ConnectAsync(new UriBuilder(_app.ClientOptions.BaseAddress) { Scheme = "ws", Path = "/ws", Query = "user=alice" }.Uri, _bound.Token);
        await Send(socket, """{"type":"join","id":"1","room":"orders"}""");
        await ReceiveUntil(socket, "\"joined\"");

        using var http = new HttpClient { BaseAddress = _app.ClientOptions.BaseAddress };
        (await http.PostAsync("/orders/7/paid", content: null, _bound.Token)).EnsureSuccessStatusCode();

        Assert.Contains("billing", await ReceiveUntil(socket, "order 7 is paid"));
    }

    private Task Send(ClientWebSocket socket, string frame) =>
        socket.SendAsync(Encoding.UTF8.GetBytes(frame), WebSocketMessageType.Text, endOfMessage: true, _bound.Token);

    private async Task<string> ReceiveUntil(ClientWebSocket socket, string text)
    {
        var buffer = new byte[64 * 1024];
        while (true)
        {
            var frame = Encoding.UTF8.GetString(buffer, 0, (await socket.ReceiveAsync(buffer, _bound.Token)).Count);
            if (frame.Contains(text, StringComparison.Ordinal))
                return frame;
        }
    }
}
