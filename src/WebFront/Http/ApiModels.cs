using System.Text.Json;
using System.Text.Json.Serialization;
using Realtime.Grains;

namespace Realtime.WebFront.Http;

/// <summary>A message to a room or a user.</summary>
/// <param name="Content">Text for people; this or <paramref name="Data"/> is needed.</param>
/// <param name="Data">Any JSON.</param>
/// <param name="From">Who the receivers see as its sender; nobody when absent.</param>
/// <param name="Id">Names this publish, so that a repeat is not delivered twice; or the header <c>Idempotency-Key</c>.</param>
internal sealed record SendRequest(string? Content, JsonElement? Data, string? From, string? Id);

/// <summary>Where the message stands in the room.</summary>
internal sealed record RoomSendResponse(string Room, string Epoch, long Seq, long Timestamp);

/// <summary>How many connections of the user the message went to; 0 when the user is away.</summary>
internal sealed record UserSendResponse(string User, int Connections);

internal sealed record RoomsResponse(IReadOnlyList<RoomSummary> Rooms, string? Next);

internal sealed record RoomResponse(string Room, int Members, int Connections, int Fronts, string Epoch, long Seq);

internal sealed record MembersResponse(string Room, IReadOnlyList<string> Members, int Total, string? Next);

internal sealed record UserResponse(string User, IReadOnlyList<UserConnectionResponse> Connections, IReadOnlyList<string> Rooms);

internal sealed record UserConnectionResponse(string Id, string Front, DateTimeOffset ConnectedAt);

internal sealed record DisconnectRequest(string? Reason);

/// <summary>Connections of the cluster, or of one front of it.</summary>
/// <param name="Count">How many there are.</param>
internal sealed record ConnectionsResponse(int Count, IReadOnlyList<ConnectionDescription> Connections, string? Next);

/// <summary>The cluster as it is now.</summary>
/// <param name="Front">The front that answers.</param>
/// <param name="Connections">Of all fronts together; up to half a second old.</param>
internal sealed record ClusterResponse(string Front, int Connections, IReadOnlyList<FrontDescription> Fronts, IReadOnlyList<string> Silos);

/// <summary>How many fronts the message went to.</summary>
internal sealed record BroadcastResponse(int Fronts);

[JsonSourceGenerationOptions(JsonSerializerDefaults.Web)]
[JsonSerializable(typeof(SendRequest))]
[JsonSerializable(typeof(RoomSendResponse))]
[JsonSerializable(typeof(UserSendResponse))]
[JsonSerializable(typeof(RoomsResponse))]
[JsonSerializable(typeof(RoomResponse))]
[JsonSerializable(typeof(MembersResponse))]
[JsonSerializable(typeof(UserResponse))]
[JsonSerializable(typeof(DisconnectRequest))]
[JsonSerializable(typeof(ConnectionsResponse))]
[JsonSerializable(typeof(ClusterResponse))]
[JsonSerializable(typeof(BroadcastResponse))]
[JsonSerializable(typeof(Microsoft.AspNetCore.Mvc.ProblemDetails))]
internal sealed partial class ApiJson : JsonSerializerContext;
