using System.ComponentModel.DataAnnotations;
using Realtime.Settings;

namespace Realtime.WebFront;

/// <summary>How much clients may do; configuration section <c>Limits</c>. Each is for this front by itself. A rate of 0 is no limit, and so is a number of 0.</summary>
public sealed class LimitOptions
{
    /// <summary>Whether there are any of these limits.</summary>
    public bool Enabled { get; set; } = true;

    /// <summary>Frames of a connection, whatever they ask for and whether it is right.</summary>
    public RateOptions Commands { get; set; } = new() { Rate = 200, Burst = 400 };

    /// <summary>
    /// Messages of a connection to rooms. Without a limit, which is the default in Development, they do not count as
    /// <see cref="Commands"/> either.
    /// </summary>
    public RateOptions Publishes { get; set; } = new() { Rate = 100, Burst = 200 };

    /// <summary>Bytes of JSON of the <c>content</c> and <c>data</c> of a connection's messages, to rooms and to users, and of its calls. In Development no limit is the default.</summary>
    public RateOptions MessageBytes { get; set; } = new() { Rate = 256 * 1024, Burst = 1024 * 1024 };

    /// <summary>Joins and leaves of a connection. Who comes back joins all of its rooms at once.</summary>
    public RateOptions Joins { get; set; } = new() { Rate = 20, Burst = 100 };

    /// <summary>Questions of a connection for members and history.</summary>
    public RateOptions Reads { get; set; } = new() { Rate = 5, Burst = 20 };

    /// <summary>Messages of a connection to users.</summary>
    public RateOptions Directs { get; set; } = new() { Rate = 10, Burst = 50 };

    /// <summary>New tokens of a connection, of which each is verified.</summary>
    public RateOptions Refreshes { get; set; } = new() { Rate = 1, Burst = 10 };

    /// <summary>Calls of a connection.</summary>
    public RateOptions Calls { get; set; } = new() { Rate = 20, Burst = 100 };

    /// <summary>Errors that a connection may be answered with before it is closed with <see cref="Connections.CloseCodes.RateLimited"/>.</summary>
    public RateOptions Errors { get; set; } = new() { Rate = 4, Burst = 40 };

    /// <summary>
    /// A connection that is over its limits for so long without a second's pause is closed with
    /// <see cref="Connections.CloseCodes.RateLimited"/>: 1 second to 1 hour, or 0 for never.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan MaxExcess { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Connections of a user at this front: up to 1,000,000, or 0 for no limit. Beyond it an upgrade is refused with 429.</summary>
    [Range(0, 1_000_000)]
    public int ConnectionsPerUser { get; set; } = 50;

    /// <summary>
    /// Whether a user's new connection beyond <see cref="ConnectionsPerUser"/> is let in and the oldest is closed with
    /// <see cref="Connections.CloseCodes.Replaced"/>.
    /// </summary>
    public bool OldestGivesWay { get; set; }

    /// <summary>Connections of an address at this front, of IPv6 of a /64 network: up to 1,000,000, or 0 for no limit. Beyond it an upgrade is refused with 429.</summary>
    [Range(0, 1_000_000)]
    public int ConnectionsPerAddress { get; set; } = 1000;

    /// <summary>Connections of this front: up to 10,000,000, or 0 for no limit. Beyond it an upgrade is refused with 503.</summary>
    [Range(0, 10_000_000)]
    public int Connections { get; set; }

    /// <summary>Upgrades of an address, of IPv6 of a /64 network. Beyond it they are refused with 429.</summary>
    public RateOptions Handshakes { get; set; } = new() { Rate = 50, Burst = 200 };

    /// <summary>
    /// Whether loopback addresses have the limits of addresses as well. A program on the same machine is no stranger; but a proxy there makes
    /// everybody one, unless <c>ForwardedHeaders:KnownProxies</c> names it.
    /// </summary>
    public bool LoopbackCounts { get; set; }

    /// <summary>Upgrades of this front. Beyond it they wait, and with a full queue they are refused with 503.</summary>
    public UpgradeRateOptions Upgrades { get; set; } = new() { Burst = 100 };

    /// <summary>Requests to the HTTP API by the same caller from the same address. Beyond it one waits for its turn, and where that is more than 0.1 s away it is refused with 429.</summary>
    public RateOptions Requests { get; set; } = new() { Rate = 1000, Burst = 1000 };

    /// <summary>In Development, what is not set of how much a connection publishes has no limit: who tries a load out is to measure the front.</summary>
    internal static void ForDevelopment(LimitOptions limits, IConfiguration configuration, IHostEnvironment environment)
    {
        if (!environment.IsDevelopment())
            return;
        var defaults = new LimitOptions();
        Relax(nameof(Publishes), limits.Publishes, defaults.Publishes);
        Relax(nameof(MessageBytes), limits.MessageBytes, defaults.MessageBytes);

        void Relax(string name, RateOptions rate, RateOptions otherwise)
        {
            if (rate.Rate == otherwise.Rate && configuration[$"{Settings!.Path}:{name}:{nameof(RateOptions.Rate)}"] is null)
                rate.Rate = 0;
        }
    }

    internal static readonly SettingsSection Settings = new("Limits", typeof(LimitOptions));
}
