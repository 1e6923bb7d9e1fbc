using Realtime.Bench.Load;
using Realtime.Bench.Machines;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;
using Realtime.Processes;

namespace Realtime.Bench.Scenarios;

/// <summary>How long a message takes through a cluster of processes, and what a cluster costs that does nothing.</summary>
internal sealed class ClusterLatencyScenario() : Scenario("cluster-latency", "Latency through a cluster of processes")
{
    // Five processes, and the generator is no burden at this rate.
    public override bool SharesCores => true;

    public override string? Missing(Options options) => PostgresServer.Missing;

    public override void Run(Options options, Section section)
    {
        Latency(options, section);
        Idle(options, section);
    }

    private static void Latency(Options options, Section section)
    {
        var workload = new Workload { Connections = 200, Rooms = 100, Rate = 1000 };
        var fromTo = new List<(double P50, double P99, double P999, double Same, double Cpu, bool IsValid, double Others)>();
        for (var run = 0; run < options.Runs; run++)
        {
            Console.WriteLine($"  run {run + 1}");
            using var cluster = new Cluster(fronts: 2, options.Settings);
            using var client = new LoadClient(workload, Dialect.Realtime, cluster.FrontPorts);
            client.Connect(TimeSpan.FromSeconds(60));
            client.Run(TimeSpan.FromSeconds(options.IsQuick ? 2 : 8), closedLoop: true);
            client.Run(TimeSpan.FromSeconds(2));
            var result = Measurement.Take(client, () => cluster.Usage, TimeSpan.FromSeconds(options.IsQuick ? 3 : 10), front: 1);
            fromTo.Add((result.P50, result.P99, result.P999, client.Latencies[0].Milliseconds(0.5),
                result.Cpu / result.Load.Seconds * 100, result.Load.IsValid, result.Others));
            if (!result.Load.IsValid)
                section.Fail($"{result.Load}");
        }
        var table = section.Table("1,000 messages a second in 100 rooms: one silo, front A with the publishers, front B with the listeners",
            "way", "p50, ms", "p99, ms", "p99.9, ms", "CPU of silo and fronts, % of a core", "ok", "others, % of a core");
        double[] Of(Func<(double P50, double P99, double P999, double Same, double Cpu, bool IsValid, double Others), double> figure) => [.. fromTo.Select(figure)];
        table.Row("front A to front B", Of(run => run.P50).Show(), Of(run => run.P99).Show(), Of(run => run.P999).Show(), Of(run => run.Cpu).Show(),
            fromTo.All(run => run.IsValid) ? "ok" : "NOT VALID", $"{Of(run => run.Others * 100).Max():0}");
        table.Row("front A back to front A", Of(run => run.Same).Show(), "", "", "", "", "");
        section.Busy(Of(run => run.Others).Max());
        section.Verdict("p50 from front A to front B, ms", Of(run => run.P50).Median(), 1);
        section.Verdict("p99 from front A to front B, ms", Of(run => run.P99).Median(), 5);
    }

    private static void Idle(Options options, Section section)
    {
        var time = TimeSpan.FromSeconds(options.IsQuick ? 5 : 20);
        var figures = new List<(double Silo, double Front)>();
        using (var cluster = new Cluster(fronts: 1, options.Settings))
        {
            // What happens twice a second is compiled anew after 30 and after 60 times, and that costs more than the idling itself.
            Thread.Sleep(TimeSpan.FromSeconds(options.IsQuick ? 5 : 90));
            for (var run = 0; run < options.Runs; run++)
            {
                var before = cluster.UsageOfEach;
                Thread.Sleep(time);
                var cpu = cluster.UsageOfEach.Zip(before, (now, then) => (now.Cpu - then.Cpu) / time.TotalSeconds * 100).ToArray();
                figures.Add((cpu[0], cpu[1]));
            }
        }
        var table = section.Table($"Idle cluster: CPU over {time.TotalSeconds} s, once its code is compiled", "process", "% of one core");
        table.Row("silo", figures.Select(run => run.Silo).ToArray().Show());
        table.Row("front", figures.Select(run => run.Front).ToArray().Show());
        double[] together = [.. figures.Select(run => run.Silo + run.Front)];
        table.Row("together", together.Show());
        section.Verdict("CPU of an idle silo and front, % of one core", together.Median(), 2);
    }
}
