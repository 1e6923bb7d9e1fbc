using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>How connections end when their host stops. In manual time a drain goes on by the millisecond.</summary>
public class DrainTests
{
    private const int Count = 20; // connections: a spread of 20 ms

    [Theory, Combinatorial<Path>]
    public async Task Each_is_told_when_to_come_back(Path path)
    {
        await using var server = await Server.EchoAsync(path);
        var clients = await ConnectAsync(server);
        var stopping = server.StopAsync();
        var hints = await Task.WhenAll(clients.Select(async client => Hint(await client.ReceiveCloseAsync(1001))));
        await stopping.Within();
        Assert.All(hints, hint => Assert.InRange(hint, 0, 1000)); // twice 20 ms is less
        Assert.True(hints.Distinct().Count() > 1, "all the same");
        Assert.Equal(0, server.Registry.Count);
    }

    [Theory, Combinatorial<Path>(5000, 10)]
    public async Task They_are_closed_one_after_another(Path path, int drainMilliseconds)
    {
        var time = new ManualTimeProvider();
        await using var server = await Server.EchoAsync(path, options => options.DrainTime = TimeSpan.FromMilliseconds(drainMilliseconds), builder => builder.UseTime(time));
        var clients = await ConnectAsync(server);
        var connections = server.Registry.Connections.ToArray();
        var drain = new Steps(time);
        var stopping = server.StopAsync();

        int half = Math.Min(Count, drainMilliseconds) / 2;
        await drain.GoOnAsync(half);
        var open = connections.Where(connection => connection.IsConnected).ToArray();
        Assert.InRange(open.Length, Count / 2 - 2, Count / 2);
        Assert.False(stopping.IsCompleted);

        await drain.GoOnAsync(half - 2);
        Assert.Contains(connections, connection => connection.IsConnected);
        await drain.GoOnAsync(1);
        Assert.DoesNotContain(connections, connection => connection.IsConnected);
        await Task.WhenAll(clients.Select(client => client.ReceiveCloseAsync(1001)));
        await stopping.Within();
    }

    [Theory, Combinatorial<Path>]
    public async Task Those_still_open_are_served_and_nobody_new_is(Path path)
    {
        var time = new ManualTimeProvider();
        await using var server = await Server.EchoAsync(path, build: builder => builder.UseTime(time));
        var clients = await ConnectAsync(server);
        var connections = server.Registry.Connections.ToArray();
        foreach (var connection in connections)
            connection.SendText("queued");
        var drain = new Steps(time);
        var stopping = server.StopAsync();
        await drain.GoOnAsync(Count / 2);

        int open = connections.Count(connection => connection.IsConnected);
        Assert.InRange(open, 1, Count - 1);
        Assert.Equal(open, server.Registry.BroadcastText("during the drain"));
        using var late = await RawClient.OpenAsync(server.EndPoint);
        await late.SendAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest()));
        string refusal = await late.ReadHeadAsync();
        Assert.StartsWith("HTTP/1.1 503 ", refusal);
        Assert.Matches(@"\r\nRetry-After: [1-9]\d*\r\n", refusal);

        int served = 0;
        var ending = Task.WhenAll(clients.Select(async client =>
        {
            Assert.Equal("queued", await client.ReceiveTextAsync());
            var next = await client.ReceiveAsync();
            if (next is { Opcode: 1, Text: "during the drain" })
            {
                await client.SendTextAsync("me too");
                Assert.Equal("me too", await client.ReceiveTextAsync());
                Interlocked.Increment(ref served);
                return client;
            }
            Assert.Equal((8, 1001), (next!.Opcode, next.CloseCode));
            await client.SendAsync(RawClient.Close(1001));
            return null;
        }));
        var rest = (await ending.Within()).OfType<RawClient>().ToArray();
        Assert.Equal(open, served);
        await drain.GoOnAsync(Count / 2 - 1);
        await Task.WhenAll(rest.Select(client => client.ReceiveCloseAsync(1001)));
        await stopping.Within();
    }

    [Theory, Combinatorial<Path>]
    public async Task Without_a_drain_time_all_are_closed_at_once(Path path)
    {
        var time = new ManualTimeProvider(); // which stands still
        await using var server = await Server.EchoAsync(path, options => options.DrainTime = TimeSpan.Zero, builder => builder.UseTime(time));
        var clients = await ConnectAsync(server);
        var stopping = server.StopAsync();
        foreach (var client in clients)
            Assert.InRange(Hint(await client.ReceiveCloseAsync(1001)), 0, 1000);
        await stopping.Within();
    }

    [Theory, Combinatorial<Path>]
    public async Task Clients_that_do_not_answer_are_cut_after_the_close_timeout(Path path)
    {
        var time = new ManualTimeProvider();
        var recorder = new Recorder();
        await using var server = await Server.StartAsync(path, app => app.MapConnections<Recorder>("/ws"), options =>
        {
            options.DrainTime = TimeSpan.Zero;
            options.CloseTimeout = TimeSpan.FromSeconds(3);
        }, builder =>
        {
            builder.AddHandler(recorder);
            builder.UseTime(time);
        });
        using var client = await server.ConnectRawAsync();
        await recorder.Until("connected");
        var drain = new Steps(time);
        var stopping = server.StopAsync();
        string reason = (await client.ReceiveCloseAsync(1001, answer: false)).CloseReason;
        await drain.WaitsAsync();
        time.Advance(TimeSpan.FromSeconds(2.9));
        Assert.False(stopping.IsCompleted);
        time.Advance(TimeSpan.FromSeconds(0.1));
        await stopping.Within();
        await client.ReceiveEndAsync();
        await recorder.Until($"closed 1001 {reason}");
    }

    [Theory, Combinatorial<Path>]
    public async Task A_host_that_cannot_wait_closes_the_rest_at_once(Path path)
    {
        var time = new ManualTimeProvider(); // which stands still
        await using var server = await Server.EchoAsync(path, build: builder => builder.UseTime(time));
        var clients = await ConnectAsync(server);
        var connections = server.Registry.Connections.ToArray();
        var drain = new Steps(time);
        using var enough = new CancellationTokenSource();
        var stopping = server.StopAsync(enough.Token);
        await drain.WaitsAsync();
        Assert.Equal(Count - 1, connections.Count(connection => connection.IsConnected));
        await enough.CancelAsync();
        await stopping.Within().ContinueWith(_ => { }, TaskScheduler.Default); // services may say that they were not given time
        Assert.True(stopping.IsCompleted);
        Assert.All(connections, connection => Assert.Equal(CloseCodes.GoingAway, connection.CloseStatus!.Value.Code));
        GC.KeepAlive(clients);
    }

    [Theory, Combinatorial<Path>]
    public async Task Connections_are_gone_before_any_service_stops(Path path)
    {
        var recorder = new Recorder();
        var service = new Witness();
        await using var server = await Server.StartAsync(path, app => app.MapConnections<Recorder>("/ws"), build: builder =>
        {
            builder.AddHandler(recorder);
            builder.Services.AddHostedService(_ => service);
        });
        service.Look = () => server.Registry.Count;
        var clients = await ConnectAsync(server);
        var stopping = server.StopAsync();
        Assert.False(service.Stopped.IsCompleted);
        await Task.WhenAll(clients.Select(client => client.ReceiveCloseAsync(1001)));
        Assert.Equal(0, await service.Stopped.Within());
        await stopping.Within();
    }

    [Theory, Combinatorial<Path>]
    public async Task A_signal_refuses_first_and_closes_when_the_host_stops(Path path)
    {
        await using var server = await Server.EchoAsync(path);
        using var client = await server.ConnectAsync();
        Assert.Equal("here", await client.EchoAsync("here"));
        server.Services.GetRequiredService<IHostApplicationLifetime>().StopApplication();
        using var late = await RawClient.OpenAsync(server.EndPoint);
        await late.SendAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest()));
        Assert.StartsWith("HTTP/1.1 503 ", await late.ReadHeadAsync());
        Assert.Equal("still here", await client.EchoAsync("still here"));
        var stopping = server.StopAsync();
        await client.AssertClosedAsync(1001);
        await stopping.Within();
    }

    private static async Task<RawClient[]> ConnectAsync(Server server)
    {
        var clients = await Task.WhenAll(Enumerable.Range(0, Count).Select(_ => server.ConnectRawAsync()));
        await Waiting.Until(() => server.Registry.Count == Count);
        return clients;
    }

    private static int Hint(RawFrame close)
    {
        var reason = Regex.Match(close.CloseReason, @"^server shuts down; retry after (\d+) ms$");
        Assert.True(reason.Success, close.CloseReason);
        return int.Parse(reason.Groups[1].Value, CultureInfo.InvariantCulture);
    }

    /// <summary>Lets a drain go on: time passes only when the drain waits for it.</summary>
    private sealed class Steps(ManualTimeProvider time)
    {
        private readonly int _others = time.Running; // made before the drain begins

        public Task WaitsAsync() => Waiting.Until(() => time.Running > _others);

        public async Task GoOnAsync(int milliseconds)
        {
            await WaitsAsync();
            for (int i = 0; i < milliseconds; i++)
            {
                time.Advance(TimeSpan.FromMilliseconds(1));
                await WaitsAsync();
            }
        }
    }

    private sealed class Witness : IHostedService
    {
        private readonly TaskCompletionSource<int> _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Func<int> Look { get; set; } = () => -1;

        public Task<int> Stopped => _stopped.Task;

        public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken)
        {
            _stopped.TrySetResult(Look());
            return Task.CompletedTask;
        }
    }
}
