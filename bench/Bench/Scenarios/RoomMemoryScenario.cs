using System.Diagnostics;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Orleans;
using Orleans.Hosting;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;
using Realtime.Grains;
using Realtime.Silo;

namespace Realtime.Bench.Scenarios;

/// <summary>What a room with one member costs its silo. The silo runs in this process, so that its heap can be looked at.</summary>
internal sealed class RoomMemoryScenario() : Scenario("room-memory", "Memory of a room")
{
    private const double Bound = 3 * 1024; // issue: 100,000 rooms with one member each, under 3 KB per room

    public override void Run(Options options, Section section)
    {
        var rooms = options.IsQuick ? 10_000 : 100_000;
        var runs = new List<(double Empty, double User, double Joined, double Said, double PerSecond)>();
        for (var run = 0; run < options.Runs; run++)
            runs.Add(Measure(rooms).GetAwaiter().GetResult());
        var table = section.Table($"{rooms:#,0} rooms with one member each, on one silo", "", "bytes each");
        table.Row("a grain that holds nothing, for comparison", runs.Select(run => run.Empty).ToArray().Show());
        table.Row("a user with one connection", runs.Select(run => run.User).ToArray().Show());
        table.Row("a room, after the join", runs.Select(run => run.Joined).ToArray().Show());
        table.Row("a room, after one message of 128 B besides", runs.Select(run => run.Said).ToArray().Show());
        section.Note("One silo in the generator's process, rooms called as a front calls them (IRoomGrain.Submit). Growth of the live heap " +
            "(GC.GetTotalMemory after a full collection): grain, activation, directory, member, leases; after 1,000 of each to warm up.");
        section.Note($"Joins per second, one after another in batches of {HeadlessFront.AtOnce}: {runs.Select(run => run.PerSecond).ToArray().Show()}");
        var median = runs.Select(run => run.Joined).ToArray().Median();
        section.Verdict("bytes per room with one member", median, Bound);
    }

    private static async Task<(double Empty, double User, double Joined, double Said, double PerSecond)> Measure(int rooms)
    {
        var builder = Host.CreateApplicationBuilder();
        builder.Logging.ClearProviders(); // a lone silo that stops has nobody to hand its rooms over to, and Orleans says so of each
        builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime());
        using var host = builder.Build();
        await host.StartAsync();
        var cluster = host.Services.GetRequiredService<IClusterClient>();
        await using var front = await HeadlessFront.Start(cluster);
        var empty = await EmptyGrains(cluster, rooms);
        await front.Attach("warm", 1000);
        var before = Heap();
        await front.Attach("user", rooms);
        var user = (Heap() - before) / (double)rooms;
        await front.Submit("warm", 1000, batch: 1, i => new JoinCommand($"w{i}", $"{i:x16}", null));

        before = Heap();
        var watch = Stopwatch.StartNew();
        await front.Submit("room", rooms, batch: 1, i => new JoinCommand($"user{i}", $"{i:x16}", null));
        var seconds = watch.Elapsed.TotalSeconds;
        await front.HasHeard(1000 + rooms);
        var joined = (Heap() - before) / (double)rooms;

        var body = $"\"content\":\"{new string('x', 128 - 12)}\"";
        await front.Submit("room", rooms, batch: 2, i => new PublishCommand($"user{i}", null, System.Text.Encoding.UTF8.GetBytes(body)));
        await front.HasHeard(1000 + (2 * rooms));
        var said = (Heap() - before) / (double)rooms;
        await front.DisposeAsync();
        await host.StopAsync();
        return (empty, user, joined, said, rooms / seconds);
    }

    private static async Task<double> EmptyGrains(IClusterClient cluster, int count)
    {
        Task Touch(string name, int count) => Task.WhenAll(Enumerable.Range(0, count).Select(i => cluster.GetGrain<INothingGrain>($"{name}{i}").Nothing()));
        await Touch("warm", 1000);
        var before = Heap();
        for (var first = 0; first < count; first += 1000)
            await Touch($"room{first}-", 1000);
        return (Heap() - before) / (double)count;
    }

    private static long Heap()
    {
        // What a silo says of its rooms every two seconds goes out, and buffers of the storm go.
        Thread.Sleep(5000);
        for (var i = 0; i < 3; i++)
        {
            GC.Collect(GC.MaxGeneration, GCCollectionMode.Aggressive, blocking: true, compacting: true);
            GC.WaitForPendingFinalizers();
        }
        return GC.GetTotalMemory(forceFullCollection: true);
    }
}
