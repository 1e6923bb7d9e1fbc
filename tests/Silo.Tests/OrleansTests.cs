using System.Collections.Concurrent;
using System.Collections.Immutable;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Concurrency;
using Orleans.Placement;
using Orleans.Runtime.Placement;
using Orleans.TestingHost;

namespace Realtime.Silo.Tests;

/// <summary>What rooms and users rely on Orleans for: turns, read-only calls beside each other, and moves with what a grain holds.</summary>
public sealed class OrleansTests(OrleansTests.TwoSilos shared) : IClassFixture<OrleansTests.TwoSilos>
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Calls_of_one_grain_run_one_after_the_other_and_lose_nothing()
    {
        var grain = shared.NewGrain();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(_ => grain.AddSlowly(1))).WaitAsync(s_bound);
        Assert.Equal(50, await grain.Sum().WaitAsync(s_bound));
    }

    [Fact]
    public async Task Read_only_calls_run_beside_each_other_and_others_wait_for_them()
    {
        var grain = shared.NewGrain();
        var gate = CountingGrain.Gate(grain);
        var reading = grain.ReadUntilOpened();
        await gate.Entered.Task.WaitAsync(s_bound);
        await grain.Sum().WaitAsync(s_bound); // read-only too
        var adding = grain.AddSlowly(1);
        await grain.Sum().WaitAsync(s_bound);
        Assert.False(adding.IsCompleted);
        gate.Opened.SetResult();
        await Task.WhenAll(reading, adding).WaitAsync(s_bound);
    }

    [Fact]
    public async Task What_a_grain_holds_moves_with_it_and_calls_that_wait_go_along()
    {
        var grain = shared.NewGrain();
        await grain.AddSlowly(5).WaitAsync(s_bound);
        var from = await grain.Where().WaitAsync(s_bound);
        var to = shared.Cluster.Silos.Select(silo => silo.SiloAddress).First(silo => !silo.Equals(from));
        var gate = CountingGrain.Gate(grain);
        var running = grain.ReadUntilOpened();
        await gate.Entered.Task.WaitAsync(s_bound);
        await grain.MoveTo(to).WaitAsync(s_bound);
        var waiting = grain.AddSlowly(1);
        gate.Opened.SetResult();
        await Task.WhenAll(running, waiting).WaitAsync(s_bound);
        Assert.Equal((to, 6), (await grain.Where().WaitAsync(s_bound), await grain.Sum().WaitAsync(s_bound)));
    }

    [Fact]
    public async Task Calls_that_are_made_again_all_reach_the_grains_of_a_silo_that_stops_with_all_that_they_hold()
    {
        await using var cluster = new InProcessTestClusterBuilder(3).Build();
        await cluster.DeployAsync();
        var victim = cluster.Silos[1];
        // A client whose gateway stops can have calls rejected before they begin, so the calls come from a silo that stays.
        var factory = cluster.Silos[0].ServiceProvider.GetRequiredService<IGrainFactory>();
        var grains = Enumerable.Range(0, 20).Select(_ => factory.GetGrain<ICountingGrain>(Guid.NewGuid().ToString("N"))).ToArray();
        foreach (var grain in grains)
            await grain.MoveTo(victim.SiloAddress).WaitAsync(s_bound);
        var calls = new int[grains.Length];
        var answered = grains.Select(_ => new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously)).ToArray();
        using var end = new CancellationTokenSource();
        var load = Task.WhenAll(grains.Select(async (grain, i) =>
        {
            while (!end.IsCancellationRequested)
            {
                // A call that the silo has at the moment of its end fails, applied or not; fronts make such a call again, numbered.
                try
                {
                    await grain.CountTo(calls[i] + 1);
                    calls[i]++;
                    answered[i].TrySetResult();
                }
                catch (Exception exception) when (exception is SiloUnavailableException or OrleansMessageRejectionException)
                {
                }
                await Task.Delay(2); // so that two cores have room for what is tested beside the load
            }
        }));
        await Task.WhenAll(answered.Select(first => first.Task)).WaitAsync(s_bound);
        await cluster.StopSiloAsync(victim).WaitAsync(s_bound);
        end.Cancel();
        await load.WaitAsync(s_bound);
        for (var i = 0; i < grains.Length; i++)
            Assert.Equal(calls[i], await grains[i].Sum().WaitAsync(s_bound));
    }

    public interface ICountingGrain : IGrainWithStringKey
    {
        Task AddSlowly(int value);

        Task CountTo(int sum);

        [ReadOnly]
        Task<int> Sum();

        [ReadOnly]
        Task ReadUntilOpened();

        [ReadOnly]
        Task<SiloAddress> Where();

        [AlwaysInterleave]
        Task MoveTo(SiloAddress silo);
    }

    /// <summary>Counts in memory only: the sum is right as long as each move carries it over.</summary>
    [RandomPlacement]
    public sealed class CountingGrain(ILocalSiloDetails silo) : Grain, ICountingGrain, IGrainMigrationParticipant
    {
        private static readonly ConcurrentDictionary<string, (TaskCompletionSource, TaskCompletionSource)> s_gates = new();
        private int _sum;

        public static (TaskCompletionSource Entered, TaskCompletionSource Opened) Gate(ICountingGrain grain) =>
            s_gates.GetOrAdd(grain.GetPrimaryKeyString(), static _ => (NewSource(), NewSource()));

        public async Task AddSlowly(int value)
        {
            var before = _sum;
            await Task.Yield();
            _sum = before + value;
        }

        /// <summary>One more, if that gives this sum. A repeat changes nothing, nor does a call once the past is lost.</summary>
        public Task CountTo(int sum) => sum == _sum + 1 ? AddSlowly(1) : Task.CompletedTask;

        public Task<int> Sum() => Task.FromResult(_sum);

        public async Task ReadUntilOpened()
        {
            var gate = Gate(this.AsReference<ICountingGrain>());
            gate.Entered.TrySetResult();
            await gate.Opened.Task;
        }

        public Task<SiloAddress> Where() => Task.FromResult(silo.SiloAddress);

        public Task MoveTo(SiloAddress silo)
        {
            RequestContext.Set(IPlacementDirector.PlacementHintKey, silo);
            MigrateOnIdle();
            return Task.CompletedTask;
        }

        public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
        {
            if (reason.ReasonCode == DeactivationReasonCode.ShuttingDown)
                MigrateOnIdle();
            return Task.CompletedTask;
        }

        public void OnDehydrate(IDehydrationContext dehydrationContext) => dehydrationContext.TryAddValue("sum", _sum);

        public void OnRehydrate(IRehydrationContext rehydrationContext) => rehydrationContext.TryGetValue("sum", out _sum);

        private static TaskCompletionSource NewSource() => new(TaskCreationOptions.RunContinuationsAsynchronously);
    }

    public sealed class TwoSilos : IAsyncLifetime
    {
        public InProcessTestCluster Cluster { get; } = new InProcessTestClusterBuilder(2).Build();

        public async ValueTask InitializeAsync() => await Cluster.DeployAsync();

        public ValueTask DisposeAsync() => Cluster.DisposeAsync();

        public ICountingGrain NewGrain() => Cluster.Client.GetGrain<ICountingGrain>(Guid.NewGuid().ToString("N"));
    }
}
