namespace Realtime.Silo.Fronts;

/// <summary>How long silence is taken for life; configuration section <c>Leases</c>.</summary>
public sealed class LeaseOptions
{
    /// <summary>
    /// A front that has not renewed for so long is gone, and its members with it. Long enough that a pause of a front
    /// (a collection, a slow disk) empties no room. 2 s to 5 min.
    /// </summary>
    public TimeSpan FrontLease { get; set; } = TimeSpan.FromSeconds(6);

    /// <summary>
    /// A silo that has not renewed for so long is gone: fronts tell its rooms, where they are now, who is in them. That
    /// is harmless when it was only slow, so it is short. 1 s to 5 min.
    /// </summary>
    public TimeSpan SiloLease { get; set; } = TimeSpan.FromSeconds(1.5);

    internal IEnumerable<string> Problems()
    {
        if (FrontLease < TimeSpan.FromSeconds(2) || FrontLease > TimeSpan.FromMinutes(5))
            yield return $"Leases:FrontLease is {FrontLease}; it must be from 00:00:02 to 00:05:00.";
        if (SiloLease < TimeSpan.FromSeconds(1) || SiloLease > TimeSpan.FromMinutes(5))
            yield return $"Leases:SiloLease is {SiloLease}; it must be from 00:00:01 to 00:05:00.";
    }
}
