using Realtime.Bench.Load;
using Realtime.Bench.Machines;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;

namespace Realtime.Bench.Scenarios;

/// <summary>
/// Whether a delivery and a connection cost the same when there are many. The offered work is the same at every size, so that
/// nothing but the size changes.
/// </summary>
internal sealed class GrowthScenario() : Scenario("growth", "Growth")
{
    private const double Flat = 0.25; // issue: within 25 %

    // Deliveries a second, at every size: a tenth or so of what a server can do without joining messages, so that it need not
    // join any, and enough of them that what it does besides is little.
    private const int Deliveries = 20_000;

    private const int Members = 10; // of each room, when it is the rooms that grow

    private sealed record Size(int Number, Workload Workload);

    private double _others; // the most of a core that other processes took during a load

    public override void Run(Options options, Section section)
    {
        var kinds = LoadScenario.Available(options, section, kind => kind.IsOurs || kind == TargetKind.Floor);
        var most = Math.Min(15_000, Machine.OpenFiles - 1000); // the rest is for files and libraries
        var byMembers = Series(options, section, kinds, "members", "Server CPU by members of a room", "members of one room", "CPU s per million deliveries",
            [.. new[] { 10, 100, 1000, 10_000 }.Where(n => n <= most).Select(members => new Size(members, new()
            {
                Connections = members,
                Rate = Deliveries / members,
            }))],
            (target, size) => PerDelivery(options, target, size.Workload));
        foreach (var kind in kinds)
            Split(section, kind, byMembers[kind]);
        Series(options, section, kinds, "rooms", "Server CPU by number of rooms", "rooms of 10", "CPU s per million deliveries",
            [.. new[] { 1, 10, 100, 1000, 5000 }.Select(rooms => new Size(rooms, OfRooms(rooms, most)))],
            (target, size) => PerDelivery(options, target, size.Workload));
        var byConnections = Series(options, section, kinds, "connections", "Memory by number of connections", "idle connections in one room", "KB per connection",
            [.. new[] { 1000, 2000, 5000, 10_000, 15_000 }.Where(n => n <= most).Select(connections => new Size(connections, new() { Connections = connections }))],
            (target, size) => IdleScenario.Kilobytes(target, size.Number, options.IsQuick));
        foreach (var kind in kinds)
            Slope(section, kind, byConnections[kind]);
        section.Note($"Deliveries: {Deliveries:#,0} a second at every size, evenly paced (10 members get {Deliveries / 10:#,0} messages a second, 10,000 get " +
            $"{Deliveries / 10_000}), below what a server can do, so that no messages are joined and nothing but the size changes. A message to few members " +
            "bears the cost of its publish, one receive and one answer at least, on few deliveries; the floor shows the part of that which is the kernel's.");
        section.Note("Memory: as in the section on idle connections, but after a warm-up with clients that come and go besides, so that what a process " +
            "takes once does not count for the connections.");
        section.Note($"5,000 rooms: each connection is in several, as a process may hold {Machine.OpenFiles:#,0} descriptors here. The floor knows one room for each connection only.");
        section.Busy(_others);
        section.Note($"The bound: every size within {Flat:0%} of the median of all sizes, which is the band in the plots. Bars are the least and the most of the runs.");
    }

    /// <summary>What a publish costs and what a delivery, from rooms of two sizes.</summary>
    private static void Split(Section section, TargetKind kind, Dictionary<int, double> cpuByMembers)
    {
        if (!cpuByMembers.TryGetValue(10, out var few) || !cpuByMembers.TryGetValue(1000, out var many))
            return;
        var publish = (few - many) / ((1 / 10.0) - (1 / 1000.0));
        if (publish > 0) // else it is lost in the noise
            section.Note($"{kind.Title}: rooms of 10 and of 1,000 together say that a lone publish costs {Spread.Figure(publish)} us of CPU and each delivery of it {Spread.Figure(many - (publish / 1000))} us.");
    }

    /// <summary>What a connection takes and what the process takes besides, from the fewest and the most connections.</summary>
    private static void Slope(Section section, TargetKind kind, Dictionary<int, double> kilobytes)
    {
        if (kilobytes.Count < 2)
            return;
        var (few, many) = (kilobytes.MinBy(size => size.Key), kilobytes.MaxBy(size => size.Key));
        var each = ((many.Key * many.Value) - (few.Key * few.Value)) / (many.Key - few.Key);
        section.Note($"{kind.Title}: {few.Key:#,0} and {many.Key:#,0} connections together say that a connection takes {Spread.Figure(each)} KB, and all of them " +
            $"{Spread.Figure((few.Value - each) * few.Key / 1024)} MB besides, once.");
    }

    private static Workload OfRooms(int rooms, int mostConnections)
    {
        var each = 1;
        while (rooms * Members / each > mostConnections || rooms % each > 0)
            each++;
        return new Workload { Connections = rooms * Members / each, Rooms = rooms, RoomsEach = each, Rate = Deliveries / Members };
    }

    private double? PerDelivery(Options options, Target target, Workload workload)
    {
        // What a lone message takes is other code than what a batch takes: both are compiled before it counts.
        double[] seconds = options.IsQuick ? [1, 1, 2] : [5, 5, 10];
        var times = seconds.Select(TimeSpan.FromSeconds).ToArray();
        var run = Measurement.Take(target, workload, target.Dialect, times[0], times[1], times[2]);
        _others = Math.Max(_others, run.Others);
        return run.Load.IsValid ? run.CpuPerMillion : null;
    }

    /// <param name="measure">Null when the run was not valid.</param>
    /// <returns>The medians by size.</returns>
    private static Dictionary<TargetKind, Dictionary<int, double>> Series(
        Options options, Section section, TargetKind[] kinds, string name, string title, string x, string y, Size[] sizes, Func<Target, Size, double?> measure)
    {
        if (options.IsQuick)
            sizes = [.. sizes.Where((_, i) => i % 2 == 0)];
        var figures = kinds.ToDictionary(kind => kind, _ => sizes.Select(_ => new List<double>()).ToArray());
        for (var run = 0; run < options.Runs; run++)
        {
            for (var i = 0; i < sizes.Length; i++)
            {
                foreach (var kind in kinds.Where(kind => kind.IsOurs || sizes[i].Workload.RoomsEach == 1))
                {
                    Console.WriteLine($"  run {run + 1}: {kind.Name}, {x}: {sizes[i].Number:#,0}");
                    // A new process for each: what a larger load has left behind would count for a smaller one.
                    using var target = kind.Start(options.Settings);
                    if (measure(target, sizes[i]) is { } figure)
                        figures[kind][i].Add(figure);
                    else if (kind.IsOurs)
                        section.Fail($"{kind.Title}, {x}: {sizes[i].Number:#,0}: not every message came once and in order");
                }
            }
        }
        var table = section.Table(title, [x, .. kinds.Select(kind => $"{kind.Title}: {y}")]);
        for (var i = 0; i < sizes.Length; i++)
            table.Row([$"{sizes[i].Number:#,0}", .. kinds.Select(kind => figures[kind][i].Show())]);
        var plot = new Plot(title, x, y);
        foreach (var kind in kinds)
        {
            PlotPoint[] points = [.. sizes.Zip(figures[kind]).Where(point => point.Second.Count > 0)
                .Select(point => new PlotPoint(point.First.Number, point.Second.Min(), point.Second.Median(), point.Second.Max()))];
            if (points.Length == 0)
                continue;
            var medians = points.Select(point => point.Median).ToArray();
            var middle = medians.Median();
            plot.Add(kind.Title, points, kind.IsOurs ? ((1 - Flat) * middle, (1 + Flat) * middle) : null);
            if (kind.IsOurs && points.Length == sizes.Length)
                section.Verdict($"{kind.Title}, {title} ({Spread.Figure(medians.Min())} to {Spread.Figure(medians.Max())}): most that a size is away from the median of all, %",
                    medians.Max(median => Math.Abs((median / middle) - 1)) * 100, Flat * 100);
        }
        section.Plots.Add(plot.Write(options.Output, $"growth-{name}"));
        return kinds.ToDictionary(kind => kind, kind => sizes.Zip(figures[kind]).Where(size => size.Second.Count > 0)
            .ToDictionary(size => size.First.Number, size => size.Second.Median()));
    }
}
