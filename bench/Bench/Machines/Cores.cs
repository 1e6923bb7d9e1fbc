using System.Diagnostics;

namespace Realtime.Bench.Machines;

/// <summary>
/// Who runs where. Servers get one core and the generator another, so that neither slows the other down and a server's CPU
/// time is that of one core, as in the figures of other machines.
/// </summary>
internal static class Cores
{
    private static readonly int[] s_all = Allowed();

    /// <summary>The core of servers; null when there is only one core for all, or they shall use all of them.</summary>
    public static int? OfServers { get; private set; }

    public static string Description => OfServers is { } core
        ? $"server on core {core}, generator on core {s_all[^1]}"
        : s_all.Length == 1 ? "server and generator on the one core that there is" : $"all processes on all {s_all.Length} cores";

    public static void Separate()
    {
        if (s_all.Length == 1)
            return;
        OfServers = s_all[0];
        Pin(Environment.ProcessId, [s_all[^1]]);
    }

    public static void Share()
    {
        OfServers = null;
        Pin(Environment.ProcessId, s_all);
    }

    /// <summary>Moves a process that is not measured to where servers are.</summary>
    public static void PutBesideServers(int process)
    {
        if (OfServers is { } core)
            Pin(process, [core]);
    }

    private static void Pin(int process, int[] cores)
    {
        // taskset and not Process.ProcessorAffinity: that is for one thread only.
        using var taskset = Process.Start(new ProcessStartInfo("taskset", ["-a", "-c", "-p", string.Join(',', cores), $"{process}"]) { RedirectStandardOutput = true })!;
        taskset.StandardOutput.ReadToEnd();
        taskset.WaitForExit();
    }

    private static int[] Allowed()
    {
        // "Cpus_allowed_list:	0-3,8"
        var list = File.ReadLines("/proc/self/status").First(line => line.StartsWith("Cpus_allowed_list:")).Split(':')[1].Trim();
        return [.. list.Split(',').SelectMany(part => part.Split('-') is [var first, var last]
            ? Enumerable.Range(int.Parse(first), int.Parse(last) - int.Parse(first) + 1)
            : [int.Parse(part)])];
    }
}
