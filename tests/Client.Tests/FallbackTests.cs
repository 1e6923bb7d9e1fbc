using System.Text;
using Realtime.Grains;

namespace Realtime.Client.Tests;

/// <summary>The way without a WebSocket, against the product behind a proxy that means WebSockets no good.</summary>
public sealed class FallbackTests(RealServer server)
{
    private RealtimeClient Client(UpgradeProxy proxy, string user, Action<RealtimeClientOptions>? configure = null) => Clients.Make(proxy.Address, options =>
    {
        options.User = user;
        configure?.Invoke(options);
    });

    [Theory]
    [InlineData(nameof(UpgradeProxy.Mind.Refuses), 1)]
    [InlineData(nameof(UpgradeProxy.Mind.Cuts), 3)]
    public async Task Where_upgrades_are_refused_or_cut_everything_goes_without_them(string mind, int upgrades)
    {
        await using var proxy = new UpgradeProxy(server.Address, Enum.Parse<UpgradeProxy.Mind>(mind));
        var (user, roomName) = (Clients.Name("alice"), Clients.Name("room"));
        await using var client = Client(proxy, user);
        var statuses = client.Statuses();
        var connecting = client.ConnectAsync();
        await statuses.Next(status => status.Transport == RealtimeTransport.ServerSentEvents);
        await connecting.Soon();
        Assert.Equal(upgrades, proxy.Upgrades);

        var room = await client.JoinAsync(roomName, new() { State = true }).Soon();
        await client.OpenInboxAsync().Soon();
        await using var other = server.Client(Clients.Name("bob"));
        var there = await other.JoinAsync(roomName).Soon();
        // What is published together goes together; what is awaited goes one by one. Both sides see one order.
        var positions = await Task.WhenAll(Enumerable.Range(0, 300).Select(n => room.PublishAsync($"a{n}"))).Soon();
        Assert.Equal(Enumerable.Range(1, 300).Select(n => (long)n), positions.Select(position => position.Sequence));
        for (var n = 0; n < 5; n++)
            await room.PublishAsync($"b{n}").Soon();
        await there.PublishAsync("c\r\nd\n\u2028e").Soon();
        string[] expected = [.. Enumerable.Range(0, 300).Select(n => $"a{n}"), .. Enumerable.Range(0, 5).Select(n => $"b{n}"), "c\r\nd\n\u2028e"];
        Assert.Equal(expected, (await room.MessagesAsync().Take(306)).Select(message => message.Content));
        Assert.Equal(expected, (await there.MessagesAsync().Take(306)).Select(message => message.Content));
        await room.SetAsync("key", JsonData.From(new Order(7), TestJson.Default.Order)).Soon();
        Assert.Equal(new Order(14), await client.CallAsync("double", new Order(7), TestJson.Default.Order, TestJson.Default.Order).Soon());
        var sent = await other.SendToAsync(user, "psst").Soon();
        Assert.Equal(("psst", 1), ((await client.DirectMessagesAsync().Take(1))[0].Content, sent.Connections));
        Assert.True(await client.PingAsync().Soon() > TimeSpan.Zero);
        // A long one, and those of which a service makes the bytes.
        var large = new string('x', 30_000);
        await there.PublishAsync(large).Soon();
        Assert.Contains(large, (await room.MessagesAsync().Take(2)).Select(message => message.Content));
        var raw = client.RawFramesAsync().Take(2);
        await server.Grains.GetGrain<IRoomGrain>(roomName).BroadcastText("two\nlines");
        await server.Grains.GetGrain<IRoomGrain>(roomName).BroadcastBinary([0, 10, 13, 255]);
        Assert.Equal(["two\nlines", "\0\n\r\u00ff"], (await raw).Select(frame => frame.IsText ? Encoding.UTF8.GetString(frame.Bytes.Span) : Encoding.Latin1.GetString(frame.Bytes.Span)));
        await room.LeaveAsync().Soon();
        await client.CloseAsync().Soon();
        Assert.Null(client.Status.Transport);
    }

    [Fact]
    public async Task What_is_cut_while_it_does_without_is_resumed_with_nothing_lost_or_twice()
    {
        await using var proxy = new UpgradeProxy(server.Address, UpgradeProxy.Mind.Refuses);
        var roomName = Clients.Name("room");
        await using var client = Client(proxy, Clients.Name("alice"));
        var room = await client.JoinAsync(roomName).Soon();
        await using var other = server.Client(Clients.Name("bob"));
        var there = await other.JoinAsync(roomName).Soon();
        using var over = new CancellationTokenSource();
        var cutting = Task.Run(async () =>
        {
            for (var n = 0; n < 12 && !over.IsCancellationRequested; n++)
            {
                await Task.Delay(60);
                proxy.Cut();
            }
        });
        var own = Task.Run(async () =>
        {
            for (var n = 0; n < 150; n++)
                await room.PublishAsync($"a{n}");
        });
        var others = Task.Run(async () =>
        {
            for (var n = 0; n < 150; n++)
            {
                await there.PublishAsync($"b{n}");
                await Task.Delay(4);
            }
        });
        await Task.WhenAll(own, others, cutting).Soon();
        var messages = await room.MessagesAsync().Take(300);
        Assert.Equal(Enumerable.Range(1, 300).Select(n => (long)n), messages.Select(message => message.Position.Sequence));
        Assert.All(messages, message => Assert.Null(message.Missed));
        foreach (var from in "ab")
            Assert.Equal(Enumerable.Range(0, 150).Select(n => $"{from}{n}"), messages.Select(message => message.Content!).Where(content => content[0] == from));
    }

    [Fact]
    public async Task It_goes_back_when_WebSockets_pass_again_and_not_before()
    {
        await using var proxy = new UpgradeProxy(server.Address, UpgradeProxy.Mind.Cuts);
        await using var client = Client(proxy, Clients.Name("alice"), options => options.WebSocketAgain = TimeSpan.FromMilliseconds(300));
        var statuses = client.Statuses();
        var room = await client.JoinAsync(Clients.Name("room")).Soon();
        await statuses.Next(status => status.Transport == RealtimeTransport.ServerSentEvents);
        var known = proxy.Upgrades;
        var patience = DateTime.UtcNow + Clients.Bound;
        while (proxy.Upgrades < known + 2 && DateTime.UtcNow < patience)
            await Task.Delay(10);
        Assert.Equal(RealtimeTransport.ServerSentEvents, client.Status.Transport); // it has looked in vain
        var reading = UntilLast(room); // all the time: what nobody reads is bounded
        proxy.Now = UpgradeProxy.Mind.Passes;
        var publishing = Task.Run(async () =>
        {
            for (var n = 0; client.Status.Transport != RealtimeTransport.WebSocket; n++)
                await room.PublishAsync($"{n}");
        });
        await statuses.Next(status => status.Transport == RealtimeTransport.WebSocket);
        await publishing.Soon();
        await room.PublishAsync("last").Soon();
        var messages = await reading.Soon();
        Assert.Equal(Enumerable.Range(1, messages.Count).Select(n => (long)n), messages.Select(message => message.Position.Sequence));
        Assert.Equal([.. Enumerable.Range(0, messages.Count - 1).Select(n => $"{n}"), "last"], messages.Select(message => message.Content));

        static async Task<List<RoomMessage>> UntilLast(RealtimeRoom room)
        {
            var messages = new List<RoomMessage>();
            await foreach (var message in room.MessagesAsync())
            {
                messages.Add(message);
                if (message.Content == "last")
                    break;
            }
            return messages;
        }
    }

    [Fact]
    public async Task A_handshake_that_is_all_that_passes_counts_as_a_cut()
    {
        await using var proxy = new UpgradeProxy(server.Address, UpgradeProxy.Mind.Swallows);
        await using var client = Client(proxy, Clients.Name("alice"), options => options.PingAfter = options.PongTimeout = TimeSpan.FromMilliseconds(250));
        var joining = client.JoinAsync(Clients.Name("room"));
        var statuses = client.Statuses();
        await statuses.Next(status => status.Transport == RealtimeTransport.ServerSentEvents);
        await joining.Soon();
        Assert.Equal(3, proxy.Upgrades);
    }

    [Fact]
    public async Task Without_the_option_and_at_another_address_it_goes_on_with_WebSockets()
    {
        await using var proxy = new UpgradeProxy(server.Address, UpgradeProxy.Mind.Cuts);
        await using var client = Client(proxy, Clients.Name("alice"), options => options.Fallback = false);
        var statuses = client.Statuses();
        _ = client.ConnectAsync();
        await statuses.Next(status => status.Attempt == 5);
        Assert.Equal(0, proxy.Requests);
        proxy.Now = UpgradeProxy.Mind.Refuses;
        await using var elsewhere = Clients.Make(new($"{proxy.Address}-of-another"));
        var error = await Assert.ThrowsAsync<RealtimeException>(() => elsewhere.ConnectAsync().Soon());
        Assert.Contains("the server answered 400", error.Message, StringComparison.Ordinal);
        Assert.Equal(0, proxy.Requests);
    }

    [Fact]
    public async Task Where_nothing_passes_it_tries_one_of_each_in_turn_and_comes_back_by_what_passes()
    {
        await using var proxy = new UpgradeProxy(server.Address, UpgradeProxy.Mind.Breaks);
        await using var client = Client(proxy, Clients.Name("alice"));
        var statuses = client.Statuses();
        var connecting = client.ConnectAsync();
        await statuses.Next(status => status.Attempt == 9);
        // Three WebSockets, then one of each in turn; there may have been more by now.
        Assert.True(proxy.Requests >= 3 && proxy.Upgrades >= proxy.Requests, $"{proxy.Requests} without a WebSocket, {proxy.Upgrades} with one");
        proxy.Now = UpgradeProxy.Mind.Refuses;
        Assert.Equal(RealtimeTransport.ServerSentEvents, (await statuses.Next(status => status.State == RealtimeState.Connected)).Transport);
        await connecting.Soon();
    }

    [Fact]
    public async Task A_handler_of_the_application_carries_handshakes_and_requests()
    {
        await using var proxy = new UpgradeProxy(server.Address, UpgradeProxy.Mind.Passes);
        using var handler = new CountingHandler();
        foreach (var mind in new[] { UpgradeProxy.Mind.Passes, UpgradeProxy.Mind.Refuses })
        {
            proxy.Now = mind;
            await using var client = Client(proxy, Clients.Name("alice"), options => options.HttpHandlerFactory = () => handler);
            var room = await client.JoinAsync(Clients.Name("room")).Soon();
            await room.PublishAsync("x").Soon();
            Assert.Equal(mind == UpgradeProxy.Mind.Passes ? RealtimeTransport.WebSocket : RealtimeTransport.ServerSentEvents, client.Status.Transport);
        }
        Assert.Equal((2, true), (handler.Count("/ws"), handler.Count("/api/session") >= 3));
    }

    /// <summary>Not disposed of by a client: the second one uses it still.</summary>
    private sealed class CountingHandler : DelegatingHandler
    {
        private readonly System.Collections.Concurrent.ConcurrentQueue<string> _paths = [];

        public CountingHandler() => InnerHandler = new SocketsHttpHandler { UseCookies = false };

        public int Count(string start) => _paths.Count(path => path.StartsWith(start, StringComparison.Ordinal));

        protected override Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            _paths.Enqueue(request.RequestUri!.AbsolutePath);
            return base.SendAsync(request, cancellationToken);
        }
    }
}
