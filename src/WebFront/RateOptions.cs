using System.ComponentModel.DataAnnotations;

namespace Realtime.WebFront;

/// <summary>How often something may be done: a token bucket, which holds <see cref="Burst"/> and gets <see cref="Rate"/> a second.</summary>
public class RateOptions
{
    /// <summary>A second, over time: 1 to 1,073,741,824, or 0 for no limit.</summary>
    [Range(0, 1024 * 1024 * 1024)]
    public int Rate { get; set; }

    /// <summary>
    /// At once, after a while without any: 1 to 1,073,741,824. One thing that counts for more than this passes when the bucket is full.
    /// </summary>
    [Range(1, 1024 * 1024 * 1024)]
    public int Burst { get; set; } = 1;
}

/// <summary>The same of upgrades, which can wait.</summary>
public sealed class UpgradeRateOptions : RateOptions
{
    /// <summary>How many wait for their turn: up to 1,000,000.</summary>
    [Range(0, 1_000_000)]
    public int Queue { get; set; } = 1000;
}
