using Realtime.Bench.Load;
using Realtime.Bench.Machines;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;

namespace Realtime.Bench.Scenarios;

/// <summary>What a connection costs that says nothing, and how fast connections come in.</summary>
internal sealed class IdleScenario() : Scenario("idle", "Idle connections, joined to one room")
{
    public override void Run(Options options, Section section)
    {
        var connections = Math.Min(options.IsQuick ? 2000 : 5000, Machine.OpenFiles - 1000); // the rest is for files and libraries
        var kinds = LoadScenario.Available(options, section);
        var runs = kinds.ToDictionary(kind => kind, _ => new List<(double Kilobytes, double Cpu, double First, double Second)>());
        for (var run = 0; run < options.Runs; run++)
        {
            foreach (var kind in kinds)
            {
                Console.WriteLine($"  run {run + 1}: {kind.Name}");
                using var target = kind.Start(options.Settings);
                runs[kind].Add(Measure(target, connections, options.IsQuick));
            }
        }
        var table = section.Table($"{connections:#,0} connections", "server", "KB per idle connection", "CPU while idle, % of a core",
            "connected and joined per second, first storm", "second storm");
        foreach (var kind in kinds)
        {
            double[] Of(Func<(double Kilobytes, double Cpu, double First, double Second), double> figure) => [.. runs[kind].Select(figure)];
            table.Row(kind.Title, Of(run => run.Kilobytes).Show(), Of(run => run.Cpu).Show(), Of(run => run.First).Show(), Of(run => run.Second).Show());
        }
        section.Note("Memory: growth of the resident set, after a warm-up with 100 connections, until ten seconds after the first storm.");
        section.Note("Second storm: all have gone and come again; the code is compiled by then.");
    }

    /// <summary>Growth of the resident set per connection, after a warm-up, when the storm of connects is over for ten seconds.</summary>
    public static double Kilobytes(Target target, int connections) => Measure(target, connections, quick: false).Kilobytes;

    private static (double Kilobytes, double Cpu, double First, double Second) Measure(Target target, int connections, bool quick)
    {
        var patience = TimeSpan.FromSeconds(60);
        using (var warm = new LoadClient(new() { Connections = 100 }, target.Dialect, target.Ports))
        {
            warm.Connect(patience);
            warm.Run(TimeSpan.FromSeconds(1));
        }
        Thread.Sleep(2000); // they have left

        var before = target.Usage;
        double first, kilobytes, cpu;
        using (var idle = new LoadClient(new() { Connections = connections }, target.Dialect, target.Ports))
        {
            first = connections / idle.Connect(patience);
            idle.Idle(TimeSpan.FromSeconds(quick ? 3 : 5));
            var (usage, pause) = (target.Usage, TimeSpan.FromSeconds(quick ? 2 : 5));
            idle.Idle(pause);
            cpu = (target.Usage.Cpu - usage.Cpu) / pause.TotalSeconds * 100;
            kilobytes = (target.Usage.Resident - before.Resident) / 1024.0 / connections;
        }
        Thread.Sleep(3000);
        using var again = new LoadClient(new() { Connections = connections }, target.Dialect, target.Ports);
        return (kilobytes, cpu, first, connections / again.Connect(patience));
    }
}
