using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>The timer ticks once a second, so times are kept to about a second: bounds here leave that much room.</summary>
public class HeartbeatTests
{
    private readonly ManualTimeProvider _time = new();
    private readonly Recorder _recorder = new();

    [Theory, Combinatorial<Path>]
    public async Task Pings_come_at_their_interval(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        var connection = await _recorder.ConnectionAsync();
        // The first may come up to a quarter of the interval early, not more: between 41 and 54 s; the second 54 s after it.
        await AdvanceWithoutPingAsync(38);
        _time.Advance(16);
        Assert.Equal(0x89, (await client.ReceiveAsync())!.First);
        await AdvanceWithoutPingAsync(40);
        _time.Advance(14);
        Assert.Equal(0x89, (await client.ReceiveAsync())!.First);

        async Task AdvanceWithoutPingAsync(int seconds)
        {
            _time.Advance(seconds);
            await client.SendTextAsync("a sign of life");
            await _recorder.Until("a sign of life");
            connection.SendText("no ping before this");
            Assert.Equal("no ping before this", await client.ReceiveTextAsync());
        }
    }

    [Theory, Combinatorial<Path>]
    public async Task A_silent_peer_is_closed_after_the_read_timeout(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        await _recorder.ConnectionAsync();
        _time.Advance(59);
        Assert.Equal(0x89, (await client.ReceiveAsync())!.First);
        Assert.Equal(1, server.Registry.Count);
        _time.Advance(3);
        var close = await client.ReceiveCloseAsync(4004);
        Assert.Equal("read timeout", close.CloseReason);
        await _recorder.Until("closed 4004 read timeout");
    }

    [Theory, Combinatorial<Path>]
    public async Task A_peer_that_only_answers_pings_stays(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        var connection = await _recorder.ConnectionAsync();
        for (int i = 0; i < 5; i++)
        {
            _time.Advance(55);
            Assert.Equal(0x89, (await client.ReceiveAsync())!.First);
            await client.SendAsync([.. RawClient.Frame(0x8A, ""u8), .. RawClient.Frame(0x89, "seen"u8)]);
            Assert.Equal("seen", (await client.ReceiveAsync())!.Text);
        }
        Assert.True(connection.IsConnected);
    }

    [Theory, Combinatorial<Path>]
    public async Task A_handler_at_work_is_not_the_peers_silence(Path path)
    {
        var work = new TaskCompletionSource();
        var started = new TaskCompletionSource();
        _recorder.Message = async (connection, message) =>
        {
            started.TrySetResult();
            await work.Task;
            connection.SendText(message.Text);
        };
        await using var server = await StartAsync(path, options => options.PingInterval = TimeSpan.Zero);
        using var client = await server.ConnectRawAsync();
        await client.SendTextAsync("x");
        await started.Task.Within();
        _time.Advance(300);
        work.SetResult();
        Assert.Equal("x", await client.ReceiveTextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task A_full_receive_queue_is_not_the_peers_silence(Path path)
    {
        var go = new TaskCompletionSource();
        await using var server = await Server.StartAsync(path, async (Connection connection) =>
        {
            await go.Task;
            await foreach (var message in connection.ReceiveAllAsync())
                if (message.Text == "last")
                    await connection.SendAsync("all read");
        }, options =>
        {
            options.ReceiveQueue = 2;
            options.PingInterval = TimeSpan.Zero;
        }, builder => builder.UseTime(_time));
        using var client = await server.ConnectRawAsync();
        for (int i = 0; i < 10; i++)
            await client.SendTextAsync($"{i}");
        await client.SendTextAsync("last");
        await Waiting.Until(() => server.Registry.Count == 1);
        var connection = server.Registry.Connections.Single();
        await Task.Delay(200); // nothing tells when the read loop has met the full queue
        _time.Advance(300);
        Assert.True(connection.IsConnected);
        go.SetResult();
        Assert.Equal("all read", await client.ReceiveTextAsync());
    }

    [Theory, Combinatorial<Path>]
    public async Task A_write_without_progress_is_cut(Path path)
    {
        await using var server = await StartAsync(path, options =>
        {
            options.PingInterval = TimeSpan.Zero;
            options.ReadTimeout = TimeSpan.FromDays(1);
        });
        using var client = await server.ConnectRawAsync();
        var connection = await _recorder.ConnectionAsync();
        Assert.True(connection.TrySend(Frame.Binary(new byte[64 * 1024 * 1024]))); // more than any socket buffer
        await Waiting.Until(() => connection.QueuedMessages == 1);
        _time.Advance(9);
        Assert.True(connection.IsConnected);
        await Waiting.Until(() => // the kernel may take a little more for a while, which is progress
        {
            _time.Advance(1);
            return !connection.IsConnected;
        });
        await _recorder.Until("closed 4005 write timeout");
    }

    [Theory, Combinatorial<Path>]
    public async Task A_peer_that_reads_slowly_is_not_cut(Path path)
    {
        const int size = 64 * 1024 * 1024, piece = 8 * 1024;
        await using var server = await StartAsync(path, options =>
        {
            options.PingInterval = TimeSpan.Zero;
            options.ReadTimeout = TimeSpan.FromDays(1);
        });
        using var client = await RawClient.ConnectAsync(server.EndPoint, receiveBuffer: 4096); // a large one opens its window in large steps
        var connection = await _recorder.ConnectionAsync();
        Assert.True(connection.TrySend(Frame.Binary(new byte[size])));
        await Waiting.Until(() => connection.QueuedMessages == 1);
        long? acknowledged = connection.Output.Acknowledged;
        var buffer = new byte[piece];
        for (int seconds = 0; seconds < 100; seconds += 4) // ten times the time-out, for far less than waits
        {
            for (int read = 0; read < piece;)
                read += await client.Socket.ReceiveAsync(buffer.AsMemory(read)).AsTask().Within();
            // What is read is acknowledged a moment later, of our time and not of the test's.
            await Waiting.Until(() => connection.Output.Acknowledged != acknowledged);
            acknowledged = connection.Output.Acknowledged;
            _time.Advance(4);
        }
        Assert.True(connection.IsConnected);
        Assert.Equal(1, connection.QueuedMessages);
    }

    [Theory, Combinatorial<Path>]
    public async Task Pings_and_the_read_timeout_can_be_set(Path path)
    {
        await using var server = await StartAsync(path, options =>
        {
            options.PingInterval = TimeSpan.Zero;
            options.ReadTimeout = TimeSpan.FromSeconds(3);
        });
        using var client = await server.ConnectRawAsync();
        await _recorder.ConnectionAsync();
        _time.Advance(5);
        var first = await client.ReceiveAsync();
        Assert.Equal(8, first!.Opcode); // no ping before it
        Assert.Equal(4004, first.CloseCode);
    }

    [Fact]
    public async Task One_timer_runs_while_there_are_connections()
    {
        await using var server = await StartAsync(Path.Polled);
        Assert.Equal(0, _time.Running);
        var clients = await Task.WhenAll(Enumerable.Range(0, 10).Select(_ => server.ConnectAsync()));
        await Waiting.Until(() => server.Registry.Count == 10);
        Assert.Equal(1, _time.Running);
        foreach (var client in clients)
            await client.CloseAsync();
        await Waiting.Until(() => _time.Running == 0);
        using var again = await server.ConnectRawAsync();
        await Waiting.Until(() => _time.Running == 1);
        _time.Advance(55);
        Assert.Equal(0x89, (await again.ReceiveAsync())!.First);
    }

    [Fact]
    public async Task A_thousand_connections_all_get_their_pings()
    {
        await using var server = await Server.EchoAsync(Path.Polled, options => options.ReadTimeout = TimeSpan.FromSeconds(90), builder => builder.UseTime(_time));
        var clients = new List<RawClient>();
        for (int i = 0; i < 1000; i++)
        {
            clients.Add(await server.ConnectRawAsync());
            if (i % 100 == 0)
                _time.Advance(1);
        }
        await Waiting.Until(() => server.Registry.Count == 1000);
        for (int round = 0; round < 2; round++)
        {
            for (int second = 0; second < 54; second++)
                _time.Advance(1);
            foreach (var client in clients)
            {
                Assert.Equal(0x89, (await client.ReceiveAsync())!.First);
                await client.SendAsync(RawClient.Text("alive"));
                Assert.Equal("alive", await client.ReceiveTextAsync());
            }
        }
        Assert.Equal(1000, server.Registry.Count);
        clients.ForEach(client => client.Dispose());
    }

    private Task<Server> StartAsync(Path path, Action<ConnectionOptions>? options = null) =>
        Server.StartAsync(path, app => app.MapConnections<Recorder>("/ws"), options, builder =>
        {
            builder.AddHandler(_recorder);
            builder.UseTime(_time);
        });
}
