using System.Net.Sockets;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.Silo;
using Realtime.Silo.Rooms;

namespace Realtime.WebFront.Tests;

/// <summary>What happens to a member that does not read, by the policy of its room. The rooms keep all that they are told.</summary>
[Collection(ClusterCollection.Name)]
public sealed class SlowConsumerTests : IAsyncLifetime
{
    private const int Count = 10_000, Together = 100, Keys = 20;
    private const int QueueMessages = 200, QueueBytes = 1024 * 1024;
    private const int InOneWrite = 64 * 1024; // Connections:WriteBufferSize
    private static readonly string s_filler = new('x', 1000);
    private static readonly string[] s_neverCut = ["Connections:WriteTimeout", "Connections:CloseTimeout"];

    private InProcessTestCluster _cluster = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureHost(host => host.Configuration.AddEnvironmentVariables()); // as in Cluster
        builder.ConfigureSilo((_, silo) => silo.AddRealtime().Configure<RoomOptions>(rooms => (rooms.HistoryMessages, rooms.HistoryBytes) = (Count, 64 * 1024 * 1024)));
        builder.ConfigureClient(client => client.AddRealtimeClient());
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async ValueTask DisposeAsync() => await _cluster.DisposeAsync();

    [Theory]
    [InlineData("prices-1", RoomPolicy.Conflate)]
    [InlineData("news-1", RoomPolicy.DropOldest)]
    [InlineData("other", RoomPolicy.DropOldest)] // as Connections:SlowConsumer says
    [InlineData("news-of-all", RoomPolicy.Disconnect)] // the first rule that fits counts
    public async Task Ten_thousand_messages_pass_a_member_that_does_not_read(string room, RoomPolicy policy)
    {
        await using var front = await StartFront(
            "news-of-all Disconnect", "news-* DropOldest", "prices-* Conflate symbol", "prices-1 Disconnect");
        await using var reader = await front.Connect("reader");
        await using var stopped = await ConnectStopped(front);
        await reader.Join(room);
        await stopped.Join(room);
        Assert.Equal("stopped", (string?)(await reader.Receive("join"))["from"]);
        var connection = front.Services.GetRequiredService<ConnectionRegistry>().GetUser("stopped").Single();

        for (var first = 1; first <= Count; first += Together)
        {
            if (first == Count / 2 + 1)
            {
                // Who comes and goes costs the connection nothing either.
                await using var late = await front.Connect("late");
                await late.Join(room);
                Assert.Equal("late", (string?)(await reader.Receive())["from"]);
            }
            await Publish(room, first);
            for (var seq = first; seq < first + Together; seq++)
                Assert.Equal(seq, (long)(await reader.Receive("message"))["seq"]!);
            // The last frame that is taken may go over the bound, and the last one of a write over its size.
            Assert.InRange(connection.QueuedMessages, 0, QueueMessages + InOneWrite / s_filler.Length + 2 * Together);
            Assert.InRange(connection.QueuedBytes, 0, QueueBytes + InOneWrite + 2 * Together * 2 * s_filler.Length);
        }

        if (policy == RoomPolicy.Disconnect)
            await ReadAndResume(front, stopped, room);
        else
            await ReadWhatIsLeft(stopped, room, policy);
    }

    [Fact]
    public async Task Ephemeral_messages_pass_a_member_that_does_not_read_which_gets_the_newest_of_each_key()
    {
        const string room = "cursors";
        await using var front = await StartFront("cursors Disconnect");
        await using var reader = await front.Connect("reader");
        await using var stopped = await ConnectStopped(front);
        await reader.Join(room);
        await stopped.Join(room);
        await reader.Receive("join");
        var grain = _cluster.Client.GetGrain<IRoomGrain>(room);
        var connection = front.Services.GetRequiredService<ConnectionRegistry>().GetUser("stopped").Single();
        for (var first = 0; first < Count / 2; first += Together)
        {
            await grain.BroadcastMany([.. Enumerable.Range(first, Together).Select(i => new RoomMessage { Content = s_filler, Data = $"{i}", IsEphemeral = true, Key = $"K{i % Keys}" })]);
            for (var i = first; i < first + Together; i++)
                Assert.Equal(i, (int)(await reader.Receive("message"))["data"]!);
            Assert.InRange(connection.QueuedMessages, 0, InOneWrite / s_filler.Length + Together + Keys);
        }
        await grain.Broadcast(new RoomMessage { Content = "end" });
        Assert.Equal(1, (long)(await reader.Receive("message"))["seq"]!);

        var newest = new Dictionary<string, int>();
        JsonObject frame;
        var count = 0;
        while ((frame = await stopped.Receive("message"))["ephemeral"] is not null)
        {
            count++;
            newest[(string)frame["key"]!] = (int)frame["data"]!;
        }
        Assert.Equal(1, (long)frame["seq"]!);
        Assert.Equal(Enumerable.Range(Count / 2 - Keys, Keys), newest.Values.Order());
        Assert.InRange(count, Keys, Count / 2 - 1);
    }

    private static async Task ReadWhatIsLeft(TestClient stopped, string room, RoomPolicy policy)
    {
        // The answer to a ping is not refused for the room's sake. It comes last, unless the last message is still on its way
        // to this member, as it goes to one after another.
        var frames = await stopped.Drain();
        using var bound = new CancellationTokenSource(TestClient.Bound);
        while (!frames.Exists(frame => (string?)frame["type"] == "message" && (long)frame["seq"]! == Count))
        {
            bound.Token.ThrowIfCancellationRequested();
            frames.AddRange(await stopped.Drain());
        }
        long next = 1;
        var dropped = 0;
        var presence = false;
        var cameAndWent = new List<string?>();
        var newest = new Dictionary<string, long>();
        foreach (var frame in frames)
        {
            switch ((string?)frame["type"])
            {
                case "message":
                    Assert.Equal(next++, (long)frame["seq"]!);
                    newest[(string)frame["data"]!["symbol"]!] = (long)frame["seq"]!;
                    break;
                case "dropped":
                    Assert.Equal(room, (string?)frame["room"]);
                    presence |= frame["presence"] is not null;
                    if (frame["epoch"] is null)
                        break;
                    dropped++;
                    Assert.Equal(next, (long)frame["from"]!);
                    Assert.InRange((long)frame["to"]!, next, Count);
                    next = (long)frame["to"]! + 1;
                    break;
                default:
                    Assert.Equal("late", (string?)frame["from"]);
                    cameAndWent.Add((string?)frame["type"]);
                    break;
            }
        }
        Assert.Equal(Count + 1, next);
        Assert.InRange(dropped, 1, QueueMessages);
        Assert.True(presence || cameAndWent is ["join", "leave"], $"was told {string.Join(", ", cameAndWent)} of late");
        if (policy == RoomPolicy.Conflate)
        {
            // Of each key the newest, which is among the last.
            Assert.Equal(Enumerable.Range(Count - Keys + 1, Keys).Select(seq => (long)seq), newest.Values.Order());
        }
    }

    private static async Task ReadAndResume(Front front, TestClient stopped, string room)
    {
        JsonObject? last = null;
        while (await stopped.ReceiveRaw() is { } raw)
        {
            var frame = JsonNode.Parse(raw.Data)!.AsObject();
            if ((string?)frame["type"] == "message")
            {
                Assert.Equal(last is null ? 1 : (long)last["seq"]! + 1, (long)frame["seq"]!);
                last = frame;
            }
        }
        Assert.Equal((4000, "slow consumer; reconnect and resume"), ((int)stopped.CloseStatus!, stopped.CloseReason));
        Assert.NotNull(last);

        await using var back = await front.Connect("stopped");
        var joined = await back.Ask(new JsonObject { ["type"] = "join", ["room"] = room, ["epoch"] = (string?)last["epoch"], ["seq"] = (long)last["seq"]! });
        Assert.True((bool)joined["recovered"]!);
        for (var seq = (long)last["seq"]! + 1; seq <= Count; seq++)
            Assert.Equal(seq, (long)(await back.Receive("message"))["seq"]!);
    }

    [Theory]
    [InlineData("Front:SlowConsumers:0:Policy is 'Sometimes'; it must be Disconnect, DropOldest or Conflate.", "news-* Sometimes")]
    [InlineData("Front:SlowConsumers:0:Policy is ''; it must be Disconnect, DropOldest or Conflate.", "news-*")]
    [InlineData("Front:SlowConsumers:0:Policy is '1'; it must be Disconnect, DropOldest or Conflate.", "news-* 1")]
    [InlineData("Front:SlowConsumers:1:Room is 'a*b': The pattern 'a*b' has '*' before its end; it may only be the last character.", "a Disconnect", "a*b DropOldest")]
    [InlineData("Front:SlowConsumers:0:Room is '': The pattern is empty; it must be a room name, or the beginning of one and '*'.", " DropOldest")]
    [InlineData("Front:SlowConsumers:0:Key is missing; with Conflate it names the member of 'data' that is a message's key.", "* Conflate")]
    [InlineData("Front:SlowConsumers:0:Key is 'symbol'; it is for Conflate only, and the policy is DropOldest.", "* droPoldest symbol")]
    public async Task Rules_that_are_not_allowed_stop_the_start(string message, params string[] rules)
    {
        var error = await Assert.ThrowsAnyAsync<Exception>(() => StartFront(rules));
        Assert.Contains(message, error.Message, StringComparison.Ordinal);
    }

    /// <summary>A front with rules: pattern, policy and key, in words.</summary>
    private Task<Front> StartFront(params string[] rules)
    {
        string[] names = ["Room", "Policy", "Key"];
        var settings = rules.SelectMany((rule, i) => rule.Split(' ').Select((word, at) => ($"Front:SlowConsumers:{i}:{names[at]}", word)))
            .Concat(s_neverCut.Select(setting => (setting, "00:10:00")))
            .Append(("Connections:QueueMessages", $"{QueueMessages}"))
            .Append(("Connections:SlowConsumer", "DropOldest"));
        return Front.Start(_cluster.Client, null, [.. settings]);
    }

    /// <summary>A client for which the kernel keeps little, so that the front meets its bounds soon.</summary>
    private static async Task<TestClient> ConnectStopped(Front front)
    {
        using var invoker = new HttpMessageInvoker(new SocketsHttpHandler
        {
            ConnectCallback = async (context, cancel) =>
            {
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true, ReceiveBufferSize = 8 * 1024 };
                await socket.ConnectAsync(context.DnsEndPoint, cancel);
                return new NetworkStream(socket, ownsSocket: true);
            },
        });
        var client = await TestClient.Connect(new Uri($"ws://{front.Address.Authority}/ws?user=stopped"), invoker: invoker);
        Assert.Empty(await client.Drain());
        return client;
    }

    private async Task Publish(string room, int first)
    {
        var grain = _cluster.Client.GetGrain<IRoomGrain>(room);
        for (var i = first; i < first + Together; i++)
        {
            var receipt = await grain.Broadcast(new RoomMessage { Content = s_filler, Data = $$$"""{"about":{"symbol":"no"},"symbol":"S{{{i % Keys}}}"}""" });
            Assert.Equal(i, receipt.Sequence);
        }
    }
}
