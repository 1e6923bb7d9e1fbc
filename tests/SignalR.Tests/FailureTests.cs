using System.Net.WebSockets;
using System.Text;
using Orleans.Core.Internal;

namespace Realtime.SignalR.Tests;

/// <summary>What remains when something stops, is lost, or is too slow.</summary>
public sealed class FailureTests(SharedServers servers)
{
    [Fact]
    public async Task Groups_are_known_again_after_the_loss_of_the_grains_that_knew_them_and_nothing_is_lost_or_twice()
    {
        const int messages = 200;
        var group = SharedServers.NewName();
        await using var alice = await servers.A.Connect();
        await using var carol = await servers.C.Connect();
        await alice.Connection.InvokeAsync("Join", group);
        await carol.Connection.InvokeAsync("Join", group);

        for (var i = 0; i < messages; i++)
        {
            if (i == messages / 2)
                await Lose(group);
            await servers.B.Clients.Group(group).SendAsync("say", $"{i}"); // which has no members
        }
        var expected = Enumerable.Range(0, messages).Select(i => $"{i}");
        Assert.Equal(expected, await alice.Next(messages));
        Assert.Equal(expected, await carol.Next(messages));
    }

    [Fact]
    public async Task A_silo_that_stops_hands_over_what_it_knows()
    {
        await using var cluster = await SharedServers.Deploy(2);
        await using var server = await HubServer.Start(cluster.Silos[0].ServiceProvider);
        await using var client = await server.Connect();
        string[] groups = [.. Enumerable.Range(0, 40).Select(i => $"group-{i}")]; // on both silos
        foreach (var group in groups)
            await client.Connection.InvokeAsync("Join", group);
        var stop = cluster.StopSiloAsync(cluster.Silos[1]);
        foreach (var group in groups)
            await server.Clients.Group(group).SendAsync("say", group).WaitAsync(Wait.Bound);
        await stop;
        foreach (var group in groups)
            await server.Clients.Group(group).SendAsync("say", group).WaitAsync(Wait.Bound);
        var seen = await client.Next(2 * groups.Length);
        Assert.Equal(groups.Concat(groups).Order(), seen.Order());
    }

    [Fact]
    public async Task A_silo_that_is_killed_costs_a_delay_and_neither_order_nor_a_repeat()
    {
        await using var cluster = await SharedServers.Deploy(2);
        await using var server = await HubServer.Start(cluster.Silos[0].ServiceProvider);
        await using var client = await server.Connect();
        // One in each partition: so on both silos.
        string[] groups = [.. Enumerable.Range(0, 1000).Select(i => $"group-{i}").DistinctBy(group => Topic.PartitionOf(Topic.Group(group)))];
        Assert.Equal(Topic.Partitions, groups.Length);
        foreach (var group in groups)
            await client.Connection.InvokeAsync("Join", group);
        const int messages = 100;
        var sent = groups.Select((group, number) => Task.Run(async () =>
        {
            for (var i = 0; i < messages; i++)
            {
                await server.Clients.Group(group).SendAsync("say", $"{number} {i}").WaitAsync(Wait.Bound);
                if (number == 0 && i == messages / 2)
                    await cluster.KillSiloAsync(cluster.Silos[1]);
            }
        }));
        await Task.WhenAll(sent);
        List<string> seen = [];
        var last = groups.Select((_, number) => $"{number} {messages - 1}").ToHashSet();
        while (last.Count > 0)
        {
            seen.Add(await client.Next());
            last.Remove(seen[^1]);
        }
        for (var number = 0; number < groups.Length; number++)
        {
            var own = seen.Where(text => text.StartsWith($"{number} ", StringComparison.Ordinal)).Select(text => int.Parse(text.Split(' ')[1])).ToArray();
            Assert.Equal(own.Distinct().Order(), own);
            Assert.InRange(own.Length, messages - 1, messages); // what the silo had answered, and not yet put on its way, is lost
        }
    }

    [Fact]
    public async Task A_server_that_stops_is_out_at_once_and_who_waits_for_its_clients_is_told()
    {
        var server = await HubServer.Start(servers.Cluster.Client.ServiceProvider);
        var client = await server.Connect();
        await using var other = await servers.A.Connect(); // so that this one has its leases
        var asked = new TaskCompletionSource();
        client.Connection.On("wait", () =>
        {
            asked.TrySetResult();
            return new TaskCompletionSource<int>().Task;
        });
        var waiting = servers.A.Clients.Client(client.Id).InvokeAsync<int>("wait", CancellationToken.None);
        await asked.Task.WaitAsync(Wait.Bound);
        var id = server.Backplane.Server;
        Assert.Contains(id, await Servers());
        await server.DisposeAsync();
        await Assert.ThrowsAsync<IOException>(() => waiting.WaitAsync(Wait.Bound));
        Assert.DoesNotContain(id, await Servers());
        await client.DisposeAsync();
    }

    [Fact]
    public async Task A_client_that_does_not_read_is_closed_and_holds_up_nobody()
    {
        await using var server = await HubServer.Start(servers.Cluster.Client.ServiceProvider, options => options.MaxConnectionBytes = 64 << 10);
        var group = SharedServers.NewName();
        await using var reader = await server.Connect();
        await reader.Connection.InvokeAsync("Join", group);
        using var stuck = new ClientWebSocket();
        await stuck.ConnectAsync(new Uri(server.Address.Replace("http", "ws", StringComparison.Ordinal) + "/hub"), CancellationToken.None);
        await stuck.SendAsync(Encoding.UTF8.GetBytes("{\"protocol\":\"json\",\"version\":1}\u001e{\"type\":1,\"target\":\"Join\",\"arguments\":[\"" + group + "\"],\"invocationId\":\"1\"}\u001e"), WebSocketMessageType.Text, true, CancellationToken.None);
        var answers = new StringBuilder();
        while (!answers.ToString().Contains("\"type\":3", StringComparison.Ordinal))
        {
            var buffer = new byte[4096];
            var read = await stuck.ReceiveAsync(buffer, CancellationToken.None).WaitAsync(Wait.Bound);
            answers.Append(Encoding.UTF8.GetString(buffer, 0, read.Count));
        }
        var slow = Assert.Single(server.Present, id => id != reader.Id);

        var text = new string('x', 100_000);
        var count = 0;
        while (server.Present.Contains(slow))
        {
            Assert.True(++count < 1000, "100 MB wait for a client that does not read.");
            await server.Clients.Group(group).SendAsync("say", text);
            Assert.Equal(text, await reader.Next());
        }
        await server.Gone(slow);
    }

    [Fact]
    public async Task What_is_too_large_is_refused()
    {
        await using var server = await HubServer.Start(servers.Cluster.Client.ServiceProvider, options => options.MaxMessageBytes = 1024);
        await using var client = await server.Connect();
        await Assert.ThrowsAsync<InvalidOperationException>(() => server.Clients.All.SendAsync("say", new string('x', 1024)));
        await server.Clients.Client(client.Id).SendAsync("say", "small");
        Assert.Equal("small", await client.Next());
    }

    [Fact]
    public async Task Hubs_with_another_prefix_are_others()
    {
        await using var server = await HubServer.Start(servers.Cluster.Client.ServiceProvider, options => options.Prefix = "other.");
        await using var client = await server.Connect();
        await using var here = await servers.A.Connect();
        await servers.A.Clients.All.SendAsync("say", "here");
        await server.Clients.All.SendAsync("say", "there");
        Assert.Equal("here", await here.Next());
        Assert.Equal("there", await client.Next());
    }

    [Fact]
    public async Task Who_forgets_half_of_it_is_told_what_is_missing()
    {
        await using var services = new ServiceCollection().AddSingleton<IGrainFactory>(servers.Cluster.Client).BuildServiceProvider();
        var exception = await Assert.ThrowsAsync<InvalidOperationException>(() => HubServer.Start(services));
        Assert.Contains("AddRealtimeBackplane", exception.Message, StringComparison.Ordinal);
    }

    /// <summary>The activation of a topic's grain goes without its state, as with a silo that is killed.</summary>
    private async Task Lose(string group)
    {
        var grain = servers.Cluster.Client.GetGrain<IHubPartitionGrain>($"{typeof(ChatHub).FullName}/{Topic.PartitionOf(Topic.Group(group))}");
        await grain.Cast<IGrainManagementExtension>().DeactivateOnIdle();
    }

    /// <summary>The servers of the hub, as the cluster knows them.</summary>
    private async Task<string[]> Servers()
    {
        var grain = servers.Cluster.Client.GetGrain<IHubPartitionGrain>($"{typeof(ChatHub).FullName}/{Topic.PartitionOf(Topic.All)}");
        var reply = await grain.Apply(new HubBatch { Server = "test", Call = 1, Number = 0, Topics = [], Commands = [] });
        return reply.Servers ?? [];
    }
}
