using Realtime.Bench.Load;
using Realtime.Bench.Machines;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;

namespace Realtime.Bench.Scenarios;

/// <summary>Whether a delivery and a connection cost the same when there are many.</summary>
internal sealed class GrowthScenario() : Scenario("growth", "Growth")
{
    private const double Flat = 0.25; // issue: within 25 %

    public override void Run(Options options, Section section)
    {
        var kinds = LoadScenario.Available(options, section, kind => kind.IsOurs || kind == TargetKind.Floor);
        var most = Math.Min(15_000, Machine.OpenFiles - 1000); // the rest is for files and libraries
        Series(options, section, kinds, "members", "server CPU by members of a room", "one room, closed loop: members", "CPU s per million deliveries",
            [.. new[] { 10, 100, 1000, 10_000 }.Where(n => n <= most)], flatFrom: 100, // below, it is the publish that costs
            (target, members) => PerDelivery(options, target, new() { Connections = members }));
        // Paced: in a closed loop few rooms would join many messages, and many rooms none.
        Series(options, section, kinds, "rooms", "server CPU by number of rooms", "rooms of 2, 5,000 messages a second over all of them: rooms", "CPU s per million deliveries",
            [.. new[] { 1, 10, 100, 1000, 5000 }.Where(n => 2 * n <= most)], flatFrom: 1,
            (target, rooms) => PerDelivery(options, target, new() { Connections = 2 * rooms, Rooms = rooms, Window = 64, Rate = 5000 }));
        Series(options, section, kinds, "connections", "memory by number of connections", "idle connections in one room", "KB per connection",
            [.. new[] { 1000, 2000, 5000, 10_000, 15_000 }.Where(n => n <= most)], flatFrom: 1000,
            (target, connections) => IdleScenario.Kilobytes(target, connections));
    }

    private static double? PerDelivery(Options options, Target target, Workload workload)
    {
        var (warmUp, time) = options.IsQuick ? (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)) : (TimeSpan.FromSeconds(6), TimeSpan.FromSeconds(4));
        var run = Measurement.Take(target, workload, target.Dialect, warmUp, time);
        return run.Load.IsValid ? run.CpuPerMillion : null;
    }

    /// <param name="flatFrom">From which size on the figures should be the same.</param>
    /// <param name="measure">Null when the run was not valid.</param>
    private static void Series(
        Options options, Section section, TargetKind[] kinds, string name, string title, string x, string y, int[] sizes, int flatFrom, Func<Target, int, double?> measure)
    {
        var table = section.Table(title, [x, .. kinds.Select(kind => $"{kind.Title}: {y}")]);
        var figures = kinds.ToDictionary(kind => kind, _ => sizes.Select(_ => new List<double>()).ToArray());
        for (var run = 0; run < options.Runs; run++)
        {
            foreach (var kind in kinds)
            {
                for (var i = 0; i < sizes.Length; i++)
                {
                    // A new process for each: what a larger load has left behind would count for a smaller one.
                    using var target = kind.Start(options.Settings);
                    if (measure(target, sizes[i]) is { } figure)
                        figures[kind][i].Add(figure);
                    else if (kind.IsOurs)
                        section.Fail($"{kind.Title}, {x} {sizes[i]:#,0}: not every message came once and in order");
                }
            }
        }
        for (var i = 0; i < sizes.Length; i++)
            table.Row([$"{sizes[i]:#,0}", .. kinds.Select(kind => figures[kind][i].Show())]);
        var plot = new Plot(title, x, y);
        foreach (var kind in kinds)
        {
            (double X, double Least, double Median, double Most)[] points =
                [.. sizes.Zip(figures[kind]).Where(point => point.Second.Count > 0).Select(point => ((double)point.First, point.Second.Min(), point.Second.Median(), point.Second.Max()))];
            plot.Add(kind.Title, points);
            var flat = points.Where(point => point.X >= flatFrom).ToArray();
            if (kind.IsOurs && flat.Length > 1)
            {
                var growth = (flat.Max(point => point.Median) / flat.Min(point => point.Median)) - 1;
                section.Note($"{kind.Title}, {title}, from {flatFrom:#,0} on: the dearest is {growth:0%} above the cheapest; the bound is {Flat:0%}: {(growth <= Flat ? "met" : "missed")}");
            }
        }
        section.Plots.Add(plot.Write(options.Output, $"{section.Engine}-{name}"));
    }
}
