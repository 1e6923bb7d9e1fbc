using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Orleans;
using Realtime.Grains;
using RoomMessageOf = Realtime.Grains.RoomMessage;

namespace Realtime.Client.Tests;

/// <summary>Calls both ways, direct messages and the inbox, at the real server.</summary>
public sealed class CallTests(RealServer server)
{
    private readonly string _bob = Clients.Name("bob");

    private IUserGrain Bob => server.Grains.GetGrain<IUserGrain>(_bob);

    [Fact]
    public async Task A_client_calls_methods_of_the_application()
    {
        await using var bob = server.Client(_bob);
        var doubled = await bob.CallAsync("double", new Order(21), TestJson.Default.Order, TestJson.Default.Order).Soon();
        Assert.Equal(new Order(42), doubled);
        Assert.True((await bob.CallAsync("nothing").Soon()).IsNone);
        Assert.Null(await bob.CallAsync("nothing", new Order(1), TestJson.Default.Order, TestJson.Default.Order).Soon());
        await Clients.Fails("unknown_method", bob.CallAsync("other"));
        await Clients.Fails("bad_request", bob.CallAsync("double", JsonData.Parse("\"x\"")));
        var deep = JsonData.Parse($"{new string('[', 32)}{new string(']', 32)}");
        await Clients.Fails("bad_request", bob.CallAsync("double", deep)); // the server reads it, and it is no order
    }

    [Fact]
    public async Task The_server_calls_methods_of_the_client()
    {
        var log = new Lines();
        await using var bob = Clients.Make(server.Address, options => (options.User, options.MaxRunningCalls) = (_bob, 3), logger: log);
        var (ends, hanging, hang) = (new TaskCompletionSource(), new TaskCompletionSource(), 0);
        using (var confirm = bob.MapCall("confirm", TestJson.Default.Order, TestJson.Default.Order, (order, _) => ValueTask.FromResult(new Order(order!.Number + 1))))
        {
            bob.MapCall("refuse", (_, _) => throw new RealtimeException("busy", "not now"));
            bob.MapCall("fail", async (_, _) =>
            {
                await Task.Yield();
                throw new FormatException("a secret");
            });
            bob.MapCall("hang", async (_, ended) =>
            {
                if (Interlocked.Increment(ref hang) == 3)
                    hanging.TrySetResult();
                using var registration = ended.Register(() => ends.TrySetResult());
                await ends.Task;
                return default;
            });
            bob.MapCall("large", (_, _) => ValueTask.FromResult(JsonData.Parse($"\"{new string('x', 200_000)}\"")));
            Assert.Throws<InvalidOperationException>(() => bob.MapCall("confirm", (_, _) => default));
            Assert.Throws<ArgumentException>(() => bob.MapCall(" confirm", (_, _) => default));
            await bob.PingAsync().Soon();
            Assert.Equal("""{"number":8}""", await Bob.Call("confirm", """{"number":7}"""));
            Assert.Equal(("busy", "not now"), await Refused("refuse"));
            Assert.Equal(("call_failed", "The method failed."), await Refused("fail"));
            Assert.Equal(("call_failed", "The method failed."), await Refused("confirm", "\"no order\""));
            Assert.Equal(("call_failed", "The method failed."), await Refused("large"));
            Assert.Equal("unknown_method", (await Refused("other")).Code);
            for (var i = 0; i < 3; i++)
                _ = Bob.Call("hang");
            await hanging.Task.Soon();
            Assert.Equal("too_many_calls", (await Refused("refuse")).Code);
        }
        Assert.Equal("unknown_method", (await Refused("confirm")).Code);
        Assert.Equal(3, log.Count(LogLevel.Error));
        await bob.DisposeAsync();
        await ends.Task.Soon(); // told that nobody waits any more
    }

    private async Task<(string Code, string Message)> Refused(string method, string? data = null)
    {
        var exception = await Assert.ThrowsAsync<CallException>(() => Bob.Call(method, data));
        return (exception.Code, exception.Message);
    }

    [Fact]
    public async Task Direct_messages_come_and_the_inbox_keeps_those_of_who_is_away()
    {
        await using var alice = server.Client("alice");
        Position last;
        await using (var bob = server.Client(_bob))
        {
            await bob.ConnectAsync().Soon();
            await bob.PingAsync().Soon();
            Assert.Equal((1, null), await alice.SendToAsync(_bob, "before").Soon() is var first ? (first.Connections, first.Position) : default);
            var opened = await bob.OpenInboxAsync().Soon();
            Assert.Equal((0L, null), (opened.Position.Sequence, opened.Recovered));
            Assert.Equal(opened, await bob.OpenInboxAsync().Soon());
            var receipt = await alice.SendToAsync(_bob, new Order(7), TestJson.Default.Order).Soon();
            Assert.Equal((1, opened.Position with { Sequence = 1 }), (receipt.Connections, receipt.Position));
            var messages = await bob.DirectMessagesAsync().Take(2);
            Assert.Equal(("before", "alice", _bob, null), (messages[0].Content, messages[0].From, messages[0].To, messages[0].Position));
            Assert.Equal((new Order(7), receipt.Position), (messages[1].Data.To(TestJson.Default.Order), messages[1].Position));
            last = bob.InboxPosition!.Value;
        }
        await Bob.Send(new RoomMessageOf { Content = "while away" });
        await using var again = server.Client(_bob);
        Assert.True((await again.OpenInboxAsync(last).Soon()).Recovered);
        var missed = (await again.DirectMessagesAsync().Take(1))[0];
        Assert.Equal(("while away", true, 2L, null), (missed.Content, missed.IsService, missed.Position!.Value.Sequence, missed.Missed));

        await using var lost = server.Client(_bob);
        await lost.OpenInboxAsync(new Position("another", 1)).Soon();
        await alice.SendToAsync(_bob, "now").Soon();
        var next = (await lost.DirectMessagesAsync().Take(1))[0];
        Assert.Equal(("now", new Position("another", 1), 2L), (next.Content, next.Missed!.Since!.Value, next.Missed.Position!.Value.Sequence));
    }

    [Fact]
    public async Task A_host_has_one_client_with_its_log_and_clock()
    {
        var log = new Lines();
        var services = new ServiceCollection()
            .AddSingleton<ILogger<RealtimeClient>>(log)
            .AddSingleton(TimeProvider.System)
            .AddRealtimeClient(options => (options.Address, options.User) = (server.Address, "wrong"))
            .AddRealtimeClient((options, provider) => options.User = provider.GetRequiredService<TimeProvider>() is not null ? _bob : "");
        RealtimeClient client;
        await using (var provider = services.BuildServiceProvider())
        {
            client = provider.GetRequiredService<RealtimeClient>();
            Assert.Same(client, provider.GetRequiredService<RealtimeClient>());
            await client.ConnectAsync().Soon();
            await client.PingAsync().Soon();
            Assert.Equal(1, await Bob.Send(new RoomMessageOf { Content = "hi" }));
        }
        Assert.Equal(RealtimeState.Closed, client.Status.State);
        Assert.Equal(1, log.Count(LogLevel.Information));
        using var wrong = new ServiceCollection().AddRealtimeClient(_ => { }).BuildServiceProvider();
        Assert.Contains("Address is missing", Assert.Throws<ArgumentException>(() => wrong.GetRequiredService<RealtimeClient>()).Message, StringComparison.Ordinal);
    }

    private sealed class Lines : ILogger<RealtimeClient>
    {
        private readonly List<LogLevel> _lines = [];

        public int Count(LogLevel level)
        {
            lock (_lines)
                return _lines.Count(line => line == level);
        }

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            lock (_lines)
                _lines.Add(logLevel);
        }
    }
}
