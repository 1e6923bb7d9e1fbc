using System.Net;
using System.Net.Sockets;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>A connection belongs to the client that opened it, whatever others do at that moment. Alone, because it counts descriptors.</summary>
[CollectionDefinition(Name, DisableParallelization = true)]
public class AloneCollection
{
    public const string Name = "Descriptors are counted";
}

[Collection(AloneCollection.Name)]
public class OwnershipTests
{
    private const int Innocents = 24, Hasty = 6;
    private const int MostInnocents = 20_000; // connections in all, so that no machine is asked for more
    private const int Spare = 16; // descriptors that the runtime opens when it likes
    private static readonly TimeSpan s_length = TimeSpan.FromSeconds(10);
    private static readonly byte[] s_request = Encoding.ASCII.GetBytes(RawClient.UpgradeRequest());

    [Theory]
    [InlineData(Path.Polled)]
    [InlineData(Path.Portable)]
    public async Task Clients_that_leave_during_the_upgrade_take_nobody_elses_connection(Path path)
    {
        await using var server = await Server.StartAsync(path, app => app.MapConnections("/ws", async (Connection connection) =>
        {
            // Says whose it is: the requests are alike to the byte.
            int port = ((IPEndPoint)connection.RemoteAddress!).Port;
            await connection.SendAsync($"{port}");
            await foreach (var message in connection.ReceiveAllAsync())
                await connection.SendAsync($"{port} {message.Text}");
        }), options =>
        {
            options.PingInterval = TimeSpan.Zero;
            options.ReadTimeout = TimeSpan.FromSeconds(5);
            options.CloseTimeout = TimeSpan.FromSeconds(2);
        });
        using (var first = await server.ConnectRawAsync())
            await first.ReceiveTextAsync(); // what is made once is made
        await Waiting.Until(() => server.Registry.Count == 0);
        int before = Descriptors();

        using var ends = new CancellationTokenSource(s_length);
        var wrong = new System.Collections.Concurrent.ConcurrentQueue<string>();
        int served = 0;
        var innocents = Enumerable.Range(0, Innocents).Select(_ => Task.Run(async () =>
        {
            while (!ends.IsCancellationRequested && wrong.IsEmpty && Interlocked.Increment(ref served) <= MostInnocents)
            {
                try
                {
                    await AssertServedAsync(server);
                }
                catch (Exception e)
                {
                    wrong.Enqueue(e.Message);
                }
            }
        })).ToArray();
        var hasty = Enumerable.Range(0, Hasty).Select(seed => Task.Factory.StartNew(() => LeaveEarly(server.EndPoint, new Random(seed), ends.Token),
            default, TaskCreationOptions.LongRunning, TaskScheduler.Default)).ToArray();
        await Task.WhenAll(innocents).Within(120);
        await ends.CancelAsync();
        await Task.WhenAll(hasty).Within(60);

        Assert.Empty(wrong);
        await Waiting.Until(() => server.Registry.Count == 0);
        await Waiting.Until(() => Descriptors() <= before + Spare);
    }

    // One answer, its own greeting, its own echo, the end.
    private static async Task AssertServedAsync(Server server)
    {
        using var client = await RawClient.OpenAsync(server.EndPoint);
        int port = ((IPEndPoint)client.Socket.LocalEndPoint!).Port;
        await client.SendAsync(s_request);
        Assert.StartsWith("HTTP/1.1 101 ", await client.ReadHeadAsync());
        Assert.Equal($"{port}", await client.ReceiveTextAsync());
        await client.SendTextAsync($"from {port}");
        Assert.Equal($"{port} from {port}", await client.ReceiveTextAsync());
        await client.SendAsync(RawClient.Close(1000));
        await client.ReceiveCloseAsync(1000, answer: false);
    }

    // On a thread of its own: what is to be hit is microseconds long.
    private static void LeaveEarly(IPEndPoint server, Random random, CancellationToken ends)
    {
        while (!ends.IsCancellationRequested)
        {
            using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
            socket.Connect(server);
            socket.Send(s_request);
            if (random.Next(2) == 0)
                socket.LingerState = new LingerOption(true, 0); // a reset
            long until = System.Diagnostics.Stopwatch.GetTimestamp() + random.Next(300) * System.Diagnostics.Stopwatch.Frequency / 1_000_000;
            while (System.Diagnostics.Stopwatch.GetTimestamp() < until)
                Thread.SpinWait(20);
        }
    }

    private static int Descriptors() => OperatingSystem.IsLinux() ? new DirectoryInfo("/proc/self/fd").EnumerateFiles().Count() : 0;
}
