using Orleans;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.TestingHost;
using Realtime.Grains;
using Realtime.Silo.Fronts;
using Realtime.Silo.Rooms;
using Realtime.Silo.Users;

namespace Realtime.Silo.Tests;

/// <summary>What names leave in a silo when nobody uses them. In two classes, as most of it is waiting.</summary>
public abstract class UnusedNames : IAsyncLifetime
{
    /// <summary>A minute is what is promised; the rest is for a machine that is busy.</summary>
    protected static readonly TimeSpan Bound = TimeSpan.FromSeconds(120);

    protected InProcessTestCluster? Cluster { get; set; }

    protected IClusterClient Client => Cluster!.Client;

    public async ValueTask InitializeAsync() => Cluster = await Deploy();

    public async ValueTask DisposeAsync()
    {
        if (Cluster is not null)
            await Cluster.DisposeAsync();
    }

    protected static async Task<InProcessTestCluster> Deploy(Action<ISiloBuilder>? configure = null)
    {
        var builder = new InProcessTestClusterBuilder(1);
        builder.ConfigureSilo((_, silo) =>
        {
            silo.AddRealtime(options => (options.HistoryAge, options.DedupeWindow) = (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)));
            // The front of these tests renews no lease: on a busy machine its members would be dropped before the test is over.
            silo.Configure<LeaseOptions>(leases => leases.FrontLease = TimeSpan.FromMinutes(5));
            configure?.Invoke(silo);
        });
        builder.ConfigureClient(client => client.AddRealtimeClient());
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return cluster;
    }

    protected IRoomGrain Room(string name) => Client.GetGrain<IRoomGrain>(name);

    /// <summary>How many grains of the kind are in memory.</summary>
    protected async Task<int> Count(string kind)
    {
        var all = await Client.GetGrain<IManagementGrain>(0).GetSimpleGrainStatistics();
        return all.Where(grain => grain.GrainType.Contains(kind, StringComparison.Ordinal)).Sum(grain => grain.ActivationCount);
    }

    protected async Task NoneIsLeft(string kind)
    {
        using var bound = new CancellationTokenSource(Bound);
        while (await Count(kind) is > 0 and var left)
        {
            Assert.False(bound.IsCancellationRequested, $"{left} of {kind} are left.");
            await Task.Delay(200);
        }
    }
}

public sealed class UnusedNameReadTests : UnusedNames
{
    [Fact]
    public async Task Reads_of_names_that_nobody_uses_answer_nothing_and_leave_nothing()
    {
        await Parallel.ForAsync(0, 500, async (i, _) =>
        {
            Assert.Equal(0, (await Room($"members{i}").Members()).Total);
            Assert.Equal(new RoomDescription(0, 0, 0, new Position("", 0)), await Room($"describe{i}").Describe());
            var page = await Room($"history{i}").History();
            Assert.Equal(("", 0, false), (page.Epoch, page.Messages.Length, page.More));
            Assert.Empty((await Client.GetGrain<IUserGrain>($"describe{i}").Describe()).Connections);
            Assert.Equal(0, await Client.GetGrain<IUserGrain>($"send{i}").Send(new RoomMessage { Content = "anybody?" }));
            Assert.Equal(0, await Client.GetGrain<IUserGrain>($"disconnect{i}").Disconnect());
        });
        await NoneIsLeft(nameof(RoomGrain));
        await NoneIsLeft(nameof(UserGrain));
    }
}

public sealed class UnusedNamesTests : UnusedNames
{
    [Fact]
    public async Task A_position_in_a_room_that_nobody_uses_is_refused()
    {
        var error = await Assert.ThrowsAsync<RoomException>(() => Room("nobody").History(epoch: "9f"));
        Assert.Equal(RoomException.PositionInvalid, error.Code);
        error = await Assert.ThrowsAsync<RoomException>(() => Room("nobody").History(before: 2));
        Assert.Equal(RoomException.PositionInvalid, error.Code);
    }

    [Fact]
    public async Task Who_comes_while_a_name_is_read_without_pause_finds_the_room_and_stays_in_it()
    {
        using var done = new CancellationTokenSource();
        string[] names = [.. Enumerable.Range(0, 8).Select(i => $"hot{i}")];
        var readers = names.SelectMany(name => Enumerable.Repeat(name, 4)).Select(name => Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                await Room(name).Members();
                await Room(name).Describe();
                await Client.GetGrain<IUserGrain>(name).Describe();
            }
        })).ToArray();
        // Longer than a room stays that nobody uses.
        await Task.Delay(TimeSpan.FromSeconds(2.5));
        var batch = 0;
        foreach (var name in names)
        {
            var joined = (await Room(name).Submit("front", 1, [new JoinCommand("alice", "c1", null)])).Replies[0];
            Assert.IsType<JoinedReply>(joined);
            await Client.GetGrain<IUserPartitionGrain>(IUserPartitionGrain.KeyOf(name)).Submit("front", ++batch, isAll: false, [new UserChange(name, "c1", DateTimeOffset.UnixEpoch)]);
        }
        await Task.Delay(TimeSpan.FromSeconds(2.5));
        foreach (var name in names)
        {
            Assert.Equal(["alice"], (await Room(name).Members()).Users);
            Assert.Single((await Client.GetGrain<IUserGrain>(name).Describe()).Connections);
        }
        await done.CancelAsync();
        await Task.WhenAll(readers).WaitAsync(Bound);
    }

    [Fact]
    public async Task A_room_that_is_empty_and_has_no_history_left_goes_and_one_with_members_stays()
    {
        await using var cluster = await Deploy(silo => silo.Configure<GrainCollectionOptions>(options =>
        {
            options.CollectionQuantum = TimeSpan.FromSeconds(1);
            options.ClassSpecificCollectionAge[typeof(RoomGrain).FullName!] = TimeSpan.FromSeconds(2);
        }));
        var first = Cluster!;
        Cluster = cluster;
        await first.DisposeAsync();
        await Room("stays").Submit("front", 1, [new JoinCommand("alice", "c1", null)]);
        await Room("left").Submit("front", 1, [new JoinCommand("alice", "c1", null)]);
        await Room("left").Submit("front", 2, [new LeaveCommand("c1")]);
        await Room("never").Submit("front", 1, [new LeaveCommand("c1")]);
        await Room("dropped").Submit("front", 1, [new JoinCommand("alice", "c1", null)]);
        await Room("dropped").Drop("front");
        await Room("told").Broadcast(new RoomMessage { Content = "hi", Id = "1" });
        await Assert.ThrowsAsync<ArgumentOutOfRangeException>(() => Room("refused").Members(limit: 0));

        using var bound = new CancellationTokenSource(Bound);
        while (await Count(nameof(RoomGrain)) is var left && left != 1)
        {
            Assert.False(bound.IsCancellationRequested, $"{left} rooms are left.");
            await Task.Delay(200);
        }
        Assert.Equal(["alice"], (await Room("stays").Members()).Users);
    }

    [Fact]
    public async Task An_empty_room_with_history_keeps_it()
    {
        await using var cluster = await Deploy(silo =>
        {
            silo.Configure<RoomOptions>(options => options.HistoryAge = TimeSpan.FromMinutes(10));
            silo.Configure<GrainCollectionOptions>(options =>
            {
                options.CollectionQuantum = TimeSpan.FromSeconds(1);
                options.ClassSpecificCollectionAge[typeof(RoomGrain).FullName!] = TimeSpan.FromSeconds(2);
            });
        });
        var first = Cluster!;
        Cluster = cluster;
        await first.DisposeAsync();
        await Room("told").Broadcast(new RoomMessage { Content = "hi" });
        await Room("gone").Submit("front", 1, [new LeaveCommand("c1")]);
        // When the other has gone, this one would have too.
        using var bound = new CancellationTokenSource(Bound);
        while (await Count(nameof(RoomGrain)) > 1)
        {
            bound.Token.ThrowIfCancellationRequested();
            await Task.Delay(200);
        }
        await Task.Delay(TimeSpan.FromSeconds(3));
        Assert.Equal("hi", System.Text.Json.JsonDocument.Parse("{" + System.Text.Encoding.UTF8.GetString(Assert.Single((await Room("told").History()).Messages).Body) + "}").RootElement.GetProperty("content").GetString());
    }
}
