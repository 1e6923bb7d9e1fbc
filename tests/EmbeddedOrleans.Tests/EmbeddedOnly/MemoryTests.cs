using System.Diagnostics;

namespace Realtime.EmbeddedOrleans.Tests.EmbeddedOnly;

public interface ISmallGrain : IGrainWithIntegerKey
{
    Task<int> Touch();
}

public sealed class SmallGrain : Grain, ISmallGrain
{
    /// <summary>Activations that live.</summary>
    public static int Count;

    private int _touches;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        Interlocked.Increment(ref Count);
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        Interlocked.Decrement(ref Count);
        return Task.CompletedTask;
    }

    public Task<int> Touch() => Task.FromResult(++_touches);
}

/// <summary>Tests that measure the whole process run alone.</summary>
[CollectionDefinition(nameof(Alone), DisableParallelization = true)]
public sealed class Alone;

/// <summary>What activations cost in memory.</summary>
[Collection(nameof(Alone))]
public sealed class MemoryTests(ITestOutputHelper output)
{
    private const int Batch = 100_000;

    [Fact]
    public async Task A_million_activations_come_and_go_without_growth()
    {
        Engine.SkipUnlessEmbedded("what it costs elsewhere is not ours to bound.");
        var time = new ManualTimeProvider();
        var builder = Host.CreateApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Services.AddSingleton<TimeProvider>(time);
        builder.UseOrleans(silo => silo.Configure<GrainCollectionOptions>(options =>
        {
            options.CollectionAge = TimeSpan.FromMinutes(10);
            options.CollectionQuantum = TimeSpan.FromMinutes(1);
        }));
        using var host = builder.Build();
        await host.StartAsync();
        var grains = host.Services.GetRequiredService<IGrainFactory>();

        var before = Settled();
        var (perActivation, afterHalf) = (0L, 0L);
        var watch = Stopwatch.StartNew();
        for (var batch = 0; batch < 10; batch++)
        {
            await Parallel.ForAsync(batch * Batch, (batch + 1) * Batch, async (key, _) => Assert.Equal(1, await grains.GetGrain<ISmallGrain>(key).Touch()));
            Assert.Equal(Batch, SmallGrain.Count);
            if (batch == 0)
                perActivation = (Settled() - before) / Batch;

            // A caller can have its answer a moment before the activation counts as idle, so one leap may come too early for some.
            time.Advance(TimeSpan.FromMinutes(15));
            await Wait.Until(() =>
            {
                time.Advance(TimeSpan.FromMinutes(1));
                return Task.FromResult(SmallGrain.Count == 0);
            });
            if (batch == 4)
                afterHalf = Settled();
        }

        var afterLast = Settled();
        output.WriteLine($"{perActivation} bytes per activation; {(afterLast - before) / 1024} KiB left after a million, {(afterHalf - before) / 1024} after half of it; {watch.ElapsedMilliseconds} ms.");
        Assert.InRange(perActivation, 1, 700);

        // The directory keeps its table, which may double once (1 MiB) when a batch falls unevenly into it. Nothing else stays:
        // one small object per activation would be 12 MB in half a million.
        Assert.InRange(afterLast - before, long.MinValue, 8 << 20);
        Assert.InRange(afterLast - afterHalf, long.MinValue, 1536 << 10);
        await host.StopAsync();
    }

    private static long Settled()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
