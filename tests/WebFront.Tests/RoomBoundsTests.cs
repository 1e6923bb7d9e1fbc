using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Grains;
using Realtime.Silo;
using Realtime.WebFront.Tests.Access;

namespace Realtime.WebFront.Tests;

/// <summary>What clients see of the bounds of rooms and silos.</summary>
public sealed class RoomBoundsTests : IAsyncLifetime
{
    private InProcessTestCluster _cluster = null!;
    private Front _front = null!;

    public async ValueTask InitializeAsync()
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureHost(host => host.Configuration.AddEnvironmentVariables());
        builder.ConfigureSilo((_, silo) => silo.AddRealtime(rooms =>
        {
            (rooms.MaxMembers, rooms.MaxRooms) = (2, 2);
            (rooms.HistoryBytes, rooms.TotalHistoryBytes) = (200_000, 300_000);
        }));
        builder.ConfigureClient(client => client.AddRealtimeClient());
        _cluster = builder.Build();
        await _cluster.DeployAsync();
        _front = await Front.Start(_cluster.Client, front => front.MaxResumeBytes = 50_000, []);
    }

    public async ValueTask DisposeAsync()
    {
        await _front.DisposeAsync();
        await _cluster.DisposeAsync();
    }

    private IRoomGrain Room(string name) => _cluster.Client.GetGrain<IRoomGrain>(name);

    private static JsonObject JoinFrom(string room, Receipt at) =>
        new() { ["type"] = "join", ["room"] = room, ["epoch"] = at.Epoch, ["seq"] = at.Sequence };

    [Fact]
    public async Task A_full_room_refuses_a_join_and_takes_it_when_somebody_has_left()
    {
        await using var alice = await _front.Connect("alice");
        await using var bob = await _front.Connect("bob");
        await using var carl = await _front.Connect("carl");
        await alice.Join("lobby");
        await bob.Join("lobby");
        var refused = await carl.Ask(new JsonObject { ["type"] = "join", ["room"] = "lobby" });
        Assert.Equal(("error", "room_full", "lobby"), ((string?)refused["type"], (string?)refused["code"], (string?)refused["room"]));
        Assert.Equal("not_joined", (string?)(await carl.Refused("""{"type":"message","room":"lobby","content":"x"}"""))["code"]);

        Assert.Equal(0, await _cluster.Client.GetGrain<IUserGrain>("carl").Join("lobby"));
        Assert.Empty(await carl.Drain()); // has not asked

        Assert.Equal("left", (string?)(await alice.Ask(new JsonObject { ["type"] = "leave", ["room"] = "lobby" }))["type"]);
        await carl.Join("lobby");
    }

    [Fact]
    public async Task A_silo_opens_no_more_rooms_than_it_may_and_those_that_are_open_go_on()
    {
        await using var alice = await _front.Connect("alice");
        await alice.Join("one");
        await alice.Join("two");
        var refused = await alice.Ask(new JsonObject { ["type"] = "join", ["room"] = "three" });
        Assert.Equal(("unavailable", "three"), ((string?)refused["code"], (string?)refused["room"]));
        Assert.Contains("Rooms:MaxRooms", (string?)refused["content"], StringComparison.Ordinal);
        var error = await Assert.ThrowsAsync<RoomException>(() => Room("four").Broadcast(new RoomMessage { Content = "hi" }));
        Assert.Equal("unavailable", error.Code);

        await using var bob = await _front.Connect("bob");
        await bob.Join("one");
        await Room("one").Broadcast(new RoomMessage { Content = "hi" });
        Assert.Equal("hi", (string?)(await bob.Receive("message"))["content"]);
        Assert.Equal(new RoomDescription(0, 0, 0, new Position("", 0)), await Room("five").Describe()); // and what opens nothing is answered
    }

    [Fact]
    public async Task Who_missed_more_than_may_be_sent_or_is_kept_is_told_so()
    {
        var room = Room("lobby");
        var first = await room.Broadcast(new RoomMessage { Content = "first" });
        var receipts = new List<Receipt> { first };
        for (var i = 0; i < 10; i++)
            receipts.Add(await room.Broadcast(new RoomMessage { Content = new string('x', 30_000) }));

        await using var alice = await _front.Connect("alice");
        // The history holds 200,000 bytes: the first messages are gone.
        Assert.False((bool)(await alice.Ask(JoinFrom("lobby", first)))["recovered"]!);
        await using var bob = await _front.Connect("bob");
        // It holds these, and the front takes 50,000.
        Assert.False((bool)(await bob.Ask(JoinFrom("lobby", receipts[^3])))["recovered"]!);
        Assert.Empty(await bob.Drain());
        await bob.Ask(new JsonObject { ["type"] = "leave", ["room"] = "lobby" });
        Assert.True((bool)(await bob.Ask(JoinFrom("lobby", receipts[^2])))["recovered"]!);
        Assert.Equal(receipts[^1].Sequence, (long)(await bob.Receive("message"))["seq"]!);
    }

    [Fact]
    public async Task Rooms_that_are_left_give_their_history_to_those_that_are_used()
    {
        for (var i = 0; i < 10; i++)
            await Room("left").Broadcast(new RoomMessage { Content = new string('x', 15_000) });
        Assert.NotEmpty((await Room("left").History()).Messages);
        for (var i = 0; i < 20; i++)
            await Room("used").Broadcast(new RoomMessage { Content = new string('x', 15_000) });

        Assert.InRange((await Room("used").History()).Messages.Length, 10, 13);
        // It releases in a turn of its own, which may come after the answers to the other.
        await Asking.Until(async () => (await Room("left").History()).Messages.Length <= 7);
        // It goes on with its numbers.
        Assert.Equal(11, (await Room("left").Broadcast(new RoomMessage { Content = "on" })).Sequence);
    }
}
