using System.ComponentModel.DataAnnotations;
using Realtime.Settings;

namespace Realtime.Silo.Fronts;

/// <summary>How long a lease lasts without renewal; configuration section <c>Leases</c>.</summary>
public sealed class LeaseOptions
{
    /// <summary>
    /// A front that has not renewed for so long is gone, and its members with it. Long enough that a pause of a front
    /// (a collection, a slow disk) empties no room. 2 s to 5 min.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:02", "00:05:00")]
    public TimeSpan FrontLease { get; set; } = TimeSpan.FromSeconds(6);

    /// <summary>
    /// A silo that has not renewed for so long is gone: fronts tell its rooms, where they are now, who is in them. That
    /// is harmless when it was only slow, so it is short. 1 s to 5 min.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan SiloLease { get; set; } = TimeSpan.FromSeconds(1.5);

    internal static readonly SettingsSection Settings = new("Leases", typeof(LeaseOptions));
}
