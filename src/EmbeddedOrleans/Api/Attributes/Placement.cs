namespace Orleans.Placement;

internal enum PlacementKind
{
    Random,
    Local,
    Hash,
    Fewest,
}

/// <summary>On which silo a grain is activated.</summary>
[AttributeUsage(AttributeTargets.Class)]
public abstract class PlacementAttribute : Attribute
{
    internal PlacementAttribute(PlacementKind kind) => Kind = kind;

    internal PlacementKind Kind { get; }
}

/// <summary>Any active silo.</summary>
public sealed class RandomPlacementAttribute() : PlacementAttribute(PlacementKind.Random);

/// <summary>The caller's silo; from a client, any.</summary>
public sealed class PreferLocalPlacementAttribute() : PlacementAttribute(PlacementKind.Local);

/// <summary>The silo that the hash of the grain's id selects.</summary>
public sealed class HashBasedPlacementAttribute() : PlacementAttribute(PlacementKind.Hash);

/// <summary>The silo with the fewest activations.</summary>
public sealed class ActivationCountBasedPlacementAttribute() : PlacementAttribute(PlacementKind.Fewest);

/// <summary>Here the same as <see cref="ActivationCountBasedPlacementAttribute"/>: silos of one process share its resources.</summary>
public sealed class ResourceOptimizedPlacementAttribute() : PlacementAttribute(PlacementKind.Fewest);
