namespace Realtime.WebFront.Limiting;

/// <summary>
/// A token bucket that is one number: when it is full again. <c>System.Threading.RateLimiting</c> has one as well, which is an object with
/// locks and a timer; a connection has seven of these, and they are asked for each frame.
/// </summary>
/// <remarks>Not for several threads at once.</remarks>
internal struct TokenBucket
{
    private long _fullAt;

    /// <summary>Whether nothing is missing.</summary>
    public readonly bool IsFull(long now) => _fullAt <= now;

    /// <summary>How long it takes until there are so many tokens; nothing when there are.</summary>
    public readonly long Missing(in Rate rate, int tokens, long now) =>
        rate.IsOff ? 0 : Math.Max(0, Math.Max(_fullAt - now, 0) + Math.Min(rate.TimeOf(tokens), rate.Capacity) - rate.Capacity);

    /// <summary>Takes tokens that are there.</summary>
    public void Take(in Rate rate, int tokens, long now)
    {
        if (!rate.IsOff)
            _fullAt = Math.Max(_fullAt, now) + rate.TimeOf(tokens);
    }

    /// <summary>Gives back what was taken and is not counted after all.</summary>
    public void Return(in Rate rate, int tokens)
    {
        if (!rate.IsOff)
            _fullAt -= rate.TimeOf(tokens);
    }
}

/// <summary>A <see cref="RateOptions"/> in units of a clock.</summary>
internal readonly struct Rate(RateOptions options, long frequency)
{
    private readonly int _rate = options.Rate;
    private readonly long _frequency = frequency;

    /// <summary>How long an empty bucket takes to be full.</summary>
    public long Capacity { get; } = options.Rate == 0 ? 0 : Time(options.Burst, options.Rate, frequency);

    public bool IsOff => _rate == 0;

    public long TimeOf(int tokens) => Time(tokens, _rate, _frequency);

    private static long Time(int tokens, int rate, long frequency) => (long)((Int128)tokens * frequency / rate);
}
