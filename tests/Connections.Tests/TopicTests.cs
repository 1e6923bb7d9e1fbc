using System.Net.WebSockets;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>What a full queue evicts when frames belong to topics, and how the peer learns of it.</summary>
public class TopicTests
{
    private const int Clog = 16 * 1024 * 1024; // more than the kernel takes for a peer that does not read

    private readonly Recorder _recorder = new();
    private readonly NumberedTopic _a = new("A"), _b = new("B"), _keyed = new("K", keys: true);

    [Theory, Combinatorial<Path>]
    public async Task The_oldest_of_a_topic_give_way_to_its_newest(Path path)
    {
        await using var server = await StartAsync(path, queue: 4);
        using var client = await ClogAsync(server);
        var connection = await ConnectionAsync();
        Deliver(connection, _a.Of("e", 1, " "), _b.Of("e", 1, " "), _a.Of("e", 2, "  "), _a.Of("e", 4, " "));
        Assert.InRange(connection.QueuedMessages, 1, 1 + 4); // the clog, and what waits behind it
        Deliver(connection, _a.Of("e", 5, " "), _a.Of("e", 6, " "), Frame.Text("end"));
        Assert.Equal(["A e:1-4", "B1", "A5", "A6", "end"], await ReadToEndAsync(client));
    }

    [Theory, Combinatorial<Path>]
    public async Task Of_messages_with_a_key_the_newest_stays(Path path)
    {
        await using var server = await StartAsync(path, queue: 10);
        using var client = await ClogAsync(server);
        var connection = await ConnectionAsync();
        for (int i = 0; i < 11; i++)
            Deliver(connection, _keyed.Of("e", i + 1, "aba cbdefgg"[i].ToString()));
        Deliver(connection, Frame.Text("end"));
        Assert.Equal(["K e:1-2", "K3", "K4", "K5", "K6", "K7", "K8", "K9", "K e:10-10", "K11", "end"], await ReadToEndAsync(client));
    }

    [Theory, Combinatorial<Path>]
    public async Task Superseded_messages_give_way_to_anything_before_the_oldest_do(Path path)
    {
        await using var server = await StartAsync(path, queue: 6);
        using var client = await ClogAsync(server);
        var connection = await ConnectionAsync();
        var other = new NumberedTopic("L", keys: true);
        Deliver(connection, _keyed.Of("e", 1, "a"), _keyed.Of("e", 2, "b"), other.Of("e", 1, "b"), other.Of("e", 2, "b"), _keyed.Of("e", 3, "b"), _a.Of("e", 1, " "));
        Deliver(connection, Frame.Text("else"), _keyed.Of("e", 4, "a"), other.Of("e", 3, " "), _keyed.Of("e", 5, " "));
        Deliver(connection, Frame.Text("end"));
        Assert.Equal(["K e:1-3", "L e:1-2", "A1", "else", "K4", "L3", "K5", "end"], await ReadToEndAsync(client));
    }

    [Theory, Combinatorial<Path>]
    public async Task Frames_of_several_messages_are_taken_apart_by_key(Path path)
    {
        await using var server = await StartAsync(path, queue: 8);
        using var client = await ClogAsync(server);
        var connection = await ConnectionAsync();
        Deliver(connection, _keyed.Of("e", 1, "ababcc"), _keyed.Of("e", 7, "add"), _keyed.Of("e", 10, "c"), Frame.Text("end"));
        Assert.Equal(["K e:1-3", "K4", "K e:5-6", "K7", "K e:8-8", "K9", "K10", "end"], await ReadToEndAsync(client));
    }

    [Fact]
    public async Task Compressed_frames_are_taken_apart_too()
    {
        await using var server = await StartAsync(Path.Polled, queue: 8, compression: true);
        using var client = await server.ConnectAsync(configure: options => options.DangerousDeflateOptions = new WebSocketDeflateOptions());
        var connection = await ConnectionAsync();
        var noise = new byte[Clog];
        new Random(1).NextBytes(noise);
        Assert.True(connection.Deliver(Frame.Binary(noise)));
        Deliver(connection, _keyed.Of("e", 1, "ababcc"), _keyed.Of("e", 7, "add"), _keyed.Of("e", 10, "c"), Frame.Text("end"));
        Assert.Equal(noise, (await client.ReceiveMessageAsync()).Data);
        var words = new List<string>();
        while (words.LastOrDefault() != "end")
        {
            var (type, data) = await client.ReceiveMessageAsync();
            words.Add(NumberedTopic.Read(type == WebSocketMessageType.Text, data));
        }
        Assert.Equal(["K e:1-3", "K4", "K e:5-6", "K7", "K e:8-8", "K9", "K10", "end"], words);
    }

    [Theory, Combinatorial<Path>]
    public async Task More_keys_than_places_drop_the_oldest(Path path)
    {
        await using var server = await StartAsync(path, queue: 4);
        using var client = await ClogAsync(server);
        var connection = await ConnectionAsync();
        for (int i = 0; i < 100; i++)
        {
            Deliver(connection, _keyed.Of("e", i + 1, ((char)('a' + i % 20)).ToString()));
            Assert.InRange(connection.QueuedMessages, 1, 1 + 4); // the clog, and what waits behind it
        }
        Deliver(connection, Frame.Text("end"));
        Assert.Equal(["K e:1-97", "K98", "K99", "K100", "end"], await ReadToEndAsync(client));
    }

    [Theory, Combinatorial<Path>]
    public async Task Topics_give_way_to_all_else_and_only_then_the_connection_closes(Path path)
    {
        await using var server = await StartAsync(path, queue: 6);
        using var client = await ClogAsync(server);
        var connection = await ConnectionAsync();
        Deliver(connection, _a.Of("e", 1, " "), _a.Of("e", 2, " "), _b.Of("e", 1, " "), _b.Of("e", 2, " "), Frame.Text("x0"), _b.Of("e", 3, " "));
        for (int i = 1; i <= 5; i++)
            Deliver(connection, Frame.Text($"x{i}"));
        // Nothing is left to evict: a message of a topic is lost itself, one of none is too much.
        Deliver(connection, _b.Of("e", 4, " "));
        Assert.True(connection.IsConnected);
        Assert.False(connection.Deliver(Frame.Text("x6")));
        Assert.Equal(CloseCodes.SlowConsumer, connection.CloseStatus!.Value.Code);
    }

    [Theory, Combinatorial<Path>]
    public async Task What_cannot_get_in_is_told(Path path)
    {
        await using var server = await StartAsync(path, queue: 2);
        using var client = await ClogAsync(server);
        var connection = await ConnectionAsync();
        Deliver(connection, Frame.Text("x0"), _a.Of("e", 1, " "), Frame.Text("end"), _a.Of("e", 2, " "), _b.Of("e", 7, "   "));
        // Where something else of the topic is missing already, or where it would have been.
        Assert.Equal(["x0", "A e:1-2", "end", "B e:7-9"], await ReadToAsync(client, "B e:7-9"));
    }

    [Theory, Combinatorial<Path>]
    public async Task Epochs_are_told_apart(Path path)
    {
        await using var server = await StartAsync(path, queue: 3);
        using var client = await ClogAsync(server);
        var connection = await ConnectionAsync();
        Deliver(connection, _a.Of("one", 8, "  "), _a.Of("two", 1, " "), _a.Of("two", 2, " "), _a.Of("two", 3, " "), _a.Of("two", 4, " "), Frame.Text("end"));
        Assert.Equal(["A one:8-9", "A two:1-2", "A3", "A4", "end"], await ReadToEndAsync(client));
    }

    [Theory, Combinatorial<Path>]
    public async Task Messages_without_numbers_are_told_as_such(Path path)
    {
        await using var server = await StartAsync(path, queue: 2);
        using var client = await ClogAsync(server);
        var connection = await ConnectionAsync();
        Deliver(connection, _a.Unnumbered("joined"), _a.Of("e", 1, " "), _a.Unnumbered("left"), _a.Of("e", 2, " "), _a.Unnumbered("last"), Frame.Text("end"));
        Assert.Equal(["A e:1-2+", "last", "end"], await ReadToEndAsync(client));
    }

    [Fact]
    public void A_frame_of_a_topic_has_numbers_or_none()
    {
        Assert.Throws<ArgumentOutOfRangeException>(() => new FrameBuilder().Build(_a, "e", -1));
    }

    private static void Deliver(Connection connection, params Frame[] frames)
    {
        foreach (var frame in frames)
            Assert.True(connection.Deliver(frame));
    }

    private static Task<List<string>> ReadToEndAsync(RawClient client) => ReadToAsync(client, "end");

    /// <summary>What comes after the clog.</summary>
    private static async Task<List<string>> ReadToAsync(RawClient client, string last)
    {
        Assert.Equal(Clog, (await client.ReceiveAsync())!.Payload.Length);
        var words = new List<string>();
        while (words.LastOrDefault() != last)
        {
            var frame = await client.ReceiveAsync();
            Assert.True(frame is { Opcode: 1 or 2 }, $"ended after {string.Join(", ", words)}");
            words.Add(NumberedTopic.Read(frame.Opcode == 1, frame.Payload));
        }
        return words;
    }

    private Connection? _connection;

    private async Task<Connection> ConnectionAsync() => _connection ??= await _recorder.ConnectionAsync();

    /// <summary>A client that does not read, at a connection that is busy with a frame for it until it does.</summary>
    private async Task<RawClient> ClogAsync(Server server)
    {
        var client = await RawClient.ConnectAsync(server.EndPoint, receiveBuffer: 8 * 1024);
        Assert.True((await ConnectionAsync()).Deliver(Frame.Binary(new byte[Clog])));
        return client;
    }

    private Task<Server> StartAsync(Path path, int queue, bool compression = false) =>
        Server.StartAsync(path, app => app.MapConnections<Recorder>("/ws"), options =>
        {
            options.QueueMessages = queue;
            options.QueueBytes = 2 * Clog;
            options.EnableCompression = compression;
        }, builder => builder.AddHandler(_recorder));
}
