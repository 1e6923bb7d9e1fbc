using Realtime.Bench.Load;
using Realtime.Bench.Machines;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;
using Realtime.Processes;

namespace Realtime.Bench.Scenarios;

/// <summary>What it costs that messages outlast the process: the same load with each of the logs.</summary>
internal sealed class LogScenario() : Scenario("logs", "Where rooms keep their messages")
{
    private const int Rooms = 100, Rate = 5000;

    // The issue's, for SQLite at this load.
    private const double P50Bound = 5;

    public override void Run(Options options, Section section)
    {
        string[] logs = PostgresServer.Missing is null ? ["memory", "sqlite", "postgres"] : ["memory", "sqlite"];
        if (PostgresServer.Missing is { } reason)
            section.Note($"postgres: skipped, {reason}");
        var runs = logs.ToDictionary(log => log, _ => new List<Measurement>());
        for (var run = 0; run < options.Runs; run++)
        {
            foreach (var log in logs)
            {
                Console.WriteLine($"  run {run + 1}: {log}");
                runs[log].Add(Measure(log, options));
            }
        }
        var table = section.Table($"{Rate:#,0} messages a second in {Rooms} rooms of 2, one process; from the publish to the delivery, which is after the message was kept",
            "log", "p50, ms", "p99, ms", "p99.9, ms", "server CPU, % of a core", "ok", "others, % of a core");
        foreach (var (log, own) in runs)
        {
            double[] Of(Func<Measurement, double> figure) => [.. own.Select(figure)];
            var isValid = own.All(run => run.Load.IsValid);
            table.Row(log, Of(run => run.P50).Show(), Of(run => run.P99).Show(), Of(run => run.P999).Show(), Of(run => run.Cpu / run.Load.Seconds * 100).Show(),
                isValid ? "ok" : "NOT VALID", $"{Of(run => run.Others * 100).Max():0}");
            if (!isValid)
                section.Fail($"{log}: {own.First(run => !run.Load.IsValid).Load.Problem}");
        }
        section.Verdict($"sqlite: p50 at {Rate:#,0} messages a second, ms", runs["sqlite"].Select(run => run.P50).ToArray().Median(), P50Bound);
        section.Busy(runs.Values.SelectMany(own => own).Max(run => run.Others));
        section.Note("PostgreSQL's server runs on the core of ours, and its CPU is not in the figure; SQLite works in our process. The disk is that of the machine's temporary folder.");
    }

    private static Measurement Measure(string log, Options options)
    {
        var folder = Directory.CreateTempSubdirectory("realtime-bench-");
        try
        {
            using var postgres = log == "postgres" ? new Database() : null;
            string[] where = log switch
            {
                "memory" => [],
                "sqlite" => [$"--Log:ConnectionString=Data Source={Path.Combine(folder.FullName, "log.db")}"],
                _ => [$"--Log:ConnectionString={postgres!.ConnectionString}"],
            };
            using var target = TargetKind.Realtime.Start([$"--Log:Provider={log}", .. where, .. options.Settings]);
            var workload = new Workload { Connections = 2 * Rooms, Rooms = Rooms, Rate = Rate };
            using var client = new LoadClient(workload, target.Dialect, target.Ports);
            client.Connect(TimeSpan.FromSeconds(60));
            client.Run(TimeSpan.FromSeconds(options.IsQuick ? 3 : 10));
            return Measurement.Take(client, () => target.Usage, TimeSpan.FromSeconds(options.IsQuick ? 3 : 10));
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private sealed class Database : IDisposable
    {
        private readonly PostgresServer _postgres = PostgresServer.Start().GetAwaiter().GetResult();

        public Database() => Cores.PutBesideServers(_postgres.Process.Id);

        public string ConnectionString => _postgres.ConnectionString("postgres");

        public void Dispose() => _postgres.End();
    }
}
