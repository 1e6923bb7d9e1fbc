namespace Realtime.Grains;

/// <summary>
/// The fronts and silos that are up: each renews its lease twice a second, and one whose lease has ended is
/// out. One grain, key <see cref="Key"/>.
/// </summary>
[Alias("realtime.fronts")]
public interface IFrontDirectoryGrain : IGrainWithIntegerKey
{
    /// <summary>The only key.</summary>
    const long Key = 0;

    /// <summary>Renews the lease of a front, with a reference to ask it for its connections.</summary>
    /// <exception cref="ArgumentException">The front is of a version that does not go with this cluster.</exception>
    [Alias("RenewFront")]
    Task<ClusterView> RenewFront(FrontReport report, IFrontObserver observer);

    /// <summary>Renews the lease of a silo, with a reference to ask it for its rooms.</summary>
    [Alias("RenewSilo")]
    Task<ClusterView> RenewSilo(string silo, ISiloObserver observer);

    /// <summary>A front or a silo that stops takes itself out.</summary>
    [Alias("Unregister")]
    Task Unregister(string id);

    /// <summary>The fronts that are up, in ordinal order of their ids.</summary>
    [Alias("Fronts"), ReadOnly]
    Task<FrontEntry[]> Fronts();

    /// <summary>The silos that are up, in ordinal order of their ids.</summary>
    [Alias("Silos"), ReadOnly]
    Task<SiloEntry[]> Silos();
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

/// <summary>What a front says of itself.</summary>
/// <param name="Front">Its id.</param>
/// <param name="Version">What it speaks: <see cref="Current"/> of its build.</param>
/// <param name="Connections">How many it has.</param>
[GenerateSerializer, Immutable, Alias("realtime.front.report")]
public sealed record FrontReport([property: Id(0)] string Front, [property: Id(1)] int Version, [property: Id(2)] int Connections)
{
    /// <summary>Grows when fronts and silos of before can no longer work together.</summary>
    public const int Current = 2;
}

/// <summary>A front that is up, and how to ask it.</summary>
[GenerateSerializer, Immutable, Alias("realtime.front.entry")]
public sealed record FrontEntry([property: Id(0)] string Front, [property: Id(1)] int Connections, [property: Id(2)] IFrontObserver Observer);

/// <summary>A silo that is up, and how to ask it.</summary>
[GenerateSerializer, Immutable, Alias("realtime.silo.entry")]
public sealed record SiloEntry([property: Id(0)] string Silo, [property: Id(1)] ISiloObserver Observer);

/// <summary>Questions that grains ask a front about its local connections.</summary>
[Alias("realtime.front")]
public interface IFrontObserver : IGrainObserver
{
    /// <summary>The rooms that the user's connections at this front are in.</summary>
    [Alias("RoomsOf"), ResponseTimeout("00:00:03")]
    Task<string[]> RoomsOf(string user);

    /// <summary>How many of the user's connections here have the user's inbox.</summary>
    [Alias("InboxesOf"), ResponseTimeout("00:00:03")]
    Task<int> InboxesOf(string user);

    /// <summary>Connections of this front in ordinal order of their ids, those after <paramref name="after"/> only.</summary>
    [Alias("Connections"), ResponseTimeout("00:00:03")]
    Task<FrontConnections> Connections(string? after, int limit, ConnectionFilter? filter);

    /// <summary>What it says of itself.</summary>
    [Alias("Describe"), ResponseTimeout("00:00:03")]
    Task<FrontDetails> Describe();

    /// <summary>What went wrong here lately, the newest first.</summary>
    [Alias("Errors"), ResponseTimeout("00:00:03")]
    Task<FrontError[]> Errors(string? kind, int limit);

    /// <summary>Takes no more clients and closes those that there are, or ends that; returns how many connections there are.</summary>
    [Alias("Drain"), ResponseTimeout("00:00:03")]
    Task<int> Drain(bool isOn);

    /// <summary>Entries of <see cref="IRevocationGrain"/> that are new; completes when the connections that they concern are told to close.</summary>
    [Alias("Revoke"), ResponseTimeout("00:00:02")]
    Task Revoke(Revocation[] entries);

    /// <summary>Takes the user's connections at this front out of a room, those on their way into it too; returns how many.</summary>
    [Alias("Remove"), ResponseTimeout("00:00:03")]
    Task<int> Remove(string room, string user);

    /// <summary>Puts the user's connections at this front into a room; returns how many are in it then.</summary>
    [Alias("Join"), ResponseTimeout("00:00:08"), AlwaysInterleave] // it waits for the application's access, and for the room
    Task<int> Join(string room, string user);

    /// <summary>Closes a connection (close code 4002) if it is here, and of that user if one is given; returns how many, 0 or 1.</summary>
    [Alias("Close"), ResponseTimeout("00:00:03")]
    Task<int> Close(string connection, string? user, string? reason);

    /// <summary>Asks anew what the user's connections at this front may do; returns of how many memberships, which are asked one after the other.</summary>
    [Alias("ReauthorizeUser"), ResponseTimeout("00:00:03")]
    Task<int> ReauthorizeUser(string user);

    /// <summary>Asks anew what the room's members at this front may do; returns how many there are.</summary>
    [Alias("ReauthorizeRoom"), ResponseTimeout("00:00:03")]
    Task<int> ReauthorizeRoom(string room);

    /// <summary>Gives a session of this front, whose frames go down as server-sent events, what its client posted. Never waits.</summary>
    [Alias("Post"), ResponseTimeout("00:00:03")]
    Task<SessionPostResult> Post(SessionPost post);

    /// <summary>Calls a method of the user's connections at this front; the first result, or why there is none. Never fails by itself.</summary>
    [Alias("Call"), ResponseTimeout("00:02:10"), AlwaysInterleave] // it waits for clients
    Task<CallAnswer> Call(string user, string method, [Immutable] byte[]? data, TimeSpan timeout);
}

/// <summary>Connections of a front.</summary>
/// <param name="Total">How many it has that were asked for, on all pages together.</param>
/// <param name="Page">Those of the page.</param>
[GenerateSerializer, Immutable, Alias("realtime.front.connections")]
public sealed record FrontConnections([property: Id(0)] int Total, [property: Id(1)] ConnectionDescription[] Page);

/// <summary>Questions that grains ask a silo about what is on it.</summary>
[Alias("realtime.silo")]
public interface ISiloObserver : IGrainObserver
{
    /// <summary>
    /// Rooms with members on this silo in ordinal order of their names, those after <paramref name="after"/> only, and only those whose names
    /// begin with <paramref name="prefix"/>.
    /// </summary>
    [Alias("Rooms"), ResponseTimeout("00:00:03")]
    Task<RoomSummary[]> Rooms(string? after, int limit, string? prefix);

    /// <summary>What it says of itself.</summary>
    [Alias("Describe"), ResponseTimeout("00:00:03")]
    Task<SiloDetails> Describe();
}
