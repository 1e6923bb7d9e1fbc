using System.Text;
using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

/// <summary>Ephemeral frames in the queue of a peer that does not read.</summary>
public class EphemeralTests
{
    private const int Clog = 16 * 1024 * 1024; // more than the kernel takes for a peer that does not read

    private readonly Recorder _recorder = new();
    private readonly NumberedTopic _topic = new("A");

    [Theory, Combinatorial<Path>]
    public async Task They_give_way_to_all_else_the_oldest_first_and_the_newest_of_a_key_stays(Path path)
    {
        await using var server = await StartAsync(path, queue: 6);
        using var client = await ClogAsync(server, Frame.Binary(new byte[Clog]));
        Deliver(Ephemeral("1", "a"), Ephemeral("2"), Frame.Text("x1"), Ephemeral("3", "a"), Frame.Text("x2"), Frame.Text("x3"));
        Assert.Equal(1 + 5, _connection!.QueuedMessages); // the clog, and what waits behind it
        Deliver(Frame.Text("x4"), Ephemeral("4", "b"), Frame.Text("x5"), Ephemeral("5", "b"));
        Assert.Equal(["x1", "x2", "x3", "x4", "x5"], await ReadToAsync(client, "x5"));
    }

    [Theory, Combinatorial<Path>]
    public async Task Several_in_one_frame_wait_each_by_itself(Path path)
    {
        await using var server = await StartAsync(path, queue: 6);
        using var client = await ClogAsync(server, Frame.Binary(new byte[Clog]));
        var joined = Frame.Join([Ephemeral("1", "a"), Frame.Join([Ephemeral("2", "b"), Ephemeral("3")]), Ephemeral("4", "a")]);
        Assert.Equal(4, joined.Messages);
        Deliver(joined, Ephemeral("5", "b"), Frame.Text("end"));
        Assert.Equal(["3", "4", "5", "end"], await ReadToAsync(client, "end"));
    }

    [Fact]
    public async Task They_give_way_before_messages_of_topics_do()
    {
        await using var server = await StartAsync(Path.Polled, queue: 4);
        using var client = await ClogAsync(server, Frame.Binary(new byte[Clog]));
        Deliver(_topic.Of("e", 1, " "), Ephemeral("1"), _topic.Of("e", 2, " "), _topic.Of("e", 3, " "));
        Assert.Equal(["A1", "A2", "A3"], await ReadToAsync(client, "A3"));
    }

    [Fact]
    public async Task Those_that_are_being_written_take_no_space_of_others()
    {
        await using var server = await StartAsync(Path.Polled, queue: 3);
        using var client = await ClogAsync(server, Frame.Join([Ephemeral(new string('x', Clog), "a"), Ephemeral("1", "b")]));
        Deliver(Frame.Text("x1"), Ephemeral("2", "a"), Frame.Text("x2"), Frame.Text("x3"));
        Assert.Equal(["1", "x1", "x2", "x3"], await ReadToAsync(client, "x3"));
    }

    [Fact]
    public void One_frame_is_of_one_message()
    {
        var builder = new FrameBuilder();
        Assert.Throws<InvalidOperationException>(() => builder.BuildEphemeral(null));
        builder.BeginText();
        Assert.Throws<InvalidOperationException>(() => builder.BuildEphemeral(null));
        builder.End();
        builder.BeginText();
        builder.End();
        Assert.Throws<InvalidOperationException>(() => builder.BuildEphemeral(null));
    }

    private static Frame Ephemeral(string text, string? key = null)
    {
        var builder = new FrameBuilder();
        builder.BeginText();
        builder.Write(Encoding.UTF8.GetBytes(text));
        builder.End();
        return builder.BuildEphemeral(key);
    }

    private void Deliver(params Frame[] frames)
    {
        foreach (var frame in frames)
            Assert.True(_connection!.Deliver(frame));
    }

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

    private async Task<RawClient> ClogAsync(Server server, Frame clog)
    {
        var client = await RawClient.ConnectAsync(server.EndPoint, receiveBuffer: 8 * 1024);
        _connection = await _recorder.ConnectionAsync();
        Deliver(clog);
        return client;
    }

    private Task<Server> StartAsync(Path path, int queue) =>
        Server.StartAsync(path, app => app.MapConnections<Recorder>("/ws"), options =>
        {
            options.QueueMessages = queue;
            options.QueueBytes = 3 * Clog;
        }, builder => builder.AddHandler(_recorder));
}
