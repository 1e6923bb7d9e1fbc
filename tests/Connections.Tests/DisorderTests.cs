using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>Everything at once: sends, closes, aborts and peers that leave in every way. Nothing may hang, leak or reach another.</summary>
public class DisorderTests
{
    [Theory, Combinatorial<Path>]
    public async Task A_handler_that_blocks_its_thread_holds_up_its_own_connection_only(Path path)
    {
        using var release = new ManualResetEventSlim();
        var recorder = new Recorder
        {
            Message = (connection, message) =>
            {
                if (message.Text == "block")
                    release.Wait(TimeSpan.FromSeconds(15)); // only if the test fails before it lets go
                return connection.SendAsync(message);
            },
        };
        await using var server = await Server.StartAsync(path, app => app.MapConnections<Recorder>("/ws"), build: builder => builder.Services.AddSingleton(recorder));
        using var blocked = await server.ConnectRawAsync();
        using var other = await server.ConnectRawAsync();
        await blocked.SendTextAsync("block");
        await blocked.SendTextAsync("later");
        for (int i = 0; i < 100; i++)
        {
            await other.SendTextAsync($"{i}");
            Assert.Equal($"{i}", await other.ReceiveTextAsync());
        }
        release.Set();
        Assert.Equal("block", await blocked.ReceiveTextAsync());
        Assert.Equal("later", await blocked.ReceiveTextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task A_handler_that_never_blocks_is_served_in_order(Path path)
    {
        await using var server = await Server.StartAsync(path, app => app.MapConnections<Mirror>("/ws"), build: builder => builder.Services.AddSingleton<Mirror>());
        var clients = await Task.WhenAll(Enumerable.Range(0, 20).Select(_ => server.ConnectRawAsync()));
        await Task.WhenAll(clients.Select(async (client, number) =>
        {
            using var _ = client;
            var sending = Task.Run(async () =>
            {
                for (int i = 0; i < 300; i++)
                    await client.SendTextAsync(new string((char)('a' + number), i * 37 % 3000) + i);
            });
            for (int i = 0; i < 300; i++)
                Assert.Equal(new string((char)('a' + number), i * 37 % 3000) + i, await client.ReceiveTextAsync());
            await sending.Within();
        }));
    }

    [Theory, Combinatorial<Path>]
    public async Task Connections_that_end_in_every_way_at_once_leave_nothing_behind(Path path)
    {
        var handler = new Counting();
        await using var server = await Server.StartAsync(path, app => app.MapConnections<Counting>("/ws"), options =>
        {
            options.QueueMessages = 20;
            options.QueueBytes = 100_000;
            options.CloseTimeout = TimeSpan.FromSeconds(1);
        }, builder => builder.AddHandler(handler));
        using var steady = await server.ConnectRawAsync();
        await Waiting.Until(() => server.Registry.Count == 1);
        var steadyConnection = server.Registry.Connections.Single();

        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(3));
        using var stopFanOut = new CancellationTokenSource(); // later: clients wait for what it sends
        var fanOut = Task.Run(async () =>
        {
            var frame = Frame.Binary(new byte[3000]);
            while (!stopFanOut.IsCancellationRequested)
            {
                server.Registry.Broadcast(frame, except: steadyConnection);
                await Task.Delay(1);
            }
        });
        var serverSide = Enumerable.Range(0, 2).Select(seed => Task.Run(async () =>
        {
            var random = new Random(seed);
            while (!stop.IsCancellationRequested)
            {
                var connections = server.Registry.Connections.Where(connection => connection != steadyConnection).ToArray();
                if (connections.Length > 0)
                {
                    var victim = connections[random.Next(connections.Length)];
                    switch (random.Next(4))
                    {
                        case 0:
                            victim.Abort();
                            break;
                        case 1:
                            _ = victim.CloseAsync(4002);
                            break;
                        case 2:
                            victim.TrySend(Frame.Binary(new byte[200_000]));
                            break;
                        default:
                            server.Registry.Join(victim, $"r{random.Next(3)}");
                            break;
                    }
                }
                await Task.Delay(1);
            }
        }));
        var clients = Enumerable.Range(0, 8).Select(seed => Task.Run(async () =>
        {
            var random = new Random(100 + seed);
            while (!stop.IsCancellationRequested)
            {
                using var client = await RawClient.OpenAsync(server.EndPoint);
                await client.SendIfOpenAsync(Encoding.ASCII.GetBytes(RawClient.UpgradeRequest()));
                if (await client.ReadHeadAsync() == "")
                    continue; // aborted so early that the answer went with it
                if (random.Next(3) == 0)
                    client.Socket.LingerState = new(true, 0); // ends with a reset
                await client.SendIfOpenAsync(random.Next(5) switch
                {
                    0 => RawClient.Text("throw"),
                    1 => RawClient.Text("wait"),
                    2 => RawClient.Close(1000),
                    3 => [0x81, 0x05, 1, 2],
                    _ => RawClient.Text("hello")[..3],
                });
                for (int i = random.Next(5); i > 0 && await client.ReceiveAsync() is not null; i--)
                {
                }
            }
        }));
        var steadyEcho = Task.Run(async () =>
        {
            for (int i = 0; !stop.IsCancellationRequested; i++)
            {
                await steady.SendTextAsync($"{i}");
                Assert.Equal($"{i}", await steady.ReceiveTextAsync());
            }
        });
        await Task.WhenAll([steadyEcho, .. serverSide, .. clients]).Within(30);
        await stopFanOut.CancelAsync();
        await fanOut.Within();
        await Waiting.Until(() => server.Registry.Count == 1);
        await Waiting.Until(() => handler.Open == 1);
        Assert.Empty(server.Registry.Rooms);
        Assert.True(handler.Connected > 50, $"{handler.Connected} connections");
        Assert.True(steadyConnection.IsConnected);
    }

    private sealed class Counting : ConnectionHandler
    {
        private int _connected, _closed;

        public int Connected => Volatile.Read(ref _connected);

        public int Open => Connected - Volatile.Read(ref _closed);

        public override ValueTask OnConnected(Connection connection)
        {
            Interlocked.Increment(ref _connected);
            return default;
        }

        public override async ValueTask OnMessage(Connection connection, Message message)
        {
            string text = message.Text;
            if (text == "throw")
                throw new InvalidOperationException();
            if (text == "wait")
                await Task.Delay(20);
            if (connection.IsConnected)
                await connection.SendAsync(text);
        }

        public override ValueTask OnClosed(Connection connection, ushort code, string reason)
        {
            Interlocked.Increment(ref _closed);
            return default;
        }
    }

    /// <summary>Every third message is answered a moment later, by another thread.</summary>
    private sealed class Mirror : ConnectionHandler
    {
        private int _count;

        public override bool NeverBlocks => true;

        public override async ValueTask OnMessage(Connection connection, Message message)
        {
            if (Interlocked.Increment(ref _count) % 3 == 0)
                await Task.Yield();
            await connection.SendAsync(message);
        }
    }
}
