using Orleans.Core.Internal;
using Orleans.Runtime.Hosting;

namespace Realtime.EmbeddedOrleans.Tests.Conformance;

/// <summary>Activations that move to another silo with what they hold.</summary>
public sealed class MigrationTests
{
    [Fact]
    public async Task What_a_grain_holds_moves_with_it()
    {
        await using var cluster = await Deploy(2);
        var grain = NewGrain(cluster);
        await grain.Add("a", 1).Soon();
        await grain.Add("a", 2).Soon();
        await grain.SetUnwritten(5).Soon();
        var target = await Other(cluster, grain);
        await cluster.MigrateAsync(grain, target).Soon();
        Assert.Equal(target, await grain.Where().Soon());
        Assert.Equal(2, await grain.Count().Soon());
        Assert.Equal(5, await grain.GetUnwritten().Soon());
        Assert.Equal(["activate", "deactivate Migrating", "dehydrate", "rehydrate", "activate"], MovingGrain.StepsOf(grain));
    }

    [Fact]
    public async Task Values_and_bytes_arrive_as_copies()
    {
        await using var cluster = await Deploy(2);
        var grain = cluster.Client.GetGrain<IBaggageGrain>(Guid.NewGuid().ToString());
        var (silo, _) = await grain.Arrive().Soon();
        var target = cluster.Silos.Select(other => other.SiloAddress).First(other => !other.Equals(silo));
        await cluster.MigrateAsync(grain, target).Soon();
        var (now, findings) = await grain.Arrive().Soon();
        Assert.Equal(target, now);
        Assert.Equal(
            [
                "list added", "not list added twice", "number added", "nothing added", "not unknown added", "key of bytes seen", "bytes not added twice",
                "list 1,2", "list again 1,2", "number 7", "not nothing found", "not absent found", "not absent bytes found", "bytes 1,2,3", "written 9,9", "keys seen",
            ],
            findings);
    }

    [Fact]
    public async Task A_grain_moves_itself_where_the_hint_says()
    {
        await using var cluster = await Deploy(3);
        var grain = NewGrain(cluster);
        await grain.Add("a", 1).Soon();
        var target = await Other(cluster, grain);
        var gone = cluster.WaitForDeactivationAsync(grain);
        await Hinted(target, grain.MoveItself).Soon();
        await gone.Soon();
        Assert.Equal(target, await grain.Where().Soon());
        Assert.Equal(1, await grain.Count().Soon());
    }

    [Fact]
    public async Task Without_a_hint_placement_decides()
    {
        await using var cluster = await Deploy(2);
        var grain = NewGrain(cluster);
        await grain.Add("a", 1).Soon();
        var first = await grain.Where().Soon();
        await Wait.Until(async () =>
        {
            // It may choose the silo where the grain is: then nothing happens.
            await grain.AsReference<IGrainManagementExtension>().MigrateOnIdle();
            return !first.Equals(await grain.Where());
        });
        Assert.Equal(1, await grain.Count().Soon());
    }

    [Fact]
    public async Task A_hint_places_a_new_activation_too()
    {
        await using var cluster = await Deploy(3);
        for (var i = 0; i < 9; i++)
        {
            var target = cluster.Silos[i % 3].SiloAddress;
            Assert.Equal(target, await Hinted(target, NewGrain(cluster).Where).Soon());
        }

        var nowhere = SiloAddress.New(System.Net.IPAddress.Loopback, 9, 1);
        Assert.NotEqual(nowhere, await Hinted(nowhere, NewGrain(cluster).Where).Soon());
    }

    [Fact]
    public async Task A_grain_that_ends_can_decide_to_move()
    {
        await using var cluster = await Deploy(2);
        var grain = NewGrain(cluster);
        var target = await Other(cluster, grain);
        await grain.MoveWhen(DeactivationReasonCode.ApplicationRequested, target).Soon();
        await grain.Add("a", 1).Soon();
        await cluster.DeactivateAsync(grain).Soon();
        Assert.Equal(target, await grain.Where().Soon());
        Assert.Equal(1, await grain.Count().Soon());
    }

    [Fact]
    public async Task On_a_single_silo_a_grain_that_moves_itself_only_ends()
    {
        await using var cluster = await Deploy(1);
        var grain = NewGrain(cluster);
        await grain.Add("a", 1).Soon();

        // Asked from outside, it stays when there is nowhere to go.
        await grain.AsReference<IGrainManagementExtension>().MigrateOnIdle();
        Assert.Equal(1, await grain.Count().Soon());
        var gone = cluster.WaitForDeactivationAsync(grain);
        await grain.MoveItself().Soon();
        await gone.Soon();
        Assert.Equal(0, await grain.Count().Soon());
        Assert.Equal(["activate", "deactivate Migrating", "activate"], MovingGrain.StepsOf(grain));
    }

    [Fact]
    public async Task Any_grain_can_be_ended_from_outside()
    {
        await using var cluster = await Deploy(1);
        var grain = NewGrain(cluster);
        await grain.Add("a", 1).Soon();
        var gone = cluster.WaitForDeactivationAsync(grain);
        await grain.Cast<IGrainManagementExtension>().DeactivateOnIdle();
        await gone.Soon();
        Assert.Equal(0, await grain.Count().Soon());
        Assert.Equal(["activate", "deactivate ApplicationRequested", "activate"], MovingGrain.StepsOf(grain));
    }

    [Fact]
    public async Task The_running_call_ends_first_and_those_behind_it_go_along()
    {
        await using var cluster = await Deploy(2);
        var grain = NewGrain(cluster);
        var target = await Other(cluster, grain);
        var gate = Guid.NewGuid().ToString();
        var running = grain.WaitFor(gate);
        await Gates.Begun(gate);
        Assert.True(cluster.TryGetGrainContext(grain.GetGrainId(), out var context));
        context.Migrate(new() { [IPlacementDirector.PlacementHintKey] = target });
        var waiting = grain.Where();
        Assert.False(context.Deactivated.IsCompleted);
        Gates.Open(gate);
        await running.Soon();
        Assert.Equal(target, await waiting.Soon());
    }

    [Theory]
    [InlineData("deactivate Migrating", 0)]
    [InlineData("dehydrate", 1)]
    [InlineData("rehydrate", 1)]
    [InlineData("activate", 0)]
    public async Task A_move_that_fails_leaves_a_grain_that_works(string step, int kept)
    {
        await using var cluster = await Deploy(2);
        var grain = NewGrain(cluster);
        await grain.Add("a", 1).Soon();
        await grain.FailIn(step).Soon();
        await cluster.MigrateAsync(grain, await Other(cluster, grain)).Soon();
        Assert.Equal(kept, await grain.Count().Soon());
    }

    [Fact]
    public async Task Under_load_no_call_fails_or_is_lost_while_grains_move()
    {
        await using var cluster = await Deploy(2);
        var grains = Enumerable.Range(0, 8).Select(_ => NewGrain(cluster)).ToArray();
        await using var load = new Load(grains);
        for (var round = 0; round < 6; round++)
        {
            foreach (var grain in grains)
                await cluster.MigrateAsync(grain, await Other(cluster, grain)).Soon();
            await load.GoOn();
        }

        await load.EndAndCheck();
        Assert.All(grains, grain => Assert.Equal(6, MovingGrain.StepsOf(grain).Count(step => step == "rehydrate")));
    }

    [Fact]
    public async Task Under_load_no_call_fails_while_a_silo_that_stops_moves_its_grains()
    {
        await using var cluster = await Deploy(3);
        var victim = cluster.Silos[1];
        var grains = await Grains(cluster, victim, 20);
        await using var load = new Load(SeenFrom(cluster.Silos[0], grains));
        await load.GoOn();
        var residents = victim.ServiceProvider.GetRequiredService<Residents>();
        residents.Refuge = cluster.Silos[2].SiloAddress;
        await cluster.StopSiloAsync(victim).Soon();
        Assert.Equal(20, residents.Moved);
        await load.GoOn();
        await load.EndAndCheck();
        foreach (var grain in grains)
            Assert.Equal(residents.Refuge, await grain.Where().Soon());
    }

    [Fact]
    public async Task Under_load_no_call_fails_while_the_grains_of_a_silo_that_stops_move_themselves()
    {
        await using var cluster = await Deploy(3);
        var victim = cluster.Silos[1];
        var grains = await Grains(cluster, victim, 20);
        foreach (var grain in grains)
            await grain.MoveWhen(DeactivationReasonCode.ShuttingDown, null).Soon();
        await using var load = new Load(SeenFrom(cluster.Silos[0], grains));
        await load.GoOn();
        await cluster.StopSiloAsync(victim).Soon();
        await load.GoOn();
        await load.EndAndCheck();
        Assert.All(grains, grain => Assert.Equal(["activate", "deactivate ShuttingDown", "dehydrate", "rehydrate", "activate"], MovingGrain.StepsOf(grain)));
    }

    private static IMovingGrain NewGrain(InProcessTestCluster cluster) => cluster.Client.GetGrain<IMovingGrain>(Guid.NewGuid().ToString());

    private static async Task<IMovingGrain[]> Grains(InProcessTestCluster cluster, InProcessSiloHandle silo, int count)
    {
        var grains = Enumerable.Range(0, count).Select(_ => NewGrain(cluster)).ToArray();
        foreach (var grain in grains)
            Assert.Equal(silo.SiloAddress, await Hinted(silo.SiloAddress, grain.Where).Soon());
        return grains;
    }

    /// <summary>
    /// References of a silo that stays: a client whose gateway is the silo that stops can have calls rejected before they begin, and
    /// must repeat them.
    /// </summary>
    private static IMovingGrain[] SeenFrom(InProcessSiloHandle silo, IMovingGrain[] grains)
    {
        var factory = silo.ServiceProvider.GetRequiredService<IGrainFactory>();
        return [.. grains.Select(grain => factory.GetGrain<IMovingGrain>(grain.GetPrimaryKeyString()))];
    }

    private static async Task<SiloAddress> Other(InProcessTestCluster cluster, IMovingGrain grain)
    {
        var now = await grain.Where().Soon();
        return cluster.Silos.Select(silo => silo.SiloAddress).First(silo => !silo.Equals(now));
    }

    /// <summary>The hint ends with the call, as every change of the request context within an async method.</summary>
    private static async Task<T> Hinted<T>(SiloAddress silo, Func<Task<T>> call)
    {
        RequestContext.Set(IPlacementDirector.PlacementHintKey, silo);
        return await call();
    }

    private static async Task Hinted(SiloAddress silo, Func<Task> call)
    {
        RequestContext.Set(IPlacementDirector.PlacementHintKey, silo);
        await call();
    }

    private static async Task<InProcessTestCluster> Deploy(short silos)
    {
        var cluster = new InProcessTestClusterBuilder(silos)
            .ConfigureSilo((_, silo) =>
            {
                silo.Services.AddGrainStorage("plain", (_, _) => new PlainStorage());
                silo.Services.AddSingleton<Residents>();
                silo.Services.AddSingleton<ILifecycleParticipant<ISiloLifecycle>>(services => services.GetRequiredService<Residents>());
            })
            .Build();
        await cluster.DeployAsync();
        return cluster;
    }

    /// <summary>Two callers for each grain that call it one call after the other; each call must succeed.</summary>
    private sealed class Load : IAsyncDisposable
    {
        private const int Callers = 2;

        // So that two cores have room for what is tested beside the load.
        private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(2);

        private readonly CancellationTokenSource _end = new();
        private readonly IMovingGrain[] _grains;
        private readonly int[] _sent;
        private readonly Task[] _running;

        public Load(IMovingGrain[] grains)
        {
            _grains = grains;
            _sent = new int[grains.Length * Callers];
            _running = [.. Enumerable.Range(0, _sent.Length).Select(i => Task.Run(() => Call(i)))];
        }

        /// <summary>Until each caller has had some more answers.</summary>
        public async Task GoOn()
        {
            var before = _sent.ToArray();
            await Wait.Until(() => Task.FromResult(
                _running.Any(task => task.IsFaulted) || Enumerable.Range(0, _sent.Length).All(i => Volatile.Read(ref _sent[i]) > before[i] + 3)));
        }

        public async Task EndAndCheck()
        {
            _end.Cancel();
            await Task.WhenAll(_running).Soon();
            for (var i = 0; i < _grains.Length; i++)
                Assert.Equal(_sent.Skip(i * Callers).Take(Callers).Sum(), await _grains[i].Count().Soon());
        }

        public async ValueTask DisposeAsync()
        {
            _end.Cancel();
            await Task.WhenAll(_running).Soon().ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            _end.Dispose();
        }

        private async Task Call(int i)
        {
            while (!_end.IsCancellationRequested)
            {
                Volatile.Write(ref _sent[i], await _grains[i / Callers].Add($"caller {i}", _sent[i] + 1).Soon());
                await Task.Delay(s_pause);
            }
        }
    }
}
