using Realtime.Bench.Load;
using Realtime.Bench.Machines;
using Realtime.Bench.Reports;
using Realtime.Bench.Servers;

namespace Realtime.Bench.Scenarios;

/// <summary>One run of a load against one server.</summary>
/// <param name="Load">What came of it.</param>
/// <param name="Cpu">Seconds of the server's processes.</param>
/// <param name="Others">Part of one core that neither the server nor the generator has used.</param>
/// <param name="P50">Milliseconds.</param>
/// <param name="P99">Milliseconds.</param>
/// <param name="P999">Milliseconds.</param>
internal sealed record Measurement(LoadResult Load, double Cpu, double Others, double P50, double P99, double P999)
{
    public double CpuPerMillion => Cpu / Math.Max(1, Load.Delivered) * 1e6;

    public double DeliveriesPerSecond => Load.Delivered / Load.Seconds;

    /// <param name="front">Whose listeners' latencies count.</param>
    public static Measurement Take(LoadClient client, Func<ProcessUsage> usage, TimeSpan time, int front = 0)
    {
        var (before, machine, own) = (usage().Cpu, ProcessUsage.Machine(), Environment.CpuUsage.TotalTime);
        var load = client.Run(time);
        var cpu = usage().Cpu - before;
        var others = ProcessUsage.Machine() - machine - cpu - (Environment.CpuUsage.TotalTime - own).TotalSeconds;
        var latencies = client.Latencies[front];
        return new Measurement(load, cpu, Math.Max(0, others / load.Seconds), latencies.Milliseconds(0.5), latencies.Milliseconds(0.99), latencies.Milliseconds(0.999));
    }

    /// <summary>Warms up and measures.</summary>
    /// <param name="pacedWarmUp">For a paced workload, after a warm-up in a closed loop, which has more code compiled sooner.</param>
    public static Measurement Take(Target target, Workload workload, Dialect dialect, TimeSpan warmUp, TimeSpan pacedWarmUp, TimeSpan time)
    {
        using var client = new LoadClient(workload, dialect, target.Ports);
        client.Connect(TimeSpan.FromSeconds(60));
        client.Idle(TimeSpan.FromSeconds(0.5)); // presence of the last ones
        client.Run(warmUp, closedLoop: true);
        if (workload.Rate > 0)
            client.Run(pacedWarmUp);
        return Take(client, () => target.Usage, time);
    }
}
