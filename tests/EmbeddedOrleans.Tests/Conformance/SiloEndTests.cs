using Orleans.Runtime.Hosting;

namespace Realtime.EmbeddedOrleans.Tests.Conformance;

public interface IWhereGrain : IGrainWithStringKey
{
    Task<string> Silo();

    Task<int> Add(int amount);

    Task WaitFor(string gate);
}

[ActivationCountBasedPlacement]
public sealed class WhereGrain([PersistentState("where", "plain")] IPersistentState<Account> account, ILocalSiloDetails silo) : Grain, IWhereGrain
{
    public static readonly System.Collections.Concurrent.ConcurrentDictionary<string, string> Ends = new();

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        Ends[this.GetPrimaryKeyString()] = reason.ReasonCode.ToString();
        return Task.CompletedTask;
    }

    public Task<string> Silo() => Task.FromResult(silo.SiloAddress.ToString());

    public async Task<int> Add(int amount)
    {
        account.State.Balance += amount;
        await account.WriteStateAsync();
        return account.State.Balance;
    }

    public async Task WaitFor(string gate) => await Gates.Enter(gate);
}

public interface IPlacedGrain : IGrainWithStringKey
{
    Task<(string Own, string Local)> Silos();

    Task<string> Silo();
}

[RandomPlacement]
public sealed class PlacedGrain(ILocalSiloDetails silo) : Grain, IPlacedGrain
{
    public async Task<(string Own, string Local)> Silos() =>
        (silo.SiloAddress.ToString(), await GrainFactory.GetGrain<ILocalGrain>(this.GetPrimaryKeyString()).Silo());

    public Task<string> Silo() => Task.FromResult(silo.SiloAddress.ToString());
}

public interface ILocalGrain : IGrainWithStringKey
{
    Task<string> Silo();
}

[PreferLocalPlacement]
public sealed class LocalGrain(ILocalSiloDetails silo) : Grain, ILocalGrain
{
    public Task<string> Silo() => Task.FromResult(silo.SiloAddress.ToString());
}

/// <summary>A cluster of several silos, of which one stops or dies.</summary>
public sealed class SiloEndTests
{
    [Fact]
    public async Task Grains_of_a_stopped_silo_activate_elsewhere_with_what_was_stored()
    {
        await using var cluster = await Deploy(3);
        var grains = await Spread(cluster, 30);
        var victim = cluster.Silos[1];
        var lost = grains.Where(grain => grain.Silo == victim.SiloAddress.ToString()).ToList();
        Assert.NotEmpty(lost);
        await cluster.StopSiloAsync(victim).Soon();
        foreach (var (grain, _) in grains)
            Assert.Equal(2, await Retry(() => grain.Add(1)));
        foreach (var (grain, silo) in lost)
        {
            Assert.NotEqual(silo, await Retry(grain.Silo));
            Assert.Equal(nameof(DeactivationReasonCode.ShuttingDown), WhereGrain.Ends[grain.GetPrimaryKeyString()]);
        }

        Assert.Equal(2, cluster.Silos.Count);
    }

    [Fact]
    public async Task Grains_of_a_killed_silo_activate_elsewhere_with_what_was_stored()
    {
        await using var cluster = await Deploy(3);
        var grains = await Spread(cluster, 30);
        var victim = cluster.Silos[2];
        var lost = grains.Where(grain => grain.Silo == victim.SiloAddress.ToString()).ToList();
        Assert.NotEmpty(lost);
        var gate = Guid.NewGuid().ToString();
        var running = lost[0].Grain.WaitFor(gate);
        await Gates.Begun(gate);
        await cluster.KillSiloAsync(victim).Soon();

        // The call that ran there fails: nobody knows how far it came.
        Assert.Same(running, await Task.WhenAny(running, Task.Delay(Wait.Longest)));
        var error = await Assert.ThrowsAnyAsync<Exception>(() => running);
        Assert.True(error is OrleansException or TimeoutException, error.ToString());
        foreach (var (grain, _) in grains)
            Assert.Equal(2, await Retry(() => grain.Add(1)));
        foreach (var (grain, silo) in lost)
            Assert.NotEqual(silo, await Retry(grain.Silo));
    }

    [Fact]
    public async Task A_silo_that_joins_takes_its_share()
    {
        await using var cluster = await Deploy(1);
        var added = await cluster.StartAdditionalSiloAsync().Soon();
        await cluster.WaitForLivenessToStabilizeAsync().Soon();
        Assert.Equal(2, cluster.Silos.Count);
        await Wait.Until(async () => await cluster.Client.GetGrain<IPlacedGrain>(Guid.NewGuid().ToString()).Silo() == added.SiloAddress.ToString());
    }

    [Fact]
    public async Task Placement_is_where_the_attribute_says()
    {
        await using var cluster = await Deploy(2);
        var silos = new HashSet<string>();
        for (var i = 0; i < 40; i++)
        {
            var (own, local) = await cluster.Client.GetGrain<IPlacedGrain>($"placed {i}").Silos().Soon();
            Assert.Equal(own, local);
            silos.Add(own);
        }

        Assert.Equal(2, silos.Count);
    }

    [Fact]
    public async Task A_silos_services_and_factory_are_its_own()
    {
        await using var cluster = await Deploy(2);
        foreach (var silo in cluster.Silos)
        {
            var services = cluster.GetSiloServiceProvider(silo.SiloAddress);
            Assert.Equal(silo.SiloAddress, services.GetRequiredService<ILocalSiloDetails>().SiloAddress);
            Assert.Equal(1, await services.GetRequiredService<IGrainFactory>().GetGrain<IWhereGrain>(Guid.NewGuid().ToString()).Add(1).Soon());
        }
    }

    private static async Task<InProcessTestCluster> Deploy(short silos)
    {
        var cluster = new InProcessTestClusterBuilder(silos)
            .ConfigureSilo((_, silo) => silo.Services.AddGrainStorage("plain", (_, _) => new PlainStorage()))
            .ConfigureClient(client => client.Configure<ClientMessagingOptions>(options => options.ResponseTimeout = TimeSpan.FromSeconds(2)))
            .Build();
        await cluster.DeployAsync();
        return cluster;
    }

    private static async Task<List<(IWhereGrain Grain, string Silo)>> Spread(InProcessTestCluster cluster, int count)
    {
        var grains = new List<(IWhereGrain, string)>();
        for (var i = 0; i < count; i++)
        {
            var grain = cluster.Client.GetGrain<IWhereGrain>(Guid.NewGuid().ToString());
            Assert.Equal(1, await grain.Add(1).Soon());
            grains.Add((grain, await grain.Silo().Soon()));
        }

        return grains;
    }

    /// <summary>After the end of a silo, calls fail until the cluster knows. A write that failed has not been made: the storage would say so.</summary>
    private static async Task<T> Retry<T>(Func<Task<T>> call)
    {
        var end = DateTime.UtcNow + Wait.Longest;
        while (true)
        {
            try
            {
                return await call().Soon();
            }
            catch (Exception error) when (error is OrleansException or TimeoutException && DateTime.UtcNow < end)
            {
                await Task.Delay(50);
            }
        }
    }
}
