using System.Text.Json.Nodes;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.TestingHost;
using Realtime.Grains;
using Realtime.Silo;
using Realtime.Silo.Hosting;

namespace Realtime.WebFront.Tests;

/// <summary>Inboxes that keep no message have no grain, and go on where they were when there is one.</summary>
[Collection(ClusterCollection.Name)] // one after another
public sealed class RestingInboxTests
{
    private static async Task<InProcessTestCluster> StartCluster(short silos)
    {
        var builder = new InProcessTestClusterBuilder(silos);
        builder.ConfigureSilo((_, silo) => silo.UseClusterTimings().AddRealtime());
        builder.ConfigureClient(client => client.UseClusterTimings().AddRealtimeClient());
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return cluster;
    }

    [Fact]
    public async Task Without_a_message_there_is_no_grain_and_the_first_one_comes_to_every_device_once_and_in_order()
    {
        await using var cluster = await StartCluster(1);
        await using var front = await Front.Start(cluster.Client, null, []);
        await using var other = await Front.Start(cluster.Client, null, []);
        string epoch;
        await using (var early = await front.Connect("bob"))
        {
            epoch = (string)(await Inbox(early))["epoch"]!;
            await early.Close();
        }
        await NoRooms(cluster);
        await using var phone = await front.Connect("bob");
        await using var desk = await other.Connect("bob");
        await using var tab = await other.Connect("bob");
        await using var plain = await other.Connect("bob");
        Assert.Equal((true, epoch, 0), Resumed(await Inbox(phone, epoch)));
        await NoRooms(cluster);
        Assert.Equal((true, epoch, 0), Resumed(await Inbox(desk, epoch)));
        Assert.Equal((false, epoch, 0), Resumed(await Inbox(tab, "another")));
        await NoRooms(cluster);

        await using var alice = await front.Connect("alice");
        const int messages = 20;
        for (var n = 1; n <= messages; n++) // sent one behind the other: the second comes while the first wakes the inbox
            await alice.Send($$"""{"type":"message","id":"i{{n}}","to":"bob","content":"m{{n}}"}""");
        for (var n = 1; n <= messages; n++)
        {
            var ack = await alice.Receive("ack");
            Assert.Equal(($"i{n}", epoch, n), ((string?)ack["id"], (string?)ack["epoch"], (int)ack["seq"]!));
        }
        foreach (var device in new[] { phone, desk, tab, plain })
        {
            for (var n = 1; n <= messages; n++)
            {
                var message = await device.Receive("message");
                Assert.Equal((n, $"m{n}", epoch), ((int)message["seq"]!, (string?)message["content"], (string?)message["epoch"]));
            }
            Assert.Empty(await device.Drain());
        }
        await using var late = await front.Connect("bob");
        Assert.Equal((true, epoch, messages), Resumed(await Inbox(late, epoch, messages - 1)));
        Assert.Equal(messages, (int)(await late.Receive("message"))["seq"]!);
    }

    [Fact]
    public async Task Who_opens_while_messages_come_misses_none_after_the_answer()
    {
        await using var cluster = await StartCluster(1);
        await using var front = await Front.Start(cluster.Client, null, []);
        await using var alice = await front.Connect("alice");
        for (var round = 0; round < 40; round++)
        {
            var user = $"bob{round}";
            await using var early = await front.Connect(user);
            await using var device = await front.Connect(user);
            await Inbox(early);
            // At once: the answer, with the inbox going to rest, crosses the message.
            await device.Send("""{"type":"inbox","id":"1"}""");
            if (round % 2 == 1)
                await Task.Yield();
            await alice.Send($$"""{"type":"message","id":"i{{round}}","to":"{{user}}","content":"m"}""");
            Assert.Equal(1, (int)(await alice.Receive("ack"))["seq"]!);
            Assert.Equal(1, (int)(await early.Receive("message"))["seq"]!);
            JsonObject frame;
            var heard = false;
            do
                heard |= (string?)(frame = await device.Receive())["type"] == "message";
            while ((string?)frame["type"] != "inbox");
            if ((int)frame["seq"]! == 0 && !heard)
                Assert.Equal(1, (int)(await device.Receive("message"))["seq"]!);
        }
    }

    [Fact]
    public async Task A_silo_that_stops_hands_over_where_inboxes_are()
    {
        await using var cluster = await StartCluster(2);
        await using var front = await Front.Start(cluster.Client, null, []);
        await using var alice = await front.Connect("alice");
        const int users = 8; // so that each silo has some of their partitions
        var epochs = new string[users];
        var devices = new List<TestClient>();
        for (var i = 0; i < users; i++)
        {
            devices.Add(await front.Connect($"bob{i}"));
            epochs[i] = (string)(await Inbox(devices[i]))["epoch"]!;
        }
        await NoRooms(cluster);
        await cluster.StopSiloAsync(cluster.Silos[1]);
        for (var i = 0; i < users; i++)
        {
            var ack = await alice.Ask(new JsonObject { ["type"] = "message", ["to"] = $"bob{i}", ["content"] = "m" }, id: $"i{i}");
            Assert.True((string?)ack["epoch"] == epochs[i] && (int)ack["seq"]! == 1, ack.ToJsonString());
            var message = await devices[i].Receive("message");
            Assert.Equal((epochs[i], 1), ((string?)message["epoch"], (int)message["seq"]!));
            await devices[i].DisposeAsync();
        }
    }

    private static async Task<JsonObject> Inbox(TestClient device, string? epoch = null, long seq = 0)
    {
        var frame = new JsonObject { ["type"] = "inbox" };
        if (epoch is not null)
            (frame["epoch"], frame["seq"]) = (epoch, seq);
        var answer = await device.Ask(frame);
        Assert.True((string?)answer["type"] == "inbox", answer.ToJsonString());
        return answer;
    }

    private static (bool Recovered, string? Epoch, int Seq) Resumed(JsonObject answer) =>
        ((bool)answer["recovered"]!, (string?)answer["epoch"], (int)answer["seq"]!);

    /// <summary>No grain of a room or inbox is in memory, after what is idle has been let go.</summary>
    private static async Task NoRooms(InProcessTestCluster cluster)
    {
        var management = cluster.Client.GetGrain<IManagementGrain>(0);
        using var bound = new CancellationTokenSource(TestClient.Bound);
        while (true)
        {
            await management.ForceActivationCollection(TimeSpan.Zero);
            var all = await management.GetSimpleGrainStatistics();
            if (!all.Any(grain => grain.GrainType.Contains("RoomGrain", StringComparison.Ordinal) && grain.ActivationCount > 0))
                return;
            await Task.Delay(50, bound.Token);
        }
    }
}
