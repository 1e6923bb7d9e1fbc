using System.Numerics;

namespace Realtime.Bench.Load;

/// <summary>Latencies in nanoseconds, in 64 linear steps per power of two: an error of 1.6 % at most, and no allocation.</summary>
internal sealed class LatencyHistogram
{
    private const int Steps = 64;

    private readonly long[] _counts = new long[Steps * 60];

    public long Count { get; private set; }

    public long Max { get; private set; }

    public void Add(long nanoseconds)
    {
        var value = (ulong)Math.Max(0, nanoseconds);
        var index = (int)value;
        if (value >= Steps)
        {
            var shift = 57 - BitOperations.LeadingZeroCount(value);
            index = ((shift + 1) * Steps) + (int)((value >> shift) & (Steps - 1));
        }
        _counts[index]++;
        Count++;
        Max = Math.Max(Max, nanoseconds);
    }

    /// <summary>The latency in milliseconds that this part of all stays below; 0 when there are none.</summary>
    /// <param name="part">0 to 1: 0.99 for p99.</param>
    public double Milliseconds(double part)
    {
        var wanted = (long)(part * Count);
        long passed = 0;
        for (var i = 0; i < _counts.Length; i++)
        {
            passed += _counts[i];
            if (passed > wanted)
                return (i < Steps ? i : (double)(Steps + (i % Steps)) * Math.Pow(2, (i / Steps) - 1)) / 1e6;
        }
        return Max / 1e6;
    }

    public void Clear()
    {
        Array.Clear(_counts);
        Count = Max = 0;
    }
}
