using Realtime.Bench.Load;
using Realtime.Bench.Machines;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;

namespace Realtime.Bench.Scenarios;

/// <summary>What a connection costs that says nothing.</summary>
internal sealed class IdleScenario() : Scenario("idle", "Idle connections, joined to one room")
{
    private const double Bound = 5.8; // issue: KB per connection, after the accept storm

    private sealed record Outcome(double Kilobytes, double Cpu, LoadResult Check);

    public override void Run(Options options, Section section)
    {
        var connections = Math.Min(options.IsQuick ? 2000 : 5000, Machine.OpenFiles - 1000); // the rest is for files and libraries
        var kinds = LoadScenario.Available(options, section);
        var runs = kinds.ToDictionary(kind => kind, _ => new List<Outcome>());
        for (var run = 0; run < options.Runs; run++)
        {
            foreach (var kind in kinds)
            {
                Console.WriteLine($"  run {run + 1}: {kind.Name}");
                using var target = kind.Start(options.Settings);
                runs[kind].Add(Measure(target, connections, options.IsQuick));
            }
        }
        var table = section.Table($"{connections:#,0} connections", "server", "KB per idle connection", "CPU while idle, % of a core", "ok");
        foreach (var kind in kinds)
        {
            double[] Of(Func<Outcome, double> figure) => [.. runs[kind].Select(figure)];
            var problem = runs[kind].Select(run => run.Check).FirstOrDefault(check => !check.IsValid)?.Problem;
            table.Row(kind.Title, Of(run => run.Kilobytes).Show(), Of(run => run.Cpu).Show(), problem is null ? "ok" : "NOT VALID");
            if (problem is not null && kind.IsOurs)
                section.Fail($"{kind.Title}: {problem}");
        }
        section.Note("Memory: growth of the resident set, after a warm-up with 100 connections, until some ten seconds after all have come at once.");
        section.Note("ok: a message to everybody, after the measurement, came to each of them once.");
        if (kinds.Contains(TargetKind.Realtime))
            section.Verdict($"{TargetKind.Realtime.Title}: KB per idle connection", runs[TargetKind.Realtime].Select(run => run.Kilobytes).ToArray().Median(), Bound);
    }

    /// <summary>Growth of the resident set per connection; null when messages did not reach everybody once and in order.</summary>
    /// <remarks>
    /// Clients that come and go warm it up besides: what a process takes once, for its code above all, is megabytes, and would be
    /// most of what 1,000 connections seem to take.
    /// </remarks>
    public static double? Kilobytes(Target target, int connections, bool quick)
    {
        using (var warm = new LoadClient(new() { Connections = 64, Rooms = 8 }, target.Dialect, target.Ports))
            warm.Churn(TimeSpan.FromSeconds(quick ? 2 : 4));
        return Measure(target, connections, quick) is { Check.IsValid: true } outcome ? outcome.Kilobytes : null;
    }

    private static Outcome Measure(Target target, int connections, bool quick)
    {
        var patience = TimeSpan.FromSeconds(60);
        using (var warm = new LoadClient(new() { Connections = 100 }, target.Dialect, target.Ports))
        {
            warm.Connect(patience);
            warm.Run(TimeSpan.FromSeconds(1));
        }
        Thread.Sleep(2000); // they have left

        var before = target.Usage;
        using var idle = new LoadClient(new() { Connections = connections }, target.Dialect, target.Ports);
        idle.Connect(patience);
        idle.Idle(TimeSpan.FromSeconds(quick ? 3 : 5));
        var (usage, pause) = (target.Usage, TimeSpan.FromSeconds(quick ? 2 : 5));
        idle.Idle(pause);
        var after = target.Usage;
        return new Outcome((after.Resident - before.Resident) / 1024.0 / connections, (after.Cpu - usage.Cpu) / pause.TotalSeconds * 100,
            idle.Check());
    }
}
