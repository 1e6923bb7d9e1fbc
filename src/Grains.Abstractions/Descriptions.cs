namespace Realtime.Grains;

/// <summary>A page of a room's user ids.</summary>
/// <param name="Users">In ordinal order.</param>
/// <param name="Total">How many users are in the room.</param>
/// <param name="Next">What to pass as <c>after</c> for the next page; null on the last.</param>
[GenerateSerializer, Immutable, Alias("realtime.members")]
public sealed record MembersPage(
    [property: Id(0)] string[] Users,
    [property: Id(1)] int Total,
    [property: Id(2)] string? Next);

/// <summary>A page of a room's messages.</summary>
/// <param name="Epoch">The room's epoch; empty when nobody uses the room, or has for so long that nothing is left of it.</param>
/// <param name="Messages">Oldest first.</param>
/// <param name="More">Whether the room has older ones; the next page is before the first of these.</param>
[GenerateSerializer, Immutable, Alias("realtime.history")]
public sealed record HistoryPage(
    [property: Id(0)] string Epoch,
    [property: Id(1)] FrontEvent[] Messages,
    [property: Id(2)] bool More);

/// <summary>A room as it is now.</summary>
/// <param name="Members">Users in it.</param>
/// <param name="Connections">Their connections in it.</param>
/// <param name="Fronts">Fronts that those are on.</param>
/// <param name="Position">The room's epoch and its last message's number; an empty epoch and 0 when nobody uses the room.</param>
[GenerateSerializer, Immutable, Alias("realtime.room.description")]
public sealed record RoomDescription(
    [property: Id(0)] int Members,
    [property: Id(1)] int Connections,
    [property: Id(2)] int Fronts,
    [property: Id(3)] Position Position);

/// <summary>One connection of a user.</summary>
[GenerateSerializer, Immutable, Alias("realtime.user.connection")]
public sealed record UserConnection(
    [property: Id(0)] string Front,
    [property: Id(1)] string Connection,
    [property: Id(2)] DateTimeOffset ConnectedAt);

/// <summary>A user as it is now.</summary>
[GenerateSerializer, Immutable, Alias("realtime.user.description")]
public sealed record UserDescription(
    [property: Id(0)] UserConnection[] Connections,
    [property: Id(1)] string[] Rooms);
