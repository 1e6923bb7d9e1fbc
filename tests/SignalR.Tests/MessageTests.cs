namespace Realtime.SignalR.Tests;

/// <summary>Who gets what is sent to whom, over servers.</summary>
public sealed class MessageTests(SharedServers servers)
{
    [Fact]
    public async Task Everybody_gets_what_is_for_all_but_those_who_are_left_out()
    {
        await using var alice = await servers.A.Connect();
        await using var bob = await servers.B.Connect(messagePack: true);
        await using var carol = await servers.C.Connect();

        await servers.C.Clients.All.SendAsync("say", "1");
        await servers.A.Clients.AllExcept(bob.Id, alice.Id).SendAsync("say", "2");
        await servers.A.Clients.All.SendAsync("say", "3");

        Assert.Equal(["1", "3"], await alice.Next(2));
        Assert.Equal(["1", "3"], await bob.Next(2));
        Assert.Equal(["1", "2", "3"], await carol.Next(3));
    }

    [Fact]
    public async Task A_group_has_members_on_any_server_whoever_adds_and_removes_them()
    {
        var (group, other) = (SharedServers.NewName(), SharedServers.NewName());
        await using var alice = await servers.A.Connect();
        await using var bob = await servers.B.Connect(messagePack: true);
        await using var carol = await servers.C.Connect();
        await alice.Connection.InvokeAsync("Join", group);
        await servers.A.Groups.AddToGroupAsync(bob.Id, group); // of another server
        await servers.A.Groups.AddToGroupAsync(bob.Id, group); // twice is once
        await servers.B.Groups.AddToGroupAsync(carol.Id, other);

        await servers.C.Clients.Group(group).SendAsync("say", "1"); // from a server without members
        await servers.B.Clients.GroupExcept(group, alice.Id).SendAsync("say", "2");
        await alice.Connection.InvokeAsync("ToOthers", group, "3");
        await servers.A.Clients.Groups(group, other).SendAsync("say", "4");
        Assert.Equal(["1", "4"], await alice.Next(2));
        Assert.Equal(["1", "2", "3", "4"], await bob.Next(4));
        Assert.Equal("4", await carol.Next());

        await servers.C.Groups.RemoveFromGroupAsync(bob.Id, group);
        await servers.C.Groups.RemoveFromGroupAsync(bob.Id, group);
        await alice.Connection.InvokeAsync("Leave", other); // where it is not
        await servers.A.Groups.AddToGroupAsync(carol.Id, group);
        await servers.A.Clients.Group(group).SendAsync("say", "5");
        await servers.A.Clients.All.SendAsync("say", "6");
        Assert.Equal(["5", "6"], (await alice.Next(2)).Order());
        Assert.Equal("6", await bob.Next());
        Assert.Equal(["5", "6"], (await carol.Next(2)).Order());
    }

    [Fact]
    public async Task A_connection_that_no_server_has_enters_and_leaves_no_group_and_gets_nothing()
    {
        await servers.A.Groups.AddToGroupAsync("nobody", "group").WaitAsync(Wait.Bound);
        await servers.C.Groups.RemoveFromGroupAsync("nobody", "group").WaitAsync(Wait.Bound);
        await servers.A.Clients.Client("nobody").SendAsync("say", "1");
        await servers.A.Clients.Group(SharedServers.NewName()).SendAsync("say", "1");
        await servers.A.Clients.User(SharedServers.NewName()).SendAsync("say", "1");
        await servers.A.Clients.Groups([]).SendAsync("say", "1");
    }

    [Fact]
    public async Task A_user_gets_messages_on_every_connection_as_long_as_there_is_one()
    {
        var (name, other) = (SharedServers.NewName(), SharedServers.NewName());
        await using var phone = await servers.A.Connect(name);
        await using var desk = await servers.B.Connect(name);
        await using var tab = await servers.B.Connect(name);
        await using var friend = await servers.C.Connect(other);

        await servers.C.Clients.User(name).SendAsync("say", "1");
        await servers.A.Clients.Users(name, other).SendAsync("say", "2");
        foreach (var device in new[] { phone, desk, tab })
            Assert.Equal(["1", "2"], await device.Next(2));
        Assert.Equal("2", await friend.Next());

        var (closed, left) = (desk.Id, phone.Id);
        await desk.Connection.StopAsync();
        await phone.Connection.StopAsync();
        await Task.WhenAll(servers.B.Gone(closed), servers.A.Gone(left));
        await servers.C.Clients.User(name).SendAsync("say", "3");
        Assert.Equal("3", await tab.Next());
    }

    [Fact]
    public async Task A_connection_is_reached_from_any_server()
    {
        await using var alice = await servers.A.Connect();
        await using var bob = await servers.B.Connect();
        await using var carol = await servers.C.Connect(messagePack: true);

        foreach (var server in servers.All)
            await server.Clients.Client(bob.Id).SendAsync("say", "1");
        Assert.Equal(["1", "1", "1"], await bob.Next(3));

        await servers.A.Clients.Clients(alice.Id, bob.Id, "nobody", carol.Id).SendAsync("say", "2");
        foreach (var client in new[] { alice, bob, carol })
            Assert.Equal("2", await client.Next());
        Assert.False(alice.HasMore || bob.HasMore || carol.HasMore);
    }

    [Fact]
    public async Task Any_name_is_a_group_of_its_own()
    {
        var name = SharedServers.NewName();
        string[] names = ["", " ", name, name.ToUpperInvariant(), name + "/1", name + "\0", new string('x', 100_000), new string('x', 100_001), "\uD83D\uDE00", "\uD83D", "\uDE00", "\uFFFD"];
        await using var alice = await servers.A.Connect();
        await using var bob = await servers.C.Connect();
        foreach (var group in names)
        {
            await servers.B.Groups.AddToGroupAsync(alice.Id, group);
            await servers.C.Groups.AddToGroupAsync(bob.Id, group);
            await servers.B.Clients.Group(group).SendAsync("say", $"{group.Length}");
            Assert.Equal($"{group.Length}", await alice.Next());
            Assert.Equal($"{group.Length}", await bob.Next());
            await servers.A.Groups.RemoveFromGroupAsync(alice.Id, group);
            await servers.A.Groups.RemoveFromGroupAsync(bob.Id, group);
        }
        Assert.False(alice.HasMore || bob.HasMore);
    }

    [Fact]
    public async Task All_members_of_a_group_see_one_order_whoever_sends()
    {
        const int messages = 300;
        var group = SharedServers.NewName();
        var clients = await Task.WhenAll(servers.All.SelectMany(server => new[] { server.Connect(), server.Connect(messagePack: true) }));
        foreach (var client in clients)
            await client.Connection.InvokeAsync("Join", group);

        await Task.WhenAll(servers.All.Select((server, number) => Task.Run(async () =>
        {
            var sends = Enumerable.Range(0, messages).Select(i => server.Clients.Group(group).SendAsync("say", $"{number} {i}"));
            foreach (var send in sends.Chunk(25))
                await Task.WhenAll(send); // not one after the other
        }))).WaitAsync(Wait.Bound);

        var seen = await Task.WhenAll(clients.Select(client => client.Next(servers.All.Length * messages)));
        Assert.All(seen, all => Assert.Equal(seen[0], all));
        for (var number = 0; number < servers.All.Length; number++)
            Assert.Equal(Enumerable.Range(0, messages).Select(i => $"{number} {i}"), seen[0].Where(text => text.StartsWith($"{number} ", StringComparison.Ordinal)));
        foreach (var client in clients)
            await client.DisposeAsync();
    }
}
