using System.Text.Json;

namespace Realtime.Cluster.Tests;

/// <summary>A cluster at work: processes that start at once, clients on both fronts, a service beside them.</summary>
public sealed class ClusterTests(PostgresFixture postgres)
{
    [Fact]
    public async Task What_is_said_at_one_front_or_by_another_service_is_heard_at_both()
    {
        var database = await postgres.CreateDatabase();
        await using var cluster = await Clusters.Start(database);
        await using var alice = await Client.Connect(cluster.Fronts[0], "alice");
        await using var bob = await Client.Connect(cluster.Fronts[1], "bob");
        await alice.Join("lobby");
        await bob.Join("lobby");

        await alice.Publish("lobby", "hi");
        var atBob = await bob.WaitFor("lobby", "hi");
        Assert.Equal(1, atBob.Sequence);
        Assert.Equal(atBob.Epoch, (await alice.WaitFor("lobby", "hi")).Epoch);

        await using var service = Clusters.StartOtherService(database, "lobby", "from afar");
        Assert.Equal(0, await service.Ended.WaitAsync(ServerProcess.Patience));
        Assert.StartsWith($"lobby: message 2 of epoch {atBob.Epoch}, at ", service.Output);
        Assert.Equal(2, (await alice.WaitFor("lobby", "from afar")).Sequence);
        Assert.Equal(2, (await bob.WaitFor("lobby", "from afar")).Sequence);

        await using var shop = Clusters.StartOrders(database, "lobby");
        Assert.True(await shop.Ended.WaitAsync(ServerProcess.Patience) == 0, shop.Output);
        Assert.Equal(3, (await bob.WaitFor("lobby", "order 1: a bicycle")).Sequence);
        Assert.Equal(4, (await bob.WaitFor("lobby", "order 3: a bell")).Sequence);

        foreach (var front in cluster.Fronts)
        {
            using var room = JsonDocument.Parse(await front.Get("/api/rooms/lobby"));
            Assert.Equal((2, 2), (room.RootElement.GetProperty("members").GetInt32(), room.RootElement.GetProperty("fronts").GetInt32()));
        }
    }

    [Fact]
    public async Task One_user_at_two_fronts_is_one_member()
    {
        await using var cluster = await Clusters.Start(postgres, silos: 1);
        await using var bob = await Client.Connect(cluster.Fronts[0], "bob");
        await bob.Join("lobby");
        await using var alice = await Client.Connect(cluster.Fronts[0], "alice");
        await alice.Join("lobby");
        Assert.Equal(("join", "alice"), await bob.NextPresence());
        await using (var other = await Client.Connect(cluster.Fronts[1], "alice"))
        {
            await other.Join("lobby");
            using var room = JsonDocument.Parse(await cluster.Fronts[1].Get("/api/rooms/lobby"));
            Assert.Equal((2, 3), (room.RootElement.GetProperty("members").GetInt32(), room.RootElement.GetProperty("connections").GetInt32()));
        }
        await alice.DisposeAsync();

        // The second join and the first going were no news; only now has alice left.
        Assert.Equal(("leave", "alice"), await bob.NextPresence());
    }
}
