namespace Orleans.Runtime.Placement;

/// <summary>Here the placements are those that have an attribute; directors of one's own are not asked.</summary>
public interface IPlacementDirector
{
    /// <summary>
    /// The key in the <see cref="RequestContext"/> of a <see cref="SiloAddress"/>: what a call activates, or a migration moves,
    /// goes to that silo while it is active, whatever the placement says.
    /// </summary>
    public const string PlacementHintKey = nameof(PlacementHintKey);
}
