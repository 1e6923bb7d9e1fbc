using Realtime.Connections.Tests.Support;
using Path = Realtime.Connections.Tests.Support.Path;

namespace Realtime.Connections.Tests;

public class RegistryTests : IAsyncLifetime
{
    private readonly Recorder _recorder = new();
    private readonly List<RawClient> _clients = [];
    private Server _server = null!;

    private ConnectionRegistry Registry => _server.Registry;

    public async ValueTask InitializeAsync() => _server = await Server.StartAsync(Path.Polled, app => app.MapConnections<Recorder>("/ws"),
        options => options.UserId = context => context.Request.Query["user"] is [{ } user] ? user : null, builder => builder.AddHandler(_recorder));

    public async ValueTask DisposeAsync()
    {
        _clients.ForEach(client => client.Dispose());
        await _server.DisposeAsync();
    }

    [Fact]
    public async Task Connections_are_found_by_id_and_user_until_they_close()
    {
        var (client, alice) = await ConnectAsync("alice");
        var (_, again) = await ConnectAsync("alice");
        var (_, nobody) = await ConnectAsync(null);
        Assert.Equal(3, Registry.Count);
        Assert.Same(alice, Registry.Get(alice.Id));
        Assert.Same(nobody, Registry.Get(nobody.Id));
        Assert.Null(Registry.Get("no such id"));
        Assert.Equal([alice, again], Registry.GetUser("alice").OrderBy(connection => connection != alice));
        Assert.Equal(2, Registry.CountUser("alice"));
        Assert.Equal(0, Registry.CountUser("bob"));
        Assert.Empty(Registry.GetUser("bob"));

        await client.SendAsync(RawClient.Close(1000));
        await _recorder.Until("closed 1000 ");
        Assert.Null(Registry.Get(alice.Id));
        Assert.Same(again, Assert.Single(Registry.GetUser("alice")));
        Assert.False(Registry.Unregister(alice));
    }

    [Fact]
    public async Task Rooms_come_and_go_with_their_members()
    {
        var (client, a) = await ConnectAsync("a");
        var (_, b) = await ConnectAsync("b");
        Assert.True(Registry.Join(a, "blue"));
        Assert.False(Registry.Join(a, "blue"));
        Assert.True(Registry.Join(b, "blue"));
        Assert.True(Registry.Join(a, "green"));
        Assert.True(Registry.Join(a, "red"));
        Assert.Equal(["blue", "green", "red"], Registry.Rooms.Order());
        Assert.Equal(["blue", "green", "red"], Registry.RoomsOf(a).Order());
        Assert.Equal(["blue"], Registry.RoomsOf(b));
        Assert.Equal(2, Registry.CountRoom("blue"));
        Assert.Equal([a, b], Registry.Members("blue").OrderBy(connection => connection != a));

        Assert.True(Registry.Leave(a, "red"));
        Assert.False(Registry.Leave(a, "red"));
        Assert.False(Registry.Leave(b, "green"));
        Assert.False(Registry.Leave(b, "no such room"));
        Assert.Equal(["blue", "green"], Registry.Rooms.Order());

        await client.SendAsync(RawClient.Close(1000));
        await _recorder.Until("closed 1000 ");
        Assert.Equal(["blue"], Registry.Rooms);
        Assert.Same(b, Assert.Single(Registry.Members("blue")));
        Assert.Empty(Registry.RoomsOf(a));
        Assert.False(Registry.Join(a, "blue"));
        Assert.True(Registry.Leave(b, "blue"));
        Assert.Empty(Registry.Rooms);
        Assert.Equal(0, Registry.CountRoom("blue"));
        Assert.Empty(Registry.Members("blue"));
    }

    [Fact]
    public async Task Broadcasts_reach_whom_they_should_and_say_how_many()
    {
        var (aliceClient, alice) = await ConnectAsync("alice");
        var (phoneClient, phone) = await ConnectAsync("alice");
        var (bobClient, bob) = await ConnectAsync("bob");
        Registry.Join(alice, "room");
        Registry.Join(bob, "room");

        Assert.Equal(3, Registry.BroadcastText("all"));
        Assert.Equal(2, Registry.BroadcastText("utf8, not bob"u8, except: bob));
        Assert.Equal(3, Registry.BroadcastBinary([1, 2]));
        Assert.Equal(1, Registry.Broadcast(Frame.Text("only bob"), to: connection => connection.UserId == "bob"));
        Assert.Equal(2, Registry.BroadcastTextToRoom("room", "room"));
        Assert.Equal(1, Registry.BroadcastTextToRoom("room", "not alice"u8, except: alice));
        Assert.Equal(2, Registry.BroadcastBinaryToRoom("room", [3]));
        Assert.Equal(1, Registry.BroadcastToRoom("room", Frame.Text("filtered"), to: connection => connection == alice));
        Assert.Equal(2, Registry.SendTextToUser("alice", "both"));
        Assert.Equal(1, Registry.SendTextToUser("alice", "phone"u8, except: alice));
        Assert.Equal(2, Registry.SendBinaryToUser("alice", [4]));
        Assert.Equal(1, Registry.SendToUser("bob", Frame.Text("bob")));
        Assert.Equal(0, Registry.BroadcastTextToRoom("no such room", "x"));
        Assert.Equal(0, Registry.SendTextToUser("nobody", "x"));
        Assert.Equal(3, Registry.BroadcastText("end"));

        await AssertReceivesAsync(aliceClient, "all", "utf8, not bob", "\u0001\u0002", "room", "\u0003", "filtered", "both", "\u0004", "end");
        await AssertReceivesAsync(phoneClient, "all", "utf8, not bob", "\u0001\u0002", "both", "phone", "\u0004", "end");
        await AssertReceivesAsync(bobClient, "all", "\u0001\u0002", "only bob", "room", "not alice", "\u0003", "bob", "end");
        Assert.NotSame(alice, phone);
    }

    [Fact]
    public async Task A_closed_connection_is_not_counted_as_reached()
    {
        var (_, a) = await ConnectAsync("a");
        var (_, b) = await ConnectAsync("b");
        _ = a.CloseAsync();
        Assert.Equal(1, Registry.BroadcastText("x", except: null));
        Assert.True(b.IsConnected);
    }

    [Fact]
    public async Task A_connection_can_be_in_a_registry_of_ones_own()
    {
        var (client, connection) = await ConnectAsync("a");
        var own = new ConnectionRegistry();
        Assert.False(own.Join(connection, "room")); // not registered
        own.Register(connection);
        own.Register(connection);
        Assert.Equal(1, own.Count);
        Assert.True(own.Join(connection, "room"));
        Assert.Equal(0, Registry.CountRoom("room"));
        Assert.Equal(1, own.BroadcastTextToRoom("room", "hi"));
        Assert.Equal("hi", await client.ReceiveTextAsync());
        Assert.True(own.Unregister(connection));
        Assert.Equal(0, own.CountRoom("room"));
        Assert.Equal(1, Registry.Count);
    }

    [Fact]
    public async Task Joins_leaves_and_unregistering_at_once_leave_nothing_behind()
    {
        var connections = new List<Connection>();
        for (int i = 0; i < 8; i++)
            connections.Add((await ConnectAsync($"u{i % 2}")).Connection);
        var own = new ConnectionRegistry();
        await Task.WhenAll(connections.Select((connection, i) => Task.Run(() =>
        {
            var random = new Random(i);
            for (int round = 0; round < 2000; round++)
            {
                own.Register(connection);
                string room = $"r{random.Next(3)}";
                Assert.True(own.Join(connection, room));
                Assert.Contains(connection, own.Members(room));
                if (random.Next(2) == 0)
                    Assert.True(own.Leave(connection, room));
                Assert.Contains(connection, own.GetUser(connection.UserId!));
                Assert.True(own.Unregister(connection));
                Assert.DoesNotContain(connection, own.Members(room));
            }
        }))).Within();
        Assert.Equal(0, own.Count);
        Assert.Empty(own.Rooms);
        Assert.Equal(0, own.CountUser("u0"));
        // Also when other threads join a connection that is just going.
        var target = connections[0];
        for (int round = 0; round < 500; round++)
        {
            own.Register(target);
            await Task.WhenAll(Task.Run(() => own.Join(target, "race")), Task.Run(() => own.Unregister(target)));
            Assert.Equal(0, own.CountRoom("race"));
        }
    }

    private async Task<(RawClient Client, Connection Connection)> ConnectAsync(string? user)
    {
        var client = await _server.ConnectRawAsync(user is null ? "/ws" : $"/ws?user={user}");
        _clients.Add(client);
        return (client, await _recorder.ConnectionAsync());
    }

    private static async Task AssertReceivesAsync(RawClient client, params string[] texts)
    {
        foreach (string text in texts)
            Assert.Equal(text, (await client.ReceiveAsync())!.Text);
    }
}
