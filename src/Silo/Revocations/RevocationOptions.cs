using System.ComponentModel.DataAnnotations;
using Realtime.Settings;

namespace Realtime.Silo.Revocations;

/// <summary>What the list of revocations holds, and for how long; configuration section <c>Revocations</c>.</summary>
public sealed class RevocationOptions
{
    /// <summary>How long a block lasts that names no time. 1 s to 365 days.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "365.00:00:00")]
    public TimeSpan BlockTime { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The longest life of a token, from its issue to its expiry: so long is a revoked one remembered. Fronts read the same setting and
    /// refuse a token that lives longer. 1 min to 365 days.
    /// </summary>
    [Range(typeof(TimeSpan), "00:01:00", "365.00:00:00")]
    public TimeSpan MaxTokenLifetime { get; set; } = TimeSpan.FromHours(24);

    /// <summary>The most entries of the list; beyond it one more is refused. 1 to 1,000,000.</summary>
    [Range(1, 1_000_000)]
    public int MaxEntries { get; set; } = 100_000;

    /// <summary>The most bytes that they have together, in the silo and in each front. 64 KiB to 1 GiB.</summary>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public int MaxBytes { get; set; } = 32 * 1024 * 1024;

    internal static readonly SettingsSection Settings = new("Revocations", typeof(RevocationOptions));
}
