using Realtime.Bench.Load;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;

namespace Realtime.Bench.Scenarios;

/// <summary>A load, and the issue's bounds for it, as multiples of the floor's figures at 128 B; none when null.</summary>
internal sealed record LoadCase(string Title, Workload Workload, double? CpuBound = null, double? P99Bound = null);

/// <summary>Rooms under load: server CPU per delivery and latency, for us and for peers, in turn so that all have the same weather.</summary>
internal sealed class LoadScenario(string name, string title, bool isDirect, params LoadCase[] loads) : Scenario(name, title)
{
    private const int UsualPayload = 128;

    // From here on it is copying that a paced delivery costs, and at the usual rates no server would keep up.
    private const int LargePayload = 4096;

    // The bounds: what the issue asks for, over what the floor took there.
    public static readonly LoadScenario FanOut = new("fanout", "One room of 1,000, closed loop", isDirect: false,
        new LoadCase("1,000 members, 16 messages under way", new() { Connections = 1000 }, CpuBound: 0.5 / 0.51));

    public static readonly LoadScenario Paced = new("paced", "One room of 1,000, paced", isDirect: false,
        new LoadCase("1,000 members", new() { Connections = 1000, Rate = 100 }, CpuBound: 5.8 / 4.5),
        new LoadCase("1,000 members", new() { Connections = 1000, Rate = 50 }, P99Bound: 9.0 / 7));

    public static readonly LoadScenario Rooms = new("rooms", "200 rooms of 10, closed loop", isDirect: false,
        new LoadCase("64 messages under way", new() { Connections = 2000, Rooms = 200, Window = 64 }, CpuBound: 7 / 4.9));

    public static readonly LoadScenario Direct = new("direct", "Direct messages", isDirect: true,
        new LoadCase("500 pairs, closed loop, 64 messages under way", new() { Connections = 1000, Rooms = 500, Window = 64, PublisherHears = false }),
        new LoadCase("500 pairs", new() { Connections = 1000, Rooms = 500, Rate = 1000, PublisherHears = false }));

    public override void Run(Options options, Section section)
    {
        // Tiered compilation of the servers is done after some ten million deliveries.
        var (warmUp, time) = options.IsQuick ? (TimeSpan.FromSeconds(2), TimeSpan.FromSeconds(2)) : (TimeSpan.FromSeconds(8), TimeSpan.FromSeconds(6));
        LoadCase[] all = [.. options.Payloads.SelectMany(bytes => loads.Select(load => WithPayload(load, bytes)))];
        var measured = new Dictionary<(TargetKind, LoadCase), List<Measurement>>();
        var kinds = Available(options, section, isDirect ? kind => kind.Direct is not null : null);
        if (kinds.Length == 0)
            return; // it has been told why
        for (var run = 0; run < options.Runs; run++)
        {
            foreach (var kind in kinds)
            {
                using var target = kind.Start(options.Settings);
                foreach (var load in all)
                {
                    Console.WriteLine($"  run {run + 1}: {kind.Name}, {load.Title}");
                    if (!measured.TryGetValue((kind, load), out var list))
                        measured[(kind, load)] = list = [];
                    list.Add(Measurement.Take(target, load.Workload, isDirect ? kind.Direct! : target.Dialect, warmUp, TimeSpan.FromSeconds(1), time));
                }
            }
        }
        foreach (var load in all)
            Report(section, load, kinds, kind => measured[(kind, load)]);
        foreach (var (i, load) in all.Index())
        {
            var bars = new Bars($"{Title}: {load.Title}", "server CPU, s per million deliveries");
            foreach (var kind in kinds)
                bars.Add(kind.Title, [.. measured[(kind, load)].Select(run => run.CpuPerMillion)], kind.IsOurs);
            section.Plots.Add(bars.Write(options.Output, $"{Name}{(all.Length > 1 ? $"-{i + 1}" : "")}"));
        }
        section.Busy(measured.Values.SelectMany(runs => runs).Max(run => run.Others));
    }

    /// <summary>The targets that are asked for; those that cannot be had are told.</summary>
    public static TargetKind[] Available(Options options, Section section, Func<TargetKind, bool>? takesPart = null)
    {
        var available = new List<TargetKind>();
        foreach (var kind in options.Targets.Where(takesPart ?? (_ => true)))
        {
            if (kind.WhyMissing is { } reason)
                section.Note($"{kind.Title}: skipped, {reason}");
            else
                available.Add(kind);
        }
        var versions = available.Select(kind => kind.Version?.Invoke()).OfType<string>().ToArray();
        if (versions.Length > 0)
            section.Note($"Peers: {string.Join(", ", versions)}.");
        if (available.Count == 0)
            section.Note("None of the servers that were asked for takes part.");
        return [.. available];
    }

    private static LoadCase WithPayload(LoadCase load, int bytes)
    {
        var workload = load.Workload with { PayloadBytes = bytes, Rate = bytes < LargePayload ? load.Workload.Rate : load.Workload.Rate / 10 };
        var pace = workload.Rate > 0 ? $", {workload.Rate:#,0} messages a second" : "";
        var isUsual = bytes == UsualPayload;
        return new LoadCase($"{load.Title}{pace}, {bytes:#,0} B", workload, isUsual ? load.CpuBound : null, isUsual ? load.P99Bound : null);
    }

    private static void Report(Section section, LoadCase load, TargetKind[] kinds, Func<TargetKind, List<Measurement>> runsOf)
    {
        var table = section.Table(load.Title, "server", "server CPU, s per million deliveries", "x floor", "deliveries/s",
            "p50, ms", "p99, ms", "p99.9, ms", "ok", "others, % of a core");
        var floor = kinds.Contains(TargetKind.Floor) ? runsOf(TargetKind.Floor) : null;
        foreach (var kind in kinds)
        {
            var runs = runsOf(kind);
            double[] Of(Func<Measurement, double> figure) => [.. runs.Select(figure)];
            var cpu = Of(run => run.CpuPerMillion);
            table.Row(kind.Title, cpu.Show(), Multiple(runs, floor, run => run.CpuPerMillion) is { } multiple ? Spread.Figure(multiple) : "-",
                Spread.Figure(Of(run => run.DeliveriesPerSecond).Median()), Of(run => run.P50).Show(), Of(run => run.P99).Show(), Of(run => run.P999).Show(),
                runs.All(run => run.Load.IsValid) ? "ok" : "NOT VALID", $"{Of(run => run.Others * 100).Max():0}");
            foreach (var run in runs.Where(run => !run.Load.IsValid))
            {
                var text = $"{kind.Title}, {table.Title}: {run.Load.Problem}";
                if (kind.IsOurs)
                    section.Fail(text);
                else
                    section.Note(text); // a peer may lose what it likes
            }
        }
        if (floor is null || !kinds.Contains(TargetKind.Realtime))
            return;
        var own = runsOf(TargetKind.Realtime);
        if (load.CpuBound is { } cpuBound)
            section.Verdict($"{TargetKind.Realtime.Title}, {load.Title}: CPU, multiple of the floor's", Multiple(own, floor, run => run.CpuPerMillion)!.Value, cpuBound);
        if (load.P99Bound is { } p99Bound)
            section.Verdict($"{TargetKind.Realtime.Title}, {load.Title}: p99, multiple of the floor's", Multiple(own, floor, run => run.P99)!.Value, p99Bound);
    }

    /// <summary>Median over median; null without a floor.</summary>
    private static double? Multiple(List<Measurement> runs, List<Measurement>? floor, Func<Measurement, double> figure) =>
        floor is null ? null : runs.Select(figure).ToArray().Median() / floor.Select(figure).ToArray().Median();
}
