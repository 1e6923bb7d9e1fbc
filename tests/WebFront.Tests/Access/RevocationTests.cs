using System.Collections.Concurrent;
using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection;
using Realtime.Grains;
using Realtime.WebFront.Access;

namespace Realtime.WebFront.Tests.Access;

/// <summary>A service ends what clients are allowed, by grains and over HTTP.</summary>
[Collection(ClusterCollection.Name)]
public sealed class RevocationTests(Cluster cluster)
{
    private readonly string _room = $"r-{Guid.NewGuid():N}", _user = $"u-{Guid.NewGuid():N}";
    private readonly Permissions _permissions = new();

    /// <summary>The application's database: who may do what, and for how long it thinks.</summary>
    private sealed class Permissions
    {
        public ConcurrentDictionary<(string User, RoomOperation Operation), bool> Denied { get; } = new();

        public Func<string, Task> Before { get; set; } = _ => Task.CompletedTask;
    }

    private sealed class Handler(Permissions permissions) : AuthorizationHandler<RoomRequirement, RoomResource>
    {
        protected override async Task HandleRequirementAsync(AuthorizationHandlerContext context, RoomRequirement requirement, RoomResource resource)
        {
            var user = context.User.Identity!.Name!;
            var isDenied = permissions.Denied.ContainsKey((user, requirement.Operation));
            await permissions.Before(user);
            if (!isDenied)
                context.Succeed(requirement);
        }
    }

    private Task<AccessFront> Start() => AccessFront.Start(cluster, builder =>
    {
        builder.Services.AddSingleton(_permissions);
        builder.Services.AddSingleton<IAuthorizationHandler, Handler>();
    });

    private IRoomGrain Room => cluster.Client.GetGrain<IRoomGrain>(_room);

    private static void IsLeft(JsonObject frame, string room) =>
        Assert.Equal($$"""{"type":"left","room":"{{room}}","by":"server"}""", frame.ToJsonString());

    [Fact]
    public async Task All_connections_of_a_user_are_taken_out_and_may_come_back()
    {
        await using var one = await Start();
        await using var two = await Start();
        TestClient[] clients = [await one.Connect(_user), await one.Connect(_user), await two.Connect(_user)];
        foreach (var client in clients)
            await client.Join(_room);
        var bob = await two.Connect("bob");
        await bob.Join(_room);

        Assert.Equal(3, await Room.Remove(_user));
        foreach (var client in clients)
        {
            IsLeft(await client.Receive("left"), _room);
            Assert.Equal("not_joined", await client.TryPublish(_room));
        }
        Assert.Equal(_user, (string?)(await bob.Receive("leave"))["from"]);
        await bob.Send($$"""{"type":"message","room":"{{_room}}","content":"among us"}""");
        await bob.Receive("message");
        Assert.Equal(["bob"], (await Room.Members()).Users);
        Assert.Equal(0, await Room.Remove(_user));
        Assert.All(await clients[0].Drain(), frame => Assert.NotEqual("message", (string?)frame["type"]));

        Assert.Equal(2, (int)(await clients[0].Join(_room))["members"]!);
        Assert.Equal("ack", await clients[0].TryPublish(_room));
    }

    [Fact]
    public async Task Who_is_removed_while_joining_is_out_whether_the_decision_was_made_before_or_not()
    {
        await using var front = await Start();
        var alice = await front.Connect(_user);
        var (asked, decide) = (new TaskCompletionSource(), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        _permissions.Before = user =>
        {
            asked.TrySetResult();
            return decide.Task;
        };
        await alice.Send($$"""{"type":"join","id":"1","room":"{{_room}}"}""");
        await asked.Task.WaitAsync(TestClient.Bound);
        Assert.Equal(1, await Room.Remove(_user)); // the answer under way is of before
        decide.SetResult();
        Assert.Equal("1", (string?)(await alice.Receive("joined"))["id"]);
        IsLeft(await alice.Receive("left"), _room);
        Assert.Equal("not_joined", await alice.TryPublish(_room));
        await NobodyIsIn(_room);
    }

    [Fact]
    public async Task A_connection_is_closed_by_its_id()
    {
        await using var front = await Start();
        var (one, two) = (await front.Connect(_user), await front.Connect(_user));
        var ids = (await cluster.Client.GetGrain<IUserGrain>(_user).Describe()).Connections.Select(connection => connection.Connection).ToArray();
        Assert.False(await cluster.Client.GetGrain<IUserGrain>("somebody-else").Close(ids[0]));
        Assert.True(await cluster.Client.GetGrain<IUserGrain>(_user).Close(ids[0], "enough"));
        var (closed, open) = await First(one, two);
        Assert.Equal(((WebSocketCloseStatus)4002, "enough"), (closed.CloseStatus!.Value, closed.CloseReason));
        Assert.Empty(await open.Drain());
        Assert.False(await cluster.Client.GetGrain<IUserGrain>(_user).Close("nothing"));
        await Assert.ThrowsAnyAsync<ArgumentException>(() => cluster.Client.GetGrain<IUserGrain>(_user).Close(ids[1], new string('x', 124)));

        // Which of the two it was is seen by its end.
        static async Task<(TestClient Closed, TestClient Open)> First(TestClient one, TestClient two)
        {
            var (first, second) = (one.ReceiveRaw(), two.ReceiveRaw());
            var isFirst = await Task.WhenAny(first, second) == first;
            Assert.Null(await (isFirst ? first : second));
            var open = isFirst ? two : one;
            await open.Send("""{"type":"ping"}""");
            Assert.NotNull(await (isFirst ? second : first));
            return (isFirst ? one : two, open);
        }
    }

    [Fact]
    public async Task Reauthorization_of_a_user_takes_out_of_rooms_and_takes_publishing_away()
    {
        await using var front = await Start();
        var (alice, bob) = (await front.Connect(_user), await front.Connect("bob"));
        foreach (var client in new[] { alice, bob })
            await client.Join(_room);

        _permissions.Denied[(_user, RoomOperation.Publish)] = true;
        Assert.Equal("ack", await alice.TryPublish(_room)); // nobody has asked
        Assert.Equal(1, await cluster.Client.GetGrain<IUserGrain>(_user).Reauthorize());
        await Asking.Until(async () => await alice.TryPublish(_room) == "forbidden");
        Assert.Equal("ack", await bob.TryPublish(_room));

        _permissions.Denied.Clear();
        await cluster.Client.GetGrain<IUserGrain>(_user).Reauthorize();
        await Asking.Until(async () => await alice.TryPublish(_room) == "ack");

        _permissions.Denied[(_user, RoomOperation.Join)] = true;
        await cluster.Client.GetGrain<IUserGrain>(_user).Reauthorize();
        IsLeft(await ReceiveLeft(alice), _room);
        Assert.Equal("forbidden", await alice.TryJoin(_room));
        await Asking.Until(async () => (await Room.Members()).Users.Length == 1);
    }

    [Fact]
    public async Task Reauthorization_of_a_room_asks_about_each_member_and_one_under_way()
    {
        await using var front = await Start();
        var (alice, bob, carl) = (await front.Connect(_user), await front.Connect("bob"), await front.Connect("carl"));
        await alice.Join(_room);
        await bob.Join(_room);
        var (asked, decide) = (new TaskCompletionSource(), new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        _permissions.Before = user =>
        {
            if (user != "carl")
                return Task.CompletedTask;
            asked.TrySetResult();
            return decide.Task;
        };
        await carl.Send($$"""{"type":"join","id":"1","room":"{{_room}}"}""");
        await asked.Task.WaitAsync(TestClient.Bound);
        _permissions.Denied[(_user, RoomOperation.Join)] = true;
        _permissions.Denied[("carl", RoomOperation.Join)] = true; // the handler has looked already
        Assert.Equal(3, await Room.Reauthorize());
        decide.SetResult();

        IsLeft(await ReceiveLeft(alice), _room);
        Assert.Equal("1", (string?)(await carl.Receive("joined"))["id"]);
        IsLeft(await ReceiveLeft(carl), _room);
        Assert.Equal("ack", await bob.TryPublish(_room));
    }

    [Fact]
    public async Task What_cannot_be_decided_stays_as_it_is()
    {
        await using var front = await Start();
        var (alice, bob) = (await front.Connect(_user), await front.Connect("bob"));
        await alice.Join(_room);
        await bob.Join(_room);
        _permissions.Before = user => user == _user ? Task.FromException(new InvalidOperationException("away")) : Task.CompletedTask;
        _permissions.Denied[("bob", RoomOperation.Join)] = true;
        Assert.Equal(2, await Room.Reauthorize());
        IsLeft(await ReceiveLeft(bob), _room);
        Assert.Equal("ack", await alice.TryPublish(_room));
    }

    [Fact]
    public async Task The_same_over_http()
    {
        await using var front = await cluster.StartFront();
        await using var alice = await front.Connect(_user);
        await alice.Join(_room);
        await alice.Join(_room + "/2");
        await Expect(HttpMethod.Post, $"/api/users/{_user}/reauthorize", $$"""{"user":"{{_user}}","memberships":2}""");
        await Expect(HttpMethod.Post, $"/api/rooms/{_room}/reauthorize", $$"""{"room":"{{_room}}","memberships":1}""");
        await Expect(HttpMethod.Delete, $"/api/rooms/{_room}%2F2/members/{_user}", $$"""{"room":"{{_room}}/2","user":"{{_user}}","connections":1}""");
        IsLeft(await alice.Receive("left"), _room + "/2");
        await Expect(HttpMethod.Delete, $"/api/rooms/{_room}%2F2/members/{_user}", $$"""{"room":"{{_room}}/2","user":"{{_user}}","connections":0}""");

        var id = (string)(await front.Http.GetFromJsonAsync<JsonObject>($"/api/users/{_user}"))!["connections"]![0]!["id"]!;
        Assert.Equal(HttpStatusCode.NotFound, (await front.Http.DeleteAsync($"/api/connections/{id}x")).StatusCode);
        await Expect(HttpMethod.Delete, $"/api/connections/{id}", $$"""{"connection":"{{id}}"}""");
        Assert.Null(await alice.ReceiveRaw());
        Assert.Equal((WebSocketCloseStatus)4002, alice.CloseStatus);

        async Task Expect(HttpMethod method, string path, string body)
        {
            using var answer = await front.Http.SendAsync(new HttpRequestMessage(method, path));
            Assert.Equal((HttpStatusCode.OK, body), (answer.StatusCode, await answer.Content.ReadAsStringAsync()));
        }
    }

    private static async Task<JsonObject> ReceiveLeft(TestClient client)
    {
        while (true)
        {
            var frame = await client.Receive();
            if ((string?)frame["type"] == "left")
                return frame;
        }
    }

    private Task NobodyIsIn(string room) =>
        Asking.Until(async () => (await cluster.Client.GetGrain<IRoomGrain>(room).Members()).Total == 0);
}
