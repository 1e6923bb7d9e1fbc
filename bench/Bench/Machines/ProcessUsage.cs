namespace Realtime.Bench.Machines;

/// <summary>What processes have used, from <c>/proc</c>.</summary>
/// <param name="Cpu">Seconds, user and system.</param>
/// <param name="Resident">Bytes of memory.</param>
internal readonly record struct ProcessUsage(double Cpu, long Resident)
{
    private const double TicksPerSecond = 100; // USER_HZ, which is part of Linux' ABI

    /// <exception cref="InvalidOperationException">One of them has ended.</exception>
    public static ProcessUsage Of(IEnumerable<int> pids)
    {
        var (cpu, resident) = (0.0, 0L);
        foreach (var pid in pids)
        {
            try
            {
                // After the name, which may contain anything but ends at the last parenthesis: utime and stime are fields 14 and 15.
                var stat = File.ReadAllText($"/proc/{pid}/stat");
                var fields = stat[(stat.LastIndexOf(')') + 2)..].Split(' ');
                cpu += (long.Parse(fields[11]) + long.Parse(fields[12])) / TicksPerSecond;
                var rss = File.ReadLines($"/proc/{pid}/status").First(line => line.StartsWith("VmRSS:"));
                resident += long.Parse(rss.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1]) * 1024;
            }
            catch (Exception exception) when (exception is IOException or InvalidOperationException)
            {
                throw new InvalidOperationException($"The server process {pid} has ended.", exception);
            }
        }
        return new ProcessUsage(cpu, resident);
    }

    /// <summary>Seconds that all cores together have been busy, with whatever.</summary>
    public static double Machine()
    {
        // user nice system idle iowait irq softirq steal
        var fields = File.ReadLines("/proc/stat").First().Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..9].Select(long.Parse).ToArray();
        return (fields.Sum() - fields[3] - fields[4]) / TicksPerSecond;
    }
}
