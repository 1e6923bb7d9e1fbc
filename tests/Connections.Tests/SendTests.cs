using System.Buffers.Binary;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

public class SendTests
{
    private const int Clog = 16 * 1024 * 1024; // more than the kernel takes for a peer that does not read

    private readonly Recorder _recorder = new();

    [Theory, Combinatorial<Path>]
    public async Task Every_form_of_sending_arrives(Path path)
    {
        await using var server = await StartAsync(path);
        using var client = await server.ConnectRawAsync();
        var connection = await _recorder.ConnectionAsync();
        string large = new('x', 1000);
        await connection.SendAsync("text");
        await connection.SendAsync(new byte[] { 1, 2 });
        await connection.SendAsync(new Message(MessageType.Text, "message"u8.ToArray()));
        await connection.SendAsync(Frame.Join([Frame.Text("one"), Frame.Text("two")]));
        connection.SendText("SendText");
        connection.SendText(large);
        connection.SendText("utf8"u8);
        connection.SendBinary([3]);
        connection.SendText("");
        Assert.True(connection.TrySend(Frame.Text("TrySend")));
        Assert.True(connection.Deliver(Frame.Text("Deliver")));
        foreach (string expected in new[] { "text", "\u0001\u0002", "message", "one", "two", "SendText", large, "utf8", "\u0003", "", "TrySend", "Deliver" })
        {
            var frame = await client.ReceiveAsync();
            Assert.Equal(expected, frame!.Text);
            Assert.Equal(expected is ['\u0001' or '\u0003', ..] ? 0x82 : 0x81, frame.First);
        }
        Assert.Throws<WrongMessageTypeException>(() => { _ = connection.SendAsync(default(Message)); });
        Assert.Throws<ArgumentNullException>(() => connection.TrySend(null!));
    }

    [Theory, Combinatorial<Path>(1024, 65_536)]
    public async Task A_full_queue_refuses_waits_and_then_delivers_all_in_order(Path path, int writeBuffer)
    {
        await using var server = await StartAsync(path, options =>
        {
            options.QueueMessages = 10;
            options.QueueBytes = 2 * Clog;
            options.WriteBufferSize = writeBuffer;
        });
        using var client = await SlowClientAsync(server);
        var connection = await _recorder.ConnectionAsync();

        int sent = await ClogAsync(connection);
        Assert.Equal(10, connection.QueuedMessages);
        Assert.InRange(connection.QueuedBytes, 9 * 5000, Clog + 10 * 5000);
        Assert.False(connection.TrySend(Numbered(-1, 5000)));
        var full = Assert.Throws<QueueFullException>(() => connection.SendBinary(new byte[5000]));
        Assert.Equal(connection.QueuedMessages, full.Messages);
        Assert.True(connection.IsConnected);

        // Those that wait get in as the peer reads, one sender after the other.
        using var cancel = new CancellationTokenSource();
        var cancelled = connection.SendAsync(Numbered(-1, 5000), cancel.Token).AsTask();
        Assert.False(cancelled.IsCompleted);
        await cancel.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => cancelled).Within();

        var sending = Task.Run(async () =>
        {
            for (int i = sent; i < sent + 200; i++)
                await connection.SendAsync(Numbered(i, 5000));
        });
        for (int i = 0; i < sent + 200; i++)
            Assert.Equal((i, i == 0 ? Clog : 5000), await ReadNumberedAsync(client));
        await sending.Within();
        await Waiting.Until(() => connection.QueuedMessages == 0 && connection.QueuedBytes == 0);
    }

    [Theory, Combinatorial<Path>]
    public async Task Waiting_senders_learn_that_the_connection_closes(Path path)
    {
        await using var server = await StartAsync(path, options =>
        {
            options.QueueMessages = 2;
            options.QueueBytes = 2 * Clog;
        });
        using var client = await SlowClientAsync(server);
        var connection = await _recorder.ConnectionAsync();
        await ClogAsync(connection);
        var waiting = Enumerable.Range(0, 5).Select(_ => connection.SendAsync(Numbered(0, 5000)).AsTask()).ToArray();
        connection.Abort();
        foreach (var wait in waiting)
            await Assert.ThrowsAsync<ConnectionClosedException>(() => wait).Within();
    }

    [Theory, Combinatorial<Path>]
    public async Task A_slow_consumer_is_disconnected_and_its_queue_freed(Path path)
    {
        await using var server = await StartAsync(path, options => options.QueueMessages = 10);
        using var client = await SlowClientAsync(server);
        var connection = await _recorder.ConnectionAsync();
        int sent = 0;
        while (connection.Deliver(Numbered(sent, 5000)))
            sent++;
        Assert.InRange(sent, 10, int.MaxValue);
        Assert.False(connection.IsConnected);
        Assert.Equal((CloseCodes.SlowConsumer, "slow consumer; reconnect and resume"), connection.CloseStatus);
        Assert.InRange(connection.QueuedMessages, 0, 1 + 65536 / 5000 + 1); // only what is being written

        // A peer that was slow, not dead, reads whole messages in order and then why.
        int next = 0;
        RawFrame? frame;
        while ((frame = await client.ReceiveAsync()) is { Opcode: 2 })
            Assert.Equal(next++, BinaryPrimitives.ReadInt32LittleEndian(frame.Payload));
        Assert.Equal(4000, frame!.CloseCode);
        Assert.InRange(next, 1, sent);
        await client.SendAsync(RawClient.Close(4000));
        await client.ReceiveEndAsync();
        await _recorder.Until("closed 4000 slow consumer; reconnect and resume");
    }

    [Theory, Combinatorial<Path>]
    public async Task A_dead_slow_consumer_is_gone_after_the_close_timeout(Path path)
    {
        var time = new ManualTimeProvider();
        await using var server = await StartAsync(path, options => options.QueueMessages = 10, time);
        using var client = await SlowClientAsync(server);
        var connection = await _recorder.ConnectionAsync();
        while (connection.Deliver(Numbered(0, 5000)))
        {
        }
        time.Advance(7);
        await _recorder.Until("closed 4000 slow consumer; reconnect and resume");
    }

    [Theory, Combinatorial<Path>]
    public async Task Dropping_the_oldest_drops_whole_messages_and_keeps_the_newest(Path path)
    {
        await using var server = await StartAsync(path, options =>
        {
            options.QueueMessages = 10;
            options.SlowConsumer = SlowConsumerPolicy.DropOldest;
        });
        using var client = await SlowClientAsync(server);
        var connection = await _recorder.ConnectionAsync();
        const int count = 20_000, size = 5000; // 100 MB: far more than sockets hold
        for (int i = 0; i < count; i++)
        {
            Assert.True(connection.Deliver(Numbered(i, size)));
            Assert.InRange(connection.QueuedMessages, 0, 10 + 65536 / size + 2);
        }
        int last = -1, received = 0;
        while (last < count - 1)
        {
            var (number, length) = await ReadNumberedAsync(client);
            Assert.Equal(size, length);
            Assert.True(number > last, $"{number} came after {last}");
            last = number;
            received++;
        }
        Assert.InRange(received, 11, count - 1);
        Assert.True(connection.IsConnected);
    }

    [Theory, Combinatorial<Path>]
    public async Task Joined_frames_count_their_messages(Path path)
    {
        await using var server = await StartAsync(path, options =>
        {
            options.QueueMessages = 10;
            options.QueueBytes = 2 * Clog;
            options.SlowConsumer = SlowConsumerPolicy.DropOldest;
        });
        using var client = await SlowClientAsync(server);
        var connection = await _recorder.ConnectionAsync();
        await ClogAsync(connection);
        var four = Frame.Join([Numbered(1, 5000), Numbered(2, 5000), Numbered(3, 5000), Numbered(4, 5000)]);
        for (int i = 0; i < 10; i++)
        {
            Assert.True(connection.Deliver(four));
            Assert.InRange(connection.QueuedMessages, 4, 10 + 3 + 65536 / 5000 + 2);
        }
    }

    [Theory, Combinatorial<Path>]
    public async Task A_frame_larger_than_the_queue_goes_out_whole(Path path)
    {
        await using var server = await StartAsync(path, options =>
        {
            options.QueueBytes = 1024;
            options.QueueMessages = 1;
        });
        using var client = await SlowClientAsync(server);
        var connection = await _recorder.ConnectionAsync();
        var frame = Frame.Join([Numbered(0, 3_000_000), Numbered(1, 3_000_000)]);
        Assert.True(connection.TrySend(frame));
        await Waiting.Until(() => connection.QueuedBytes > 0);
        Assert.False(connection.TrySend(Frame.Text("no room")));
        Assert.Equal((0, 3_000_000), await ReadNumberedAsync(client));
        Assert.Equal((1, 3_000_000), await ReadNumberedAsync(client));
    }

    [Theory, Combinatorial<Path>]
    public async Task Control_frames_go_between_the_messages_of_a_full_queue(Path path)
    {
        await using var server = await StartAsync(path, options =>
        {
            options.MaxControlFrames = 0;
            options.QueueMessages = 10;
            options.QueueBytes = 2 * Clog;
        });
        using var client = await SlowClientAsync(server);
        var connection = await _recorder.ConnectionAsync();
        int sent = await ClogAsync(connection);
        // Pings that nobody reads the answers of: only the last is answered in the end, not a heap of them.
        for (int i = 0; i < 10_000; i++)
            await client.SendAsync(RawClient.Frame(0x89, BitConverter.GetBytes(i)));
        await client.SendAsync(RawClient.Text("all pings sent"));
        await _recorder.Until("all pings sent");
        int next = 0, pongs = 0, lastPong = -1;
        while (next < sent || lastPong != 9999)
        {
            var frame = await client.ReceiveAsync();
            if (frame!.Opcode == 10)
            {
                pongs++;
                lastPong = BitConverter.ToInt32(frame.Payload);
            }
            else
                Assert.Equal(next++, BinaryPrimitives.ReadInt32LittleEndian(frame.Payload));
        }
        Assert.InRange(pongs, 1, 100);
    }

    [Theory, Combinatorial<Path>]
    public async Task Several_threads_may_send_at_once(Path path)
    {
        await using var server = await StartAsync(path, options => options.QueueMessages = 100_000);
        using var client = await server.ConnectRawAsync();
        var connection = await _recorder.ConnectionAsync();
        const int threads = 4, each = 2000;
        var sending = Enumerable.Range(0, threads).Select(thread => Task.Run(async () =>
        {
            for (int i = 0; i < each; i++)
                await connection.SendAsync(Numbered(thread * each + i, 8 + i % 700));
        })).ToArray();
        var next = new int[threads];
        for (int i = 0; i < threads * each; i++)
        {
            var (number, length) = await ReadNumberedAsync(client);
            int thread = number / each;
            Assert.Equal(next[thread]++, number % each); // in order for each sender
            Assert.Equal(8 + number % each % 700, length);
        }
        await Task.WhenAll(sending).Within();
    }

    [Theory, Combinatorial<Path>]
    public async Task A_dead_peer_delays_nobody(Path path)
    {
        await using var server = await StartAsync(path, options => options.QueueBytes = 64 * 1024);
        using var dead = await SlowClientAsync(server);
        var deadConnection = await _recorder.ConnectionAsync();
        using var alive = await server.ConnectRawAsync();
        await _recorder.ConnectionAsync();
        for (int i = 0; i < 5000; i++)
        {
            Assert.InRange(server.Registry.Broadcast(Numbered(i, 2000)), 1, 2);
            Assert.Equal((i, 2000), await ReadNumberedAsync(alive));
        }
        Assert.Equal(CloseCodes.SlowConsumer, deadConnection.CloseStatus!.Value.Code);
        Assert.InRange(deadConnection.QueuedBytes, 0, 64 * 1024 + 2000);
    }

    private static Frame Numbered(int number, int size)
    {
        var data = new byte[size];
        BinaryPrimitives.WriteInt32LittleEndian(data, number);
        return Frame.Binary(data);
    }

    private static async Task<(int Number, int Length)> ReadNumberedAsync(RawClient client)
    {
        var frame = await client.ReceiveAsync();
        Assert.NotNull(frame);
        Assert.Equal(0x82, frame.First);
        return (BinaryPrimitives.ReadInt32LittleEndian(frame.Payload), frame.Payload.Length);
    }

    private static Task<RawClient> SlowClientAsync(Server server) => RawClient.ConnectAsync(server.EndPoint, receiveBuffer: 8 * 1024);

    /// <summary>Sends more than the kernel takes, then fills the queue; returns how many messages that was.</summary>
    private static async Task<int> ClogAsync(Connection connection)
    {
        Assert.True(connection.TrySend(Numbered(0, Clog)));
        int sent = 1;
        while (connection.TrySend(Numbered(sent, 5000)))
        {
            sent++;
            await Task.Yield();
        }
        return sent;
    }

    private Task<Server> StartAsync(Path path, Action<ConnectionOptions>? options = null, ManualTimeProvider? time = null) =>
        Server.StartAsync(path, app => app.MapConnections<Recorder>("/ws"), options, builder =>
        {
            builder.AddHandler(_recorder);
            if (time is not null)
                builder.UseTime(time);
        });
}
