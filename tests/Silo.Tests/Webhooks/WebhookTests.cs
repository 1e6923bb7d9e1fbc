using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Configuration;
using Orleans;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Grains;

namespace Realtime.Silo.Tests.Webhooks;

/// <summary>Two silos, and a receiver of what happens in their rooms.</summary>
public sealed class WebhookCluster : IAsyncLifetime
{
    private InProcessTestCluster _cluster = null!;

    internal TestReceiver Receiver { get; private set; } = null!;

    public IClusterClient Client => _cluster.Client;

    public Task StopOne() => _cluster.StopSiloAsync(_cluster.Silos[^1]);

    public async ValueTask InitializeAsync()
    {
        Receiver = await TestReceiver.Start();
        var builder = new InProcessTestClusterBuilder(2);
        builder.ConfigureHost(host => host.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Leases:FrontLease"] = "00:05:00", // of the fronts that the tests play
            ["Rooms:VacateDelay"] = "00:00:00.1",
            ["Webhooks:BatchDelay"] = "00:00:00.005",
            ["Webhooks:RetryDelay"] = "00:00:00.02",
            ["Webhooks:MaxRetryDelay"] = "00:00:00.2",
            ["Webhooks:Receivers:0:Room"] = "hooked-*",
            ["Webhooks:Receivers:0:Url"] = Receiver.Url,
            ["Webhooks:Receivers:0:Secret"] = TestReceiver.Secret,
            ["Webhooks:Receivers:1:Room"] = "comings-*",
            ["Webhooks:Receivers:1:Url"] = Receiver.Url,
            ["Webhooks:Receivers:1:Secret"] = TestReceiver.Secret,
            ["Webhooks:Receivers:1:Events:0"] = "join",
            ["Webhooks:Receivers:1:Events:1"] = "vacated",
        }));
        builder.ConfigureSilo((_, silo) => silo.AddRealtime());
        builder.ConfigureClient(client => client.AddRealtimeClient());
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await _cluster.DisposeAsync();
        await Receiver.DisposeAsync();
        Assert.Empty(Receiver.Faults);
    }
}

/// <summary>Webhooks of rooms in a cluster.</summary>
public sealed class WebhookTests(WebhookCluster cluster) : IClassFixture<WebhookCluster>
{
    private readonly string _name = "hooked-" + Guid.NewGuid().ToString("N");
    private readonly TestReceiver _receiver = cluster.Receiver;
    private long _batch;

    private IRoomGrain Room(string name) => cluster.Client.GetGrain<IRoomGrain>(name);

    private async Task Submit(string room, params RoomCommand[] commands) => await Room(room).Submit("f1", ++_batch, commands);

    [Fact]
    public async Task A_receiver_is_told_what_it_asks_for_and_goes_on_in_order_when_a_silo_stops()
    {
        await IsToldAsFramesTellIt();
        await GoesOnWhenASiloStops(); // last: from then on fronts that are played are taken for gone
    }

    private async Task IsToldAsFramesTellIt()
    {
        await Submit(_name, new JoinCommand("alice", "c1", null), new PublishCommand("alice", null, "\"content\":\"h\\\"i\",\"data\":{\"a\":[1]}"u8.ToArray()));
        await Room(_name).Broadcast(new RoomMessage { Content = "sold" });
        await Room(_name).BroadcastText("te\"xt");
        await Room(_name).BroadcastBinary([1, 2]);
        await Submit(_name, new LeaveCommand("c1"));
        var epoch = (await Room(_name).Describe()).Position.Epoch;
        var events = await _receiver.Events(_name, 8);
        string[] expected =
        [
            """{"type":"occupied","order":1}""", """{"type":"join","order":2,"user":"alice"}""",
            """{"type":"message","order":3,"seq":1,"from":"alice","content":"h\u0022i","data":{"a":[1]}}""",
            """{"type":"message","order":4,"seq":2,"service":true,"content":"sold"}""",
            """{"type":"message","order":5,"seq":3,"service":true,"text":"te\u0022xt"}""",
            """{"type":"message","order":6,"seq":4,"service":true,"binary":"AQI="}""",
            """{"type":"leave","order":7,"user":"alice"}""", """{"type":"vacated","order":8}""",
        ];
        foreach (var (item, index) in events.Select((item, index) => (item, index)))
        {
            Assert.Equal((_name, epoch), ((string?)item["room"], (string?)item["epoch"]));
            Assert.InRange((long)item["timestamp"]!, DateTimeOffset.UtcNow.AddMinutes(-1).ToUnixTimeMilliseconds(), DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
            item.Remove("room");
            item.Remove("epoch");
            item.Remove("timestamp");
            Assert.Equal(JsonNode.Parse(expected[index])!.ToJsonString(), item.ToJsonString());
        }

        var comings = _name.Replace("hooked-", "comings-", StringComparison.Ordinal);
        await Submit(comings, new JoinCommand("alice", "c1", null), new PublishCommand("alice", null, "\"data\":1"u8.ToArray()), new LeaveCommand("c1"));
        Assert.Equal(["join 2", "vacated 5"], (await _receiver.Events(comings, 2)).Select(item => $"{item["type"]} {item["order"]}"));
    }

    private async Task GoesOnWhenASiloStops()
    {
        var random = new Random(1);
        var isDown = true;
        _receiver.Answer = (context, _) =>
        {
            bool fails;
            lock (random)
                fails = isDown || random.Next(4) == 0;
            if (fails)
                context.Response.StatusCode = 503;
            return Task.FromResult(!fails);
        };
        string[] rooms = [.. Enumerable.Range(0, 12).Select(i => $"{_name}-{i}")];
        foreach (var room in rooms)
            await Submit(room, new JoinCommand("alice", room, null));
        var stop = Task.CompletedTask;
        for (var i = 0; i < 60; i++)
        {
            await Task.WhenAll(rooms.Select(room => Room(room).Broadcast(new RoomMessage { Content = $"{i}", Id = $"{i}" })));
            if (i == 20)
                stop = cluster.StopOne();
            if (i == 40)
            {
                await stop; // with all that waits for the receiver
                isDown = false;
            }
        }
        foreach (var room in rooms)
        {
            // Alice's front is none, so that somewhere between them she may leave.
            Assert.Equal(Enumerable.Range(1, 60).Select(i => (long)i), (await _receiver.Messages(room, 60)).Select(item => (long)item["seq"]!));
            var events = await _receiver.Events(room, 62);
            Assert.Equal(Enumerable.Range(1, events.Length).Select(i => (long)i), events.Select(item => (long)item["order"]!));
            Assert.Single(events.Select(item => (string?)item["epoch"]).Distinct());
        }
    }
}
