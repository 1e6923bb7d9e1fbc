using System.Net.WebSockets;
using System.Text;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

public class EchoTests
{
    [Theory, Combinatorial<Path>(0, 1, 125, 126, 127, 4096, 65_535, 65_536, 1_048_576)]
    public async Task Messages_of_every_length_form_come_back_unchanged(Path path, int size)
    {
        await using var server = await Server.EchoAsync(path);
        using var client = await server.ConnectAsync();
        var data = new byte[size];
        new Random(size).NextBytes(data);

        await client.SendBinaryAsync(data);
        var (type, back) = await client.ReceiveMessageAsync();
        Assert.Equal(WebSocketMessageType.Binary, type);
        Assert.Equal(data, back);

        string text = new string('é', size / 2) + (size % 2 == 1 ? "x" : "");
        Assert.Equal(text, await client.EchoAsync(text));
        await client.CloseAsync();
    }

    [Theory, Combinatorial<Path>]
    public async Task Many_messages_come_back_in_order(Path path)
    {
        await using var server = await Server.EchoAsync(path);
        using var client = await server.ConnectAsync();
        const int count = 2000;
        var sending = Task.Run(async () =>
        {
            for (int i = 0; i < count; i++)
                await client.SendTextAsync($"{i}");
        });
        for (int i = 0; i < count; i++)
            Assert.Equal($"{i}", await client.ReceiveTextAsync());
        await sending.Within();
        await client.CloseAsync();
    }

    [Theory, Combinatorial<Path>]
    public async Task What_was_sent_before_a_close_is_answered_before_it(Path path)
    {
        await using var server = await Server.EchoAsync(path);
        using var client = await server.ConnectRawAsync();
        await client.SendAsync([.. RawClient.Text("a"), .. RawClient.Text("b"), .. RawClient.Close(1000, "bye")]);
        Assert.Equal("a", await client.ReceiveTextAsync());
        Assert.Equal("b", await client.ReceiveTextAsync());
        var close = await client.ReceiveCloseAsync(1000, answer: false);
        Assert.Equal("bye", close.CloseReason);
        await client.ReceiveEndAsync();
    }

    [Theory, Combinatorial<Path>]
    public async Task Frames_that_come_with_the_upgrade_request_are_not_lost(Path path)
    {
        await using var server = await Server.EchoAsync(path);
        using var client = await server.ConnectRawAsync(along: [.. RawClient.Text("early"), .. RawClient.Text("bird")[..3]]);
        Assert.Equal("early", await client.ReceiveTextAsync());
        await client.SendAsync(RawClient.Text("bird")[3..]);
        Assert.Equal("bird", await client.ReceiveTextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task A_keep_alive_connection_can_be_upgraded_after_other_requests(Path path)
    {
        await using var server = await Server.StartAsync(path, app =>
        {
            app.MapConnections("/ws", Server.Echo);
            app.Use(next => async context =>
            {
                if (context.Request.Path != "/hello")
                {
                    await next(context);
                    return;
                }
                context.Response.ContentLength = 5;
                await context.Response.Body.WriteAsync("hello"u8.ToArray());
            });
        });
        using var client = await RawClient.OpenAsync(server.EndPoint);
        // Pipelined: the answer to the first must come before the 101, whatever path the 101 takes.
        await client.SendAsync(Encoding.ASCII.GetBytes("GET /hello HTTP/1.1\r\nHost: localhost\r\n\r\n" + RawClient.UpgradeRequest()));
        Assert.StartsWith("HTTP/1.1 200", await client.ReadHeadAsync());
        Assert.Equal("hello", await client.ReadTextAsync(5));
        Assert.StartsWith("HTTP/1.1 101", await client.ReadHeadAsync());
        await client.SendTextAsync("after");
        Assert.Equal("after", await client.ReceiveTextAsync());
    }

    [Fact]
    public async Task The_server_and_its_client_library_agree_over_many_connections_at_once()
    {
        await using var server = await Server.EchoAsync(Path.Polled);
        await Task.WhenAll(Enumerable.Range(0, 100).Select(async i =>
        {
            using var client = await server.ConnectAsync();
            for (int j = 0; j < 20; j++)
                Assert.Equal($"{i}:{j}", await client.EchoAsync($"{i}:{j}"));
            await client.CloseAsync();
        })).Within();
        await Waiting.Until(() => server.Registry.Count == 0);
    }
}
