namespace Realtime.Grains;

/// <summary>
/// The fronts and silos that are up: each says so twice a second, and one that has not for the length of its lease is
/// out. One grain, key <see cref="Key"/>.
/// </summary>
[Alias("realtime.fronts")]
public interface IFrontDirectoryGrain : IGrainWithIntegerKey
{
    /// <summary>The only key.</summary>
    const long Key = 0;

    /// <summary>A front says that it is up, with a way to ask it about its own connections.</summary>
    [Alias("RenewFront")]
    Task<ClusterView> RenewFront(string front, IFrontObserver observer);

    /// <summary>A silo says that it is up.</summary>
    [Alias("RenewSilo")]
    Task<ClusterView> RenewSilo(string silo);

    /// <summary>A front or a silo that stops takes itself out.</summary>
    [Alias("Unregister")]
    Task Unregister(string id);

    /// <summary>The ids of all fronts, in ordinal order.</summary>
    [Alias("List"), ReadOnly]
    Task<string[]> List();

    /// <summary>Ways to ask these fronts; a front that is not registered is left out.</summary>
    [Alias("Observers"), ReadOnly]
    Task<IFrontObserver[]> Observers(string[] fronts);
}

/// <summary>Who is up.</summary>
/// <param name="Fronts">Ids of fronts.</param>
/// <param name="Silos">Ids of silos.</param>
/// <param name="WasKnown">Whether the caller was known. If not, its lease had run out, or the directory itself is new.</param>
/// <param name="IsSettled">Whether the directory is up for longer than a lease, so that who is missing is really gone.</param>
[GenerateSerializer, Immutable, Alias("realtime.cluster.view")]
public sealed record ClusterView(
    [property: Id(0)] string[] Fronts,
    [property: Id(1)] string[] Silos,
    [property: Id(2)] bool WasKnown,
    [property: Id(3)] bool IsSettled);

/// <summary>Questions that grains ask a front about its local connections.</summary>
[Alias("realtime.front")]
public interface IFrontObserver : IGrainObserver
{
    /// <summary>The rooms that the user's connections at this front are in.</summary>
    [Alias("RoomsOf")]
    Task<string[]> RoomsOf(string user);
}

/// <summary>
/// The names of the rooms that have members. Sharded, so that opening many rooms loads no single grain:
/// keys 0 to <see cref="Shards"/> - 1, a room's by <see cref="ShardOf"/>.
/// </summary>
[Alias("realtime.rooms")]
public interface IRoomDirectoryGrain : IGrainWithIntegerKey
{
    /// <summary>How many shards there are. Part of the cluster's protocol: all processes must agree on it.</summary>
    const int Shards = 16;

    /// <summary>The room got its first member.</summary>
    [Alias("Opened")]
    Task Opened(string room);

    /// <summary>The room's last member left.</summary>
    [Alias("Closed")]
    Task Closed(string room);

    /// <summary>Room names of this shard in ordinal order, those after <paramref name="after"/> only.</summary>
    [Alias("List"), ReadOnly]
    Task<string[]> List(string? after, int limit);

    /// <summary>The shard that a room belongs to (FNV-1a of its UTF-16 units: the same in every process).</summary>
    static int ShardOf(string room)
    {
        var hash = 2166136261u;
        foreach (var unit in room)
            hash = unchecked((hash ^ unit) * 16777619u);
        return (int)(hash % Shards);
    }
}
