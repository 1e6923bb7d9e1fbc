using System.Runtime.InteropServices;

namespace Realtime.Bench.Machines;

/// <summary>The machine in words; nothing that tells whose it is.</summary>
internal static class Machine
{
    public static string Description { get; } = string.Join(", ",
        $"{Environment.ProcessorCount} cores {Field("/proc/cpuinfo", "model name")}".TrimEnd(),
        $"{Math.Round(long.Parse(Field("/proc/meminfo", "MemTotal").Split(' ')[0]) / 1048576.0)} GB",
        $"Linux {Environment.OSVersion.Version.ToString(2)}",
        RuntimeInformation.FrameworkDescription);

    /// <summary>The most descriptors that a process may hold.</summary>
    public static int OpenFiles { get; } = Limit();

    private static int Limit()
    {
        var line = File.ReadLines("/proc/self/limits").First(line => line.StartsWith("Max open files"));
        return int.TryParse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[3], out var limit) ? limit : int.MaxValue; // "unlimited"
    }

    private static string Field(string file, string name)
    {
        var line = File.ReadLines(file).FirstOrDefault(line => line.StartsWith(name, StringComparison.Ordinal));
        return line?.Split(':')[1].Trim() ?? "";
    }
}
