using System.Diagnostics;

namespace Realtime.Bench.Load;

internal static class Clock
{
    public const long Second = 1_000_000_000;

    /// <summary>Nanoseconds of the monotonic clock.</summary>
    public static long Now => (long)(Stopwatch.GetTimestamp() * (1e9 / Stopwatch.Frequency));

    public static long Nanoseconds(this TimeSpan time) => time.Ticks * TimeSpan.NanosecondsPerTick;
}
