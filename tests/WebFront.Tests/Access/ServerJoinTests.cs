using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection;
using Realtime.Grains;
using Realtime.WebFront.Access;

namespace Realtime.WebFront.Tests.Access;

/// <summary>The server puts connections into rooms: because a service wants it, or because their token names these.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ServerJoinTests(Cluster cluster)
{
    private readonly string _tag = Guid.NewGuid().ToString("N");

    private string User => "u-" + _tag;

    private string Room => "team-" + _tag;

    private IUserGrain Grain => cluster.Client.GetGrain<IUserGrain>(User);

    [Fact]
    public async Task All_connections_of_a_user_are_put_into_a_room_and_taken_out_of_it()
    {
        await using var one = await cluster.StartFront();
        await using var two = await cluster.StartFront();
        await using var bob = await two.Connect("bob");
        var epoch = (string)(await bob.Join(Room))["epoch"]!;
        await using var alice = await one.Connect(User);
        await using var phone = await one.Connect(User);
        await using var tablet = await two.Connect(User);
        TestClient[] clients = [alice, phone, tablet];
        await Grain.Join("elsewhere-" + _tag); // beside others

        Assert.Equal(3, await Ask(two, HttpMethod.Put));
        foreach (var client in clients)
        {
            await client.Receive("joined");
            Assert.Equal($$"""{"type":"joined","room":"{{Room}}","epoch":"{{epoch}}","seq":0,"members":2,"by":"server"}""", (await client.Receive("joined")).ToJsonString());
        }
        Assert.Equal(User, (string?)(await bob.Receive("join"))["from"]);
        await alice.Send($$"""{"type":"message","room":"{{Room}}","content":"hi"}""");
        foreach (var client in clients.Append(bob))
            Assert.Equal(1, (long)(await client.Receive("message"))["seq"]!);
        Assert.Equal(3, await Ask(one, HttpMethod.Put)); // again
        await using var late = await one.Connect(User);
        Assert.Equal(4, await Grain.Join(Room));
        await late.Receive("joined");
        Assert.Equal(["bob", User], (await cluster.Client.GetGrain<IRoomGrain>(Room).Members()).Users);

        Assert.Equal(4, await Ask(one, HttpMethod.Delete));
        foreach (var client in clients.Append(late))
            Assert.Equal($$"""{"type":"left","room":"{{Room}}","by":"server"}""", (await client.Receive()).ToJsonString());
        Assert.Equal(User, (string?)(await bob.Receive("leave"))["from"]);
        Assert.Equal((0, 0), (await Grain.Leave(Room), await cluster.Client.GetGrain<IUserGrain>("nobody-" + _tag).Join(Room)));
        Assert.Equal("joined", await alice.TryJoin(Room)); // as ever
        await Assert.ThrowsAsync<RequestException>(() => Grain.Join("."));
    }

    [Fact]
    public async Task It_stands_above_what_access_says_of_joins_and_one_join_of_the_client_resumes()
    {
        await using var front = await AccessFront.Start(cluster, [.. Rule(0, "team-*", "publish", "presence"), .. Rule(1, "news-*", "history")]);
        var alice = await front.Connect(User);
        var news = "news-" + _tag;
        Assert.Equal("forbidden", await alice.TryJoin(Room));
        Assert.Equal((1, 1), (await Grain.Join(Room), await Grain.Join(news)));
        var joined = await alice.Receive("joined");
        await alice.Receive("joined");
        Assert.Equal(("ack", "forbidden"), (await alice.TryPublish(Room), await alice.TryPublish(news)));
        Assert.Equal((1, 0), ((await cluster.Client.GetGrain<IRoomGrain>(Room).Describe()).Members, (await cluster.Client.GetGrain<IRoomGrain>(news).Describe()).Members));

        await Grain.Reauthorize();
        var seen = new List<JsonObject>();
        var again = await alice.Ask(new() { ["type"] = "join", ["room"] = Room, ["epoch"] = (string)joined["epoch"]!, ["seq"] = 0 }, seen.Add);
        Assert.Equal((true, 1, null), ((bool)again["recovered"]!, (long)again["seq"]!, again["by"]));
        Assert.All(seen, frame => Assert.Equal("message", (string)frame["type"]!)); // that of before
        Assert.Equal(1, (long)(await alice.Receive("message"))["seq"]!);
        Assert.Equal("already_joined", await alice.TryJoin(Room));
        Assert.Equal("ack", await alice.TryPublish(Room));
        Assert.Equal("left", await alice.Try(new() { ["type"] = "leave", ["room"] = Room }));
        Assert.Equal("forbidden", await alice.TryJoin(Room));
        Assert.Equal(1, await Grain.Leave(news));
        await alice.Receive("left");
    }

    [Fact]
    public async Task Who_is_in_as_many_rooms_as_may_be_or_blocked_stays_out_and_is_told_nothing()
    {
        await using var front = await cluster.StartFront(options => options.MaxRoomsPerConnection = 1);
        await using var full = await front.Connect(User);
        await using var free = await front.Connect(User);
        await full.Join("first-" + _tag);
        Assert.Equal(1, await Grain.Join(Room));
        await free.Receive("joined");
        Assert.Equal("too_many_rooms", await free.TryJoin("other-" + _tag));
        var room = cluster.Client.GetGrain<IRoomGrain>(Room);
        Assert.Equal(1, await room.Block(User));
        await free.Receive("left");
        Assert.Equal(0, await Grain.Join(Room));
        await room.Unblock(User);
        Assert.Empty(await full.Drain());
        Assert.Empty(await free.Drain());
    }

    [Fact]
    public async Task It_waits_for_what_is_decided_about_a_join_of_the_client_and_stands_above_that()
    {
        var asked = new TaskCompletionSource();
        var answer = new TaskCompletionSource();
        await using var front = await AccessFront.Start(cluster, builder => builder.Services.AddSingleton<IAuthorizationHandler>(new Handler(async operation =>
        {
            if (operation != RoomOperation.Join)
                return true;
            asked.TrySetResult();
            await answer.Task;
            return false;
        })));
        var alice = await front.Connect(User);
        await alice.Send($$"""{"type":"join","room":"{{Room}}"}""");
        await asked.Task.WaitAsync(TestClient.Bound);
        var joins = Grain.Join(Room);
        Assert.False(joins.IsCompleted);
        answer.SetResult();
        Assert.Equal(1, await joins);
        Assert.Equal("forbidden", (string?)(await alice.Receive("error"))["code"]);
        await alice.Receive("joined");
        Assert.Equal("ack", await alice.TryPublish(Room));
    }

    private sealed class Handler(Func<RoomOperation, Task<bool>> decide) : AuthorizationHandler<RoomRequirement, RoomResource>
    {
        protected override async Task HandleRequirementAsync(AuthorizationHandlerContext context, RoomRequirement requirement, RoomResource resource)
        {
            if (await decide(requirement.Operation))
                context.Succeed(requirement);
        }
    }

    [Fact]
    public async Task Rooms_that_a_token_names_are_joined_before_anything_that_the_client_sends_and_held_by_its_next_token()
    {
        await using var front = await AccessFront.Start(cluster, [.. Rule(0, "*", "publish"), ("Rooms:JoinClaim", "join")]);
        var other = "other-" + _tag;
        var epoch = (await cluster.Client.GetGrain<IRoomGrain>(Room).Broadcast(new RoomMessage { Content = "before" })).Epoch;
        await using var alice = await Connect(front, Room, other, Room, ".");
        var seen = new List<JsonObject>();
        var resumed = await alice.Ask(new() { ["type"] = "join", ["room"] = Room, ["epoch"] = epoch, ["seq"] = 0 }, seen.Add);
        Assert.True((bool)resumed["recovered"]!);
        while (seen.Count < 3)
            seen.Add(await alice.Receive());
        Assert.Equal([other, Room], seen.Where(frame => (string?)frame["by"] == "server").Select(frame => (string)frame["room"]!).Order());
        Assert.Equal("before", (string?)seen.Single(frame => (string)frame["type"]! == "message")["content"]);

        seen.Clear();
        Assert.Equal("refreshed", (string)(await alice.Ask(new() { ["type"] = "refresh", ["token"] = Token(front, Room) }, seen.Add))["type"]!);
        Assert.Equal([$$"""{"type":"left","room":"{{other}}","by":"server"}"""], seen.Select(frame => frame.ToJsonString()));
        Assert.Equal("ack", await alice.TryPublish(Room));
        await using var plain = await Connect(front);
        Assert.Empty(await plain.Drain());
    }

    private static string Token(AccessFront front, string user, params string[] rooms) =>
        front.Issuer.Token(TimeProvider.System, rooms.Length == 0 ? [("sub", user)] : [("sub", user), ("join", new JsonArray([.. rooms.Select(room => JsonValue.Create(room))]))]);

    private string Token(AccessFront front, string room) => Token(front, User, [room]);

    private Task<TestClient> Connect(AccessFront front, params string[] rooms) => TestClient.Connect(
        new Uri($"ws://{front.Front.Address.Authority}/ws"), options => options.SetRequestHeader("Authorization", $"Bearer {Token(front, User, rooms)}"));

    private static (string, string)[] Rule(int index, string room, params string[] allow) =>
        [($"Rooms:Access:{index}:Room", room), .. allow.Select((operation, i) => ($"Rooms:Access:{index}:Allow:{i}", operation))];

    private async Task<int> Ask(Front front, HttpMethod method)
    {
        using var request = new HttpRequestMessage(method, $"/api/rooms/{Room}/users/{User}");
        using var answer = await front.Http.SendAsync(request);
        var body = (await answer.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal((Room, User), ((string?)body["room"], (string?)body["user"]));
        return (int)body["connections"]!;
    }
}
