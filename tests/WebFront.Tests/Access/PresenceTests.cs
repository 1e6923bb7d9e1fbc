using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Grains;
using Realtime.Silo;
using Realtime.Silo.Hosting;
using Realtime.WebFront.Access;

namespace Realtime.WebFront.Tests.Access;

/// <summary>A member without the operation <c>presence</c> is in the room, and nobody sees it.</summary>
[Collection(ClusterCollection.Name)]
public sealed class PresenceTests(Cluster cluster)
{
    private readonly string _room = $"r-{Guid.NewGuid():N}";

    private (string, string)[] Rules =>
    [
        ("Rooms:Access:0:Room", "*{spy}"), ("Rooms:Access:0:Allow:0", "join"), ("Rooms:Access:0:Allow:1", "publish"),
        ("Rooms:Access:1:Room", $"{_room}*"), ("Rooms:Access:1:Allow:0", "*"),
    ];

    private Task<TestClient> Spy(AccessFront front, string user) => front.Connect(user, ("spy", _room[^3..]));

    private static async Task<(int Count, string Users)> Members(TestClient client, string room)
    {
        var page = await client.Ask(new JsonObject { ["type"] = "members", ["room"] = room });
        return ((int)page["members"]!, string.Join(' ', page["users"]!.AsArray().Select(user => (string?)user)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(12)] // more than a list of members holds
    public async Task It_is_neither_told_of_nor_listed_nor_counted(int crowd)
    {
        await using var front = await AccessFront.Start(cluster, Rules);
        for (var i = 0; i < crowd; i++)
            await (await Spy(front, $"crowd{i}")).Join(_room);
        var alice = await front.Connect("alice");
        Assert.Equal(1, (int)(await alice.Join(_room))["members"]!);
        var spy = await Spy(front, "spy");
        Assert.Equal(1, (int)(await spy.Join(_room))["members"]!);
        var grain = cluster.Client.GetGrain<IRoomGrain>(_room);

        Assert.Equal((1, "alice"), await Members(alice, _room));
        Assert.Equal((1, "alice"), await Members(spy, _room));
        Assert.Equal((1, crowd + 2), ((await grain.Describe()).Members, (await grain.Describe()).Connections));
        // It gets and sends as any member.
        await alice.Send($$"""{"type":"message","room":"{{_room}}","content":"1"}""");
        Assert.Equal("1", (string?)(await spy.Receive("message"))["content"]);
        await spy.Send($$"""{"type":"message","room":"{{_room}}","content":"2"}""");
        await spy.Send($$"""{"type":"leave","room":"{{_room}}"}""");
        await spy.Receive("message");
        await spy.Receive("left");
        await alice.Send($$"""{"type":"message","room":"{{_room}}","content":"3"}""");
        // Between the messages nobody came or went.
        foreach (var content in new[] { "1", "2", "3" })
            Assert.Equal(("message", content), await alice.Receive() is var frame ? ((string?)frame["type"], (string?)frame["content"]) : default);
    }

    [Fact]
    public async Task A_user_is_seen_as_long_as_one_of_its_connections_is()
    {
        await using var front = await AccessFront.Start(cluster, Rules);
        var alice = await front.Connect("alice");
        await alice.Join(_room);
        var (hidden, seen) = (await Spy(front, "bob"), await front.Connect("bob"));
        await hidden.Join(_room);
        await seen.Join(_room);
        Assert.Equal("join", (string?)(await alice.Receive())["type"]);
        Assert.Equal((2, "alice bob"), await Members(alice, _room));
        await seen.Ask(new JsonObject { ["type"] = "leave", ["room"] = _room });
        Assert.Equal("leave", (string?)(await alice.Receive())["type"]);
        Assert.Equal((1, "alice"), await Members(alice, _room));
    }

    private sealed class Seen
    {
        public bool Value { get; set; } = true;
    }

    private sealed class Handler(Seen seen) : AuthorizationHandler<RoomRequirement, RoomResource>
    {
        protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RoomRequirement requirement, RoomResource resource)
        {
            if (requirement.Operation != RoomOperation.Presence || context.User.Identity!.Name != "bob" || seen.Value)
                context.Succeed(requirement);
            return Task.CompletedTask;
        }
    }

    [Fact]
    public async Task It_is_seen_or_no_longer_seen_once_that_is_decided_anew()
    {
        var seen = new Seen();
        await using var front = await AccessFront.Start(cluster, builder => builder.Services.AddSingleton(seen).AddSingleton<IAuthorizationHandler, Handler>());
        var (alice, bob) = (await front.Connect("alice"), await front.Connect("bob"));
        await alice.Join(_room);
        await bob.Join(_room);
        Assert.Equal("join", (string?)(await alice.Receive())["type"]);
        seen.Value = false;
        await cluster.Client.GetGrain<IUserGrain>("bob").Reauthorize();
        Assert.Equal(("leave", "bob"), await Told());
        Assert.Equal((1, "alice"), await Members(bob, _room));
        seen.Value = true;
        await cluster.Client.GetGrain<IUserGrain>("bob").Reauthorize();
        Assert.Equal(("join", "bob"), await Told());
        Assert.Equal("ack", await bob.TryPublish(_room));

        async Task<(string?, string?)> Told() => await alice.Receive() is var frame ? ((string?)frame["type"], (string?)frame["from"]) : default;
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task It_stays_hidden_when_another_silo_takes_the_room_over(bool killed)
    {
        var builder = new InProcessTestClusterBuilder(2);
        builder.ConfigureHost(host => host.Configuration.AddEnvironmentVariables());
        builder.ConfigureSilo((_, silo) => silo.UseClusterTimings().AddRealtime());
        builder.ConfigureClient(client => client.UseClusterTimings().AddRealtimeClient());
        await using var own = builder.Build();
        await own.DeployAsync();
        await using var front = await AccessFront.Start(own.Client, null, Rules);
        var (alice, spy) = (await front.Connect("alice"), await Spy(front, "spy"));
        // Some of the rooms are on the silo that goes.
        string[] rooms = [.. Enumerable.Range(0, 8).Select(i => $"{_room}-{i}-{_room[^3..]}")];
        foreach (var room in rooms)
        {
            await alice.Join(room);
            await spy.Join(room);
        }
        if (killed)
            await own.KillSiloAsync(own.Silos[1]);
        else
            await own.StopSiloAsync(own.Silos[1]);
        foreach (var room in rooms)
        {
            Assert.Equal("ack", await alice.TryPublish(room)); // the room has its members again
            await Asking.Until(async () => await Members(alice, room) == (1, "alice"));
        }
    }
}
