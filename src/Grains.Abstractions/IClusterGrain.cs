namespace Realtime.Grains;

/// <summary>The whole cluster: every room, every connection, everybody. One grain, key <see cref="Key"/>.</summary>
/// <remarks>
/// Listings are gathered from all silos or fronts at the moment of asking; one that does not answer within
/// seconds is left out. Every method throws <see cref="ArgumentException"/> when an argument is not allowed.
/// </remarks>
[Alias("realtime.cluster")]
public interface IClusterGrain : IGrainWithIntegerKey
{
    /// <summary>The only key.</summary>
    const long Key = 0;

    /// <summary>The fronts and silos that are up. Counts are those of their last lease renewal, half a second ago at most.</summary>
    [Alias("Describe")]
    Task<ClusterDescription> Describe();

    /// <summary>The fronts that are up, each with what it says of itself.</summary>
    [Alias("Fronts"), ResponseTimeout("00:00:05")]
    Task<FrontDetails[]> Fronts();

    /// <summary>The silos that are up, each with what it says of itself.</summary>
    [Alias("Silos"), ResponseTimeout("00:00:05")]
    Task<SiloDetails[]> Silos();

    /// <summary>
    /// The rooms that have members, in ordinal order of their names, those after <paramref name="after"/> only, and only those whose names begin
    /// with <paramref name="prefix"/>. <paramref name="limit"/> is 1 to <see cref="Limits.PageSize"/>.
    /// </summary>
    [Alias("Rooms"), ResponseTimeout("00:00:05")]
    Task<RoomsPage> Rooms(string? after = null, int limit = Limits.PageSize, string? prefix = null);

    /// <summary>
    /// The connections of all fronts, or of one, in ordinal order of their ids, those after <paramref name="after"/> only, and only those that
    /// <paramref name="filter"/> wants. <paramref name="limit"/> is 1 to <see cref="Limits.PageSize"/>.
    /// </summary>
    [Alias("Connections"), ResponseTimeout("00:00:05")]
    Task<ConnectionsPage> Connections(string? after = null, int limit = Limits.PageSize, string? front = null, ConnectionFilter? filter = null);

    /// <summary>
    /// What went wrong lately at all fronts, or at one, the newest first. Each front remembers 128 of each kind, in memory.
    /// <paramref name="limit"/> is 1 to <see cref="Limits.PageSize"/>.
    /// </summary>
    /// <param name="limit">How many.</param>
    /// <param name="kind">Only those of one of <see cref="FrontError.Kinds"/>.</param>
    /// <param name="front">Only those of this front.</param>
    [Alias("Errors"), ResponseTimeout("00:00:05")]
    Task<FrontError[]> Errors(int limit = Limits.PageSize, string? kind = null, string? front = null);

    /// <summary>
    /// Has a front take no more clients, so that it is not ready for load balancers either, and close those that it has, over
    /// <c>Connections:DrainTime</c>, each with a time to come back at. It stays so until it is told otherwise, or ends.
    /// </summary>
    /// <param name="front">The front's id.</param>
    /// <param name="isOn">False to end that.</param>
    /// <returns>How many connections it has now; null when there is no such front.</returns>
    /// <remarks>When the front does not answer the call fails, and may be made again.</remarks>
    [Alias("Drain")]
    Task<int?> Drain(string front, bool isOn = true);

    /// <summary>Closes one connection, whose ever it is (close code 4002); false when it is on no front. The reason has at most <see cref="Limits.ReasonBytes"/> bytes.</summary>
    /// <remarks>Every front is asked. When one does not answer the call fails, and may be made again.</remarks>
    [Alias("Close")]
    Task<bool> Close(string connection, string? reason = null);

    /// <summary>Gives a session of a front what its client posted to another one.</summary>
    /// <remarks>A post may be repeated: it is recognised by its number. When the front does not answer the call fails.</remarks>
    [Alias("Post")]
    Task<SessionPostResult> Post(string front, SessionPost post);

    /// <summary>Sends a message to every connection of every front; returns how many fronts there are.</summary>
    [Alias("Broadcast")]
    Task<int> Broadcast(RoomMessage message);

    /// <summary>Sends a text frame of its own, without the protocol's envelope, to every connection of every front.</summary>
    [Alias("BroadcastText")]
    Task<int> BroadcastText(string text);

    /// <summary>Sends a binary frame of its own, without the protocol's envelope, to every connection of every front.</summary>
    [Alias("BroadcastBinary")]
    Task<int> BroadcastBinary([Immutable] byte[] data);
}

/// <summary>The cluster as it is now.</summary>
[GenerateSerializer, Immutable, Alias("realtime.cluster.description")]
public sealed record ClusterDescription(
    [property: Id(0)] FrontDescription[] Fronts,
    [property: Id(1)] string[] Silos)
{
    /// <summary>How many connections all fronts have together.</summary>
    public int Connections => Fronts.Sum(front => front.Connections);
}

/// <summary>A front.</summary>
/// <param name="Front">Its id.</param>
/// <param name="Connections">How many it has.</param>
[GenerateSerializer, Immutable, Alias("realtime.front.description")]
public readonly record struct FrontDescription([property: Id(0)] string Front, [property: Id(1)] int Connections);

/// <summary>A page of rooms.</summary>
/// <param name="Rooms">In ordinal order of their names.</param>
/// <param name="Next">What to pass as <c>after</c> for the next page; null on the last.</param>
[GenerateSerializer, Immutable, Alias("realtime.rooms.page")]
public sealed record RoomsPage([property: Id(0)] RoomSummary[] Rooms, [property: Id(1)] string? Next);

/// <summary>A room in a listing.</summary>
[GenerateSerializer, Immutable, Alias("realtime.room.summary")]
public readonly record struct RoomSummary([property: Id(0)] string Room, [property: Id(1)] int Members);

/// <summary>A page of connections.</summary>
/// <param name="Total">How many there are on all pages together.</param>
/// <param name="Connections">In ordinal order of their ids.</param>
/// <param name="Next">What to pass as <c>after</c> for the next page; null on the last.</param>
[GenerateSerializer, Immutable, Alias("realtime.connections.page")]
public sealed record ConnectionsPage(
    [property: Id(0)] int Total, [property: Id(1)] ConnectionDescription[] Connections, [property: Id(2)] string? Next);

/// <summary>A connection of a front.</summary>
[GenerateSerializer, Immutable, Alias("realtime.connection.description")]
public sealed record ConnectionDescription(
    [property: Id(0)] string Id,
    [property: Id(1)] string Front,
    [property: Id(2)] string? User,
    [property: Id(3)] string? RemoteAddress,
    [property: Id(4)] DateTimeOffset ConnectedAt,
    [property: Id(5)] string[] Rooms,
    [property: Id(6)] int QueuedMessages);
