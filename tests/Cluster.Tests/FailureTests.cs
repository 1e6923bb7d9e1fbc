using System.Diagnostics;

namespace Realtime.Cluster.Tests;

/// <summary>What holds when processes of a cluster die, hang or are stopped, with clients on both fronts. How long it takes is printed; <c>./realtime chaos</c> measures it.</summary>
public sealed class FailureTests(PostgresFixture postgres, ITestOutputHelper output)
{
    private const int Rooms = 50;

    [Fact]
    public async Task After_a_silo_was_killed_every_room_delivers_again_and_each_silo_may_die_in_turn()
    {
        await using var receiver = await TestReceiver.Start();
        await using var cluster = await Clusters.Start(await postgres.CreateDatabase(), arguments: receiver.Arguments());
        await using var load = await Load.Start(cluster.Fronts[0], cluster.Fronts[1], Rooms, perSecond: 200);

        for (var silo = 0; silo < 2; silo++)
        {
            var killed = Stopwatch.GetTimestamp();
            await cluster.Silos[silo].Kill();
            var slowest = await load.EveryRoomDelivers(killed);
            output.WriteLine($"silo {silo + 1} killed: the last of {Rooms} rooms delivers after {slowest.TotalSeconds:0.00} s");
            await (await cluster.StartSilo(silo)).WaitUntilReady();
        }

        var (count, failed) = await load.Stop();
        output.WriteLine($"{count} publishes, {failed.Length} failed");
        Assert.Empty(failed); // a client sees delay, not errors
        await load.AllIsHeard();
        await load.IsTold(receiver);
    }

    [Fact]
    public async Task After_a_silo_hangs_every_room_delivers_again()
    {
        await using var cluster = await Clusters.Start(postgres);
        await using var load = await Load.Start(cluster.Fronts[0], cluster.Fronts[1], Rooms, perSecond: 200);

        var hung = Stopwatch.GetTimestamp();
        cluster.Silos[1].Send(Signal.Suspend);
        var slowest = await load.EveryRoomDelivers(hung);

        output.WriteLine($"silo hung: the last of {Rooms} rooms delivers after {slowest.TotalSeconds:0.00} s");
        Assert.Empty((await load.Stop()).Failed);
    }

    [Fact]
    public async Task After_a_front_was_killed_its_members_leave_and_each_front_may_die_in_turn()
    {
        await using var cluster = await Clusters.Start(postgres);
        for (var front = 0; front < 2; front++)
        {
            await using var stays = await Client.Connect(cluster.Fronts[1 - front], $"stays{front}");
            await stays.Join("lobby");
            var goes = new List<Client>();
            for (var i = 0; i < 10; i++)
            {
                goes.Add(await Client.Connect(cluster.Fronts[front], $"goes{front}-{i}"));
                await goes[i].Join("lobby");
                Assert.Equal(("join", $"goes{front}-{i}"), await stays.NextPresence());
            }

            var killed = Stopwatch.GetTimestamp();
            await cluster.Fronts[front].Kill();
            var left = new HashSet<string>();
            while (left.Count < goes.Count)
            {
                var (type, user) = await stays.NextPresence();
                Assert.Equal("leave", type);
                Assert.True(left.Add(user), $"{user} has left twice.");
            }
            var took = Stopwatch.GetElapsedTime(killed);

            output.WriteLine($"front {front + 1} killed: its members are gone after {took.TotalSeconds:0.00} s");
            await stays.Publish("lobby", "still here");
            await stays.WaitFor("lobby", "still here");
            foreach (var client in goes)
                await client.DisposeAsync();
            await (await cluster.StartFront(front)).WaitUntilReady();
        }
    }

    [Fact]
    public async Task A_front_that_is_stopped_sends_its_clients_elsewhere()
    {
        await using var cluster = await Clusters.Start(postgres);
        await using var stays = await Client.Connect(cluster.Fronts[1], "stays");
        await stays.Join("lobby");
        await using var goes = await Client.Connect(cluster.Fronts[0], "goes");
        await goes.Join("lobby");
        Assert.Equal(("join", "goes"), await stays.NextPresence());

        cluster.Fronts[0].Send(Signal.Terminate);
        var (code, reason) = await goes.Closed();
        Assert.Equal(1001, code);
        Assert.Matches(@"^server shuts down; retry after \d+ ms$", reason);
        Assert.Equal(("leave", "goes"), await stays.NextPresence());
        Assert.Equal(0, await cluster.Fronts[0].Ended.WaitAsync(ServerProcess.Patience));

        await using var back = await Client.Connect(cluster.Fronts[1], "goes");
        await back.Join("lobby");
        await back.Publish("lobby", "here again");
        await stays.WaitFor("lobby", "here again");
    }

    [Fact]
    public async Task Silos_that_are_stopped_and_started_one_after_another_under_load_fail_no_publish_and_lose_no_message()
    {
        await using var receiver = await TestReceiver.Start();
        await using var cluster = await Clusters.Start(await postgres.CreateDatabase(), arguments: receiver.Arguments());
        await using var load = await Load.Start(cluster.Fronts[0], cluster.Fronts[1], rooms: 100, perSecond: 1000);

        for (var silo = 0; silo < 2; silo++)
        {
            var stop = Stopwatch.StartNew();
            cluster.Silos[silo].Send(Signal.Terminate);
            Assert.Equal(0, await cluster.Silos[silo].Ended.WaitAsync(ServerProcess.Patience));
            output.WriteLine($"silo {silo + 1} stopped in {stop.Elapsed.TotalSeconds:0.00} s");
            await (await cluster.StartSilo(silo)).WaitUntilReady();
        }

        var (count, failed) = await load.Stop();
        output.WriteLine($"{count} publishes, {failed.Length} failed");
        Assert.Empty(failed);
        await load.AllIsHeard();
        await load.IsTold(receiver);
        string[] irregular = [.. load.Rooms.SelectMany(load.Irregular)];
        Assert.True(irregular.Length == 0, $"{irregular.Length} irregular:\n{string.Join('\n', irregular.Take(30))}");
    }
}
