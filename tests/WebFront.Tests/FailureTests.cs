using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using Orleans;
using Orleans.Core.Internal;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Grains;
using Realtime.Silo;
using Realtime.Silo.Hosting;

namespace Realtime.WebFront.Tests;

/// <summary>What holds when silos and fronts die. Each test has a cluster of its own.</summary>
[Collection(ClusterCollection.Name)] // not beside the other clusters: their load would be in the figures
public sealed class FailureTests : IAsyncLifetime
{
    private InProcessTestCluster _cluster = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(3);
        builder.ConfigureHost(host => host.Configuration.AddEnvironmentVariables()); // as in Cluster
        builder.ConfigureSilo((_, silo) => silo.UseClusterTimings().AddRealtime());
        builder.ConfigureClient(client => client.UseClusterTimings().AddRealtimeClient());
        _cluster = builder.Build();
        await _cluster.DeployAsync();
    }

    public async ValueTask DisposeAsync() => await _cluster.DisposeAsync();

    private Task<Front> StartFront() => Front.Start(_cluster.Client, null, []);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Rooms_of_a_lost_silo_reach_every_member_again_without_the_clients_doing_anything(bool killed)
    {
        await using var one = await StartFront();
        await using var two = await StartFront();
        // Enough rooms and users that each silo has some.
        const int rooms = 12;
        var alices = new TestClient[rooms];
        var bobs = new TestClient[rooms];
        for (var i = 0; i < rooms; i++)
        {
            (alices[i], bobs[i]) = (await one.Connect($"alice{i}"), await two.Connect($"bob{i}"));
            await alices[i].Join($"room{i}");
            await bobs[i].Join($"room{i}");
        }

        var victim = _cluster.Silos[1];
        if (killed)
            await _cluster.KillSiloAsync(victim);
        else
            await _cluster.StopSiloAsync(victim);

        // A client sees delay, not errors: every publish is answered, and heard on both fronts.
        for (var i = 0; i < rooms; i++)
        {
            await ReachesBoth(alices[i], bobs[i], $"room{i}");
            // The sender is told whether anybody was reached, so it can try again.
            using var bound = new CancellationTokenSource(TestClient.Bound);
            while ((int)(await AskDirect(alices[i], $"bob{i}"))["connections"]! == 0)
                bound.Token.ThrowIfCancellationRequested();
            Assert.Equal($"alice{i}", (string?)(await bobs[i].Receive("message"))["from"]);
            Assert.Equal(2, (int)(await bobs[i].Ask(new JsonObject { ["type"] = "members", ["room"] = $"room{i}" }))["members"]!);
        }
        foreach (var client in alices.Concat(bobs))
            await client.DisposeAsync();
    }

    [Fact]
    public async Task A_rolling_restart_fails_no_publish_and_leaves_no_gap()
    {
        await using var one = await StartFront();
        await using var two = await StartFront();
        const int rooms = 12;
        using var restarted = new CancellationTokenSource();
        using var said = new SemaphoreSlim(0);
        var talks = Enumerable.Range(0, rooms).Select(async i =>
        {
            await using var alice = await one.Connect($"alice{i}");
            await using var bob = await two.Connect($"bob{i}");
            await alice.Join($"room{i}");
            await bob.Join($"room{i}");
            var acked = 0L;
            string? epoch = null;
            while (!restarted.IsCancellationRequested)
            {
                var answer = await alice.Ask(new JsonObject { ["type"] = "message", ["room"] = $"room{i}", ["content"] = "x" }, _ => { });
                Assert.Equal(("ack", ++acked, epoch ??= (string)answer["epoch"]!), ((string?)answer["type"], (long)answer["seq"]!, (string?)answer["epoch"]));
                Assert.Equal((acked, epoch), await Next(bob));
                said.Release();
            }
            Assert.Equal(2, (int)(await bob.Ask(new JsonObject { ["type"] = "members", ["room"] = $"room{i}" }))["members"]!);
        }).ToArray();

        await Talk();
        foreach (var silo in _cluster.Silos.ToArray())
        {
            await _cluster.StopSiloAsync(silo);
            await _cluster.StartAdditionalSiloAsync();
            await Talk();
        }
        await restarted.CancelAsync();
        await Task.WhenAll(talks);

        async Task Talk()
        {
            for (var messages = 0; messages < 20 * rooms; messages++)
            {
                if (!await said.WaitAsync(TestClient.Bound))
                    await (talks.FirstOrDefault(talk => talk.IsFaulted) ?? throw new TimeoutException("Nobody says anything any more."));
            }
        }

        static async Task<(long, string?)> Next(TestClient client)
        {
            var message = await client.Receive("message");
            return ((long)message["seq"]!, (string?)message["epoch"]);
        }
    }

    private static Task<JsonObject> AskDirect(TestClient from, string to) =>
        from.Ask(new JsonObject { ["type"] = "message", ["to"] = to, ["content"] = "psst" });

    private static async Task ReachesBoth(TestClient alice, TestClient bob, string room)
    {
        JsonObject? heard = null;
        var answer = await alice.Ask(new JsonObject { ["type"] = "message", ["room"] = room, ["content"] = "x" }, other =>
        {
            if ((string?)other["type"] == "message")
                heard = other;
        });
        Assert.Equal("ack", (string?)answer["type"]);
        heard ??= await alice.Receive("message");
        Assert.Equal((long)answer["seq"]!, (long)heard["seq"]!);
        Assert.Equal((long)answer["seq"]!, (long)(await bob.Receive("message"))["seq"]!);
    }

    [Fact]
    public async Task Members_of_a_front_that_is_gone_are_gone_within_its_lease()
    {
        await using var one = await StartFront();
        await using var alice = await one.Connect("alice");
        await alice.Join("room");
        var room = _cluster.Client.GetGrain<IRoomGrain>("room");
        var user = _cluster.Client.GetGrain<IUserGrain>("ghost");
        // A front that was here and says nothing any more.
        await room.Submit("dead", 1, [new JoinCommand("ghost", "c1", null)]);
        await _cluster.Client.GetGrain<IUserPartitionGrain>(IUserPartitionGrain.KeyOf("ghost")).Submit("dead", 1, isAll: false, [new UserChange("ghost", "c1", DateTimeOffset.UnixEpoch)]);
        Assert.Equal(("join", "ghost"), await Presence(alice));

        Assert.Equal(("leave", "ghost"), await Presence(alice));
        Assert.Equal(1, (await room.Describe()).Connections);
        using var bound = new CancellationTokenSource(TestClient.Bound);
        while ((await user.Describe()).Connections.Length > 0)
            bound.Token.ThrowIfCancellationRequested(); // told right after the rooms

        static async Task<(string?, string?)> Presence(TestClient client)
        {
            var frame = await client.Receive();
            return ((string?)frame["type"], (string?)frame["from"]);
        }
    }

    [Fact]
    public async Task A_front_that_lost_its_lease_comes_back_with_its_members()
    {
        await using var one = await StartFront();
        await using var alice = await one.Connect("alice");
        await alice.Join("room");
        var room = _cluster.Client.GetGrain<IRoomGrain>("room");
        var front = await one.Id();
        // As if it had been silent for long.
        await room.Drop(front);
        await _cluster.Client.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key).Unregister(front);

        using var bound = new CancellationTokenSource(TestClient.Bound);
        while ((await room.Describe()).Members == 0)
            bound.Token.ThrowIfCancellationRequested();
        await room.Broadcast(new RoomMessage { Content = "x" });
        Assert.Equal("x", (string?)(await alice.Receive("message"))["content"]);
    }

    [Fact]
    public async Task A_front_that_compares_a_room_with_a_trimmed_past_tells_nobody_of_a_loss()
    {
        // The join's own event is here before the answer to it.
        await using var one = await Front.Start(LateAnswers.Of(_cluster.Client), null, []);
        await using var alice = await one.Connect("alice");
        var front = await one.Id();
        var room = _cluster.Client.GetGrain<IRoomGrain>("room");
        for (var i = 0; i < 301; i++) // more than a room keeps
            await room.Broadcast(new RoomMessage { Content = "before" });
        await alice.Join("room");
        await room.Drop(front);
        await _cluster.Client.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key).Unregister(front);

        using var bound = new CancellationTokenSource(TestClient.Bound);
        while ((await room.Describe()).Members == 0)
            bound.Token.ThrowIfCancellationRequested(); // until the front has compared it
        await room.Broadcast(new RoomMessage { Content = "x" });
        JsonObject frame;
        while ((string?)(frame = await alice.Receive())["type"] is "join" or "leave")
            continue;
        Assert.Equal(("message", 302), ((string?)frame["type"], (int?)frame["seq"]));
    }

    [Fact]
    public async Task What_a_front_missed_is_fetched_before_anything_newer()
    {
        await using var one = await StartFront();
        await using var alice = await one.Connect("alice");
        await alice.Join("room");
        var room = _cluster.Client.GetGrain<IRoomGrain>("room");
        var front = await one.Id();
        await room.Broadcast(new RoomMessage { Content = "1" });
        // The room forgets the front, so two messages pass it by; then it knows it again, and the third shows the gap.
        await room.Drop(front);
        await room.Broadcast(new RoomMessage { Content = "2" });
        await room.Broadcast(new RoomMessage { Content = "3" });
        await room.Submit(front, 0, [new SyncCommand([new Member("alice", "other")], null)]);
        await room.Broadcast(new RoomMessage { Content = "4" });
        for (var i = 1; i <= 4; i++)
        {
            var message = await alice.Receive("message");
            Assert.Equal((i, i.ToString()), ((int)message["seq"]!, (string?)message["content"]));
        }
    }

    [Fact]
    public async Task What_a_front_missed_in_a_room_that_is_quiet_now_is_fetched_too()
    {
        await using var one = await StartFront();
        await using var alice = await one.Connect("alice");
        await alice.Join("room");
        var room = _cluster.Client.GetGrain<IRoomGrain>("room");
        var front = await one.Id();
        await room.Drop(front);
        await room.Broadcast(new RoomMessage { Content = "1" });
        // Known again, as after a lost sync; nothing follows that would show the gap.
        await room.Submit(front, 0, [new SyncCommand([new Member("alice", "other")], null)]);
        await room.Submit("another", 1, [new JoinCommand("bob", "c", null), new LeaveCommand("c")]);
        Assert.Equal("1", (string?)(await alice.Receive("message"))["content"]);
    }

    [Fact]
    public async Task Members_are_told_when_their_room_has_lost_its_past()
    {
        await using var one = await StartFront();
        await using var two = await StartFront();
        await using var alice = await one.Connect("alice");
        await using var bob = await two.Connect("bob");
        await alice.Join("room");
        await bob.Join("room");
        await alice.Ask(new JsonObject { ["type"] = "message", ["room"] = "room", ["content"] = "1" }, _ => { });
        await alice.Drain();
        Assert.Equal("1", (string?)(await bob.Receive("message"))["content"]);

        await _cluster.Client.GetGrain<IRoomGrain>("room").Cast<IGrainManagementExtension>().DeactivateOnIdle();
        var told = new List<(string?, long, bool)>();
        // Whoever comes to the room first finds it new; the others on that front are told then, and the rest when they hear of it.
        await using var carol = await two.Connect("carol");
        var epoch = (string?)(await carol.Join("room"))["epoch"];
        Assert.Equal((epoch, 0L, false), Position(await bob.Receive("joined")));
        while ((await _cluster.Client.GetGrain<IRoomGrain>("room").Describe()).Fronts < 2)
            await alice.Ask(new JsonObject { ["type"] = "message", ["room"] = "room", ["content"] = "2" }, Take);
        while (told.Count == 0)
            Take(await alice.Receive()); // the room may have answered her front before that has told her
        foreach (var frame in await alice.Drain())
            Take(frame);
        Assert.Equal([(epoch, 0L, false)], told);

        void Take(JsonObject frame)
        {
            if ((string?)frame["type"] == "joined")
                told.Add(Position(frame));
        }

        static (string?, long, bool) Position(JsonObject joined) => ((string?)joined["epoch"], (long)joined["seq"]!, (bool)joined["recovered"]!);
    }

    [Fact]
    public async Task Late_events_of_a_room_that_was_lost_are_passed_over()
    {
        await using var one = await StartFront();
        await using var alice = await one.Connect("alice");
        var epoch = (string)(await alice.Join("room"))["epoch"]!;
        var front = await one.Id();
        var stream = _cluster.Client.GetStreamProvider(FrontStreams.Provider).GetStream<FrontEvent>(FrontStreams.Of(front));
        for (var order = 7; order < 10; order++)
            await stream.OnNextAsync(new FrontEvent { Kind = FrontEventKind.Message, Target = "room", Epoch = "of before", Sequence = order, Order = order, Body = "\"content\":\"old\""u8.ToArray() });
        using var bound = new CancellationTokenSource(TestClient.Bound);
        while (await Repairs() == 0)
            bound.Token.ThrowIfCancellationRequested(); // until they have come
        await _cluster.Client.GetGrain<IRoomGrain>("room").Broadcast(new RoomMessage { Content = "new" });
        var message = await alice.Receive("message");
        Assert.Equal(("new", epoch), ((string?)message["content"], (string?)message["epoch"]));
        Assert.Empty(await alice.Drain());
        Assert.InRange(await Repairs(), 1, 6); // once a batch at most, and not for ever

        async Task<int> Repairs()
        {
            var metrics = await one.Http.GetStringAsync("/metrics");
            var line = metrics.Split('\n').FirstOrDefault(line => line.StartsWith("realtime_front_repairs_total", StringComparison.Ordinal));
            return line is null ? 0 : int.Parse(line.Split(' ')[^1]); // without a line until the first
        }
    }

    [Fact]
    public async Task A_repeated_batch_is_applied_once()
    {
        var room = _cluster.Client.GetGrain<IRoomGrain>("repeats");
        RoomCommand[] batch = [new JoinCommand("alice", "c1", null), new PublishCommand("alice", null, "\"content\":\"x\""u8.ToArray())];
        var first = await room.Submit("f", 7, batch);
        var second = await room.Submit("f", 7, batch);
        Assert.Equal(((PublishedReply)first.Replies[1]).Receipt, ((PublishedReply)second.Replies[1]).Receipt);
        Assert.Equal(1, (await room.Describe()).Position.Sequence);
        var error = await Assert.ThrowsAsync<ArgumentException>(() => room.Submit("f", 6, batch).AsTask());
        Assert.Contains("must grow", error.Message);
    }
}
