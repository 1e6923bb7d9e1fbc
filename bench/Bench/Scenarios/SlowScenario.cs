using Realtime.Bench.Load;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;

namespace Realtime.Bench.Scenarios;

/// <summary>Whether clients that do not read cost those that do anything.</summary>
internal sealed class SlowScenario() : Scenario("slow", "Slow readers beside fast ones")
{
    private const int Fast = 100, Slow = 20;

    private sealed record Outcome(Measurement Alone, Measurement Beside, int Closed, double Megabytes);

    public override void Run(Options options, Section section)
    {
        var time = TimeSpan.FromSeconds(options.IsQuick ? 4 : 10);
        var kinds = LoadScenario.Available(options, section);
        var runs = kinds.ToDictionary(kind => kind, _ => new List<Outcome>());
        for (var run = 0; run < options.Runs; run++)
        {
            foreach (var kind in kinds)
            {
                Console.WriteLine($"  run {run + 1}: {kind.Name}");
                using var target = kind.Start(options.Settings);
                runs[kind].Add(Measure(target, time));
            }
        }
        var table = section.Table($"{Fast} fast readers, {Slow} that read nothing, 100 messages a second of 16 KB",
            "server", "fast ones alone: p50, ms", "p99, ms", "beside slow ones: p50, ms", "p99, ms", "ok", "slow ones let go", "memory for the slow ones, MB");
        foreach (var kind in kinds)
        {
            var own = runs[kind];
            double[] Of(Func<Outcome, double> figure) => [.. own.Select(figure)];
            var isValid = own.All(run => run.Alone.Load.IsValid && run.Beside.Load.IsValid);
            table.Row(kind.Title, Of(run => run.Alone.P50).Show(), Of(run => run.Alone.P99).Show(), Of(run => run.Beside.P50).Show(), Of(run => run.Beside.P99).Show(),
                isValid ? "ok" : "NOT VALID", $"{own.Min(run => run.Closed)} of {Slow}", Of(run => run.Megabytes).Show());
            if (!isValid && kind.IsOurs)
                section.Fail($"{kind.Title}: {own[^1].Alone.Load}, {own[^1].Beside.Load}");
        }
        section.Busy(runs.Values.SelectMany(own => own).Select(run => Math.Max(run.Alone.Others, run.Beside.Others)).DefaultIfEmpty().Max());
        section.Note("ok is about the fast ones. Memory: how much more the server's processes hold after the load than after the same load without slow readers; the kernel's buffers are not in it.");
    }

    private static Outcome Measure(Target target, TimeSpan time)
    {
        var workload = new Workload { Connections = Fast, PayloadBytes = 16 * 1024, Rate = 100 };
        Measurement alone;
        using (var client = Connected(target, workload))
        {
            client.Run(TimeSpan.FromSeconds(2));
            alone = Measurement.Take(client, () => target.Usage, time);
        }
        Thread.Sleep(500);
        var before = target.Usage.Resident;
        using (var client = Connected(target, workload with { Connections = Fast + Slow, SlowReaders = Slow }))
        {
            var beside = Measurement.Take(client, () => target.Usage, time);
            var megabytes = (target.Usage.Resident - before) / 1048576.0;
            client.WakeSlow(TimeSpan.FromSeconds(2));
            return new Outcome(alone, beside, client.SlowClosed, megabytes);
        }
    }

    private static LoadClient Connected(Target target, Workload workload)
    {
        var client = new LoadClient(workload, target.Dialect, target.Ports);
        client.Connect(TimeSpan.FromSeconds(30));
        client.Idle(TimeSpan.FromSeconds(0.5));
        return client;
    }
}
