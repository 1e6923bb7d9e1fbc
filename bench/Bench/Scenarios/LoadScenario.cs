using Realtime.Bench.Load;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;

namespace Realtime.Bench.Scenarios;

/// <summary>Rooms under load: server CPU per delivery and latency, for us and for peers, in turn so that all have the same weather.</summary>
internal sealed class LoadScenario(string name, string title, bool isDirect, params (string Title, Workload Workload)[] loads)
    : Scenario(name, title)
{
    public static readonly LoadScenario FanOut = new("fanout", "One room of 1,000, closed loop", isDirect: false,
        ("1,000 members, 16 messages under way", new() { Connections = 1000 }));

    public static readonly LoadScenario Paced = new("paced", "One room of 1,000, paced", isDirect: false,
        ("100 messages a second", new() { Connections = 1000, Rate = 100 }),
        ("50 messages a second", new() { Connections = 1000, Rate = 50 }));

    public static readonly LoadScenario Rooms = new("rooms", "200 rooms of 10, closed loop", isDirect: false,
        ("64 messages under way", new() { Connections = 2000, Rooms = 200, Window = 64 }));

    public static readonly LoadScenario Direct = new("direct", "Direct messages", isDirect: true,
        ("500 pairs, closed loop, 64 messages under way", new() { Connections = 1000, Rooms = 500, Window = 64, PublisherHears = false }),
        ("500 pairs, 1,000 messages a second", new() { Connections = 1000, Rooms = 500, Rate = 1000, PublisherHears = false }));

    public override void Run(Options options, Section section)
    {
        // Tiered compilation of the servers is done after some ten million deliveries.
        var (warmUp, time) = options.IsQuick ? (TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2)) : (TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(6));
        (string Title, Workload Workload)[] all =
            [.. options.Payloads.SelectMany(bytes => loads.Select(load => ($"{load.Title}, {bytes} B", load.Workload with { PayloadBytes = bytes })))];
        var measured = new Dictionary<(TargetKind, string), List<Measurement>>();
        var kinds = Available(options, section, isDirect ? kind => kind.Direct is not null : null);
        for (var run = 0; run < options.Runs; run++)
        {
            foreach (var kind in kinds)
            {
                using var target = kind.Start(options.Settings);
                foreach (var (title, workload) in all)
                {
                    Console.WriteLine($"  run {run + 1}: {kind.Name}, {title}");
                    if (!measured.TryGetValue((kind, title), out var list))
                        measured[(kind, title)] = list = [];
                    list.Add(Measurement.Take(target, workload, isDirect ? kind.Direct! : target.Dialect, warmUp, time));
                }
            }
        }
        foreach (var (title, _) in all)
        {
            var table = section.Table(title, "server", "server CPU, s per million deliveries", "deliveries/s", "p50, ms", "p99, ms", "ok", "others, % of a core");
            foreach (var kind in kinds)
                Row(section, table, kind, measured[(kind, title)]);
        }
    }

    /// <summary>The targets that are asked for; those that cannot be had are told.</summary>
    public static TargetKind[] Available(Options options, Section section, Func<TargetKind, bool>? takesPart = null)
    {
        var wanted = options.Targets.Where(takesPart ?? (_ => true)).ToArray();
        foreach (var kind in wanted)
        {
            if (kind.Missing() is { } reason)
                section.Note($"{kind.Title}: skipped, {reason}");
        }
        return [.. wanted.Where(kind => kind.Missing() is null)];
    }

    private static void Row(Section section, Table table, TargetKind kind, List<Measurement> runs)
    {
        double[] Of(Func<Measurement, double> figure) => [.. runs.Select(figure)];
        table.Row(kind.Title, Of(run => run.CpuPerMillion).Show(), Spread.Figure(Of(run => run.DeliveriesPerSecond).Median()),
            Of(run => run.P50).Show(), Of(run => run.P99).Show(),
            runs.All(run => run.Load.IsValid) ? "ok" : "NOT VALID", $"{Of(run => run.Others * 100).Max():0}");
        foreach (var run in runs.Where(run => !run.Load.IsValid))
        {
            var text = $"{kind.Title}, {table.Title}: {run.Load.Delivered:#,0} of {run.Load.Expected:#,0} delivered, {run.Load.Disorder} lost, doubled or in disorder, {run.Load.Closed} connections lost";
            if (kind.IsOurs)
                section.Fail(text);
            else
                section.Note(text); // a peer may lose what it likes
        }
    }
}
