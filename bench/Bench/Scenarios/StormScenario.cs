using Realtime.Bench.Load;
using Realtime.Bench.Machines;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;

namespace Realtime.Bench.Scenarios;

/// <summary>Everybody connects and joins at once, as after a front's restart.</summary>
internal sealed class StormScenario() : Scenario("storm", "Connect storm")
{
    private const double Bound = 10_000; // issue: connections accepted and joined per second

    // Connects and joins under way. Some hundreds keep the server busy throughout; all 5,000 at once would try its backlog.
    private const int AtOnce = 256;

    private sealed record Storm(double PerSecond, double CpuPerThousand, double P50, double P99);

    private sealed record Outcome(Storm First, Storm Warm, LoadResult Check);

    public override void Run(Options options, Section section)
    {
        var connections = Math.Min(options.IsQuick ? 2000 : 5000, (Machine.OpenFiles - 1000) / 1000 * 1000); // the rest is for files and libraries
        var kinds = LoadScenario.Available(options, section);
        foreach (var rooms in new[] { 1, connections / 10 })
        {
            var title = rooms == 1 ? $"{connections:#,0} connections into one room" : $"{connections:#,0} connections into {rooms:#,0} rooms of 10";
            var runs = kinds.ToDictionary(kind => kind, _ => new List<Outcome>());
            for (var run = 0; run < options.Runs; run++)
            {
                foreach (var kind in kinds)
                {
                    Console.WriteLine($"  run {run + 1}: {kind.Name}, {title}");
                    using var target = kind.Start(options.Settings);
                    runs[kind].Add(Measure(target, new() { Connections = connections, Rooms = rooms, ConnectsAtOnce = AtOnce }, options.IsQuick ? 2 : 4));
                }
            }
            Report(section, title, kinds, runs, rooms);
        }
        section.Note($"{AtOnce} connects and joins under way. First: the server has just started, nothing of this is compiled. Warm: the last of several " +
            "storms, each after all have gone. Time until in: from a client's connect to the answer to its join.");
        section.Note("ok: a message to each room, after each storm, came to everybody once and in order.");
    }

    private static void Report(Section section, string title, TargetKind[] kinds, Dictionary<TargetKind, List<Outcome>> runs, int rooms)
    {
        var table = section.Table(title, "server", "first: connected and joined per second", "warm: per second",
            "warm: server CPU, s per 1,000", "warm: time until in, p50, ms", "p99, ms", "ok");
        foreach (var kind in kinds)
        {
            double[] Of(Func<Outcome, double> figure) => [.. runs[kind].Select(figure)];
            var problem = runs[kind].Select(run => run.Check).FirstOrDefault(check => !check.IsValid)?.Problem;
            table.Row(kind.Title, Of(run => run.First.PerSecond).Show(), Of(run => run.Warm.PerSecond).Show(), Of(run => run.Warm.CpuPerThousand).Show(),
                Of(run => run.Warm.P50).Show(), Of(run => run.Warm.P99).Show(), problem is null ? "ok" : "NOT VALID");
            if (problem is not null && kind.IsOurs)
                section.Fail($"{kind.Title}, {title}: {problem}");
        }
        if (rooms == 1 && kinds.Contains(TargetKind.Realtime))
        {
            var warm = runs[TargetKind.Realtime].Select(run => run.Warm.PerSecond).ToArray().Median();
            section.Verdict($"{TargetKind.Realtime.Title}, {title}: per second", warm, Bound, isFloor: true);
        }
    }

    private static Outcome Measure(Target target, Workload workload, int storms)
    {
        var (first, check) = Once(target, workload);
        var last = first;
        while (--storms > 0 && check.IsValid)
        {
            Thread.Sleep(2000); // they have left
            (last, check) = Once(target, workload);
        }
        return new Outcome(first, last, check);
    }

    private static (Storm Storm, LoadResult Check) Once(Target target, Workload workload)
    {
        using var client = new LoadClient(workload, target.Dialect, target.Ports);
        var before = target.Usage.Cpu;
        var seconds = client.Connect(TimeSpan.FromSeconds(60));
        var storm = new Storm(workload.Connections / seconds, (target.Usage.Cpu - before) / workload.Connections * 1000,
            client.Entries.Milliseconds(0.5), client.Entries.Milliseconds(0.99));
        client.Idle(TimeSpan.FromSeconds(1)); // presence of the last ones
        return (storm, client.Check());
    }
}
