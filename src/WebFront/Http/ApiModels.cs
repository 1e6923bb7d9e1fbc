using System.Text.Json;
using System.Text.Json.Serialization;

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

internal sealed record RoomSummary(string Room, int Members);

internal sealed record RoomResponse(string Room, int Members, int Connections, int Fronts, string Epoch, long Seq);

internal sealed record MembersResponse(string Room, IReadOnlyList<string> Members, int Total, string? Next);

internal sealed record UserResponse(string User, IReadOnlyList<UserConnectionResponse> Connections, IReadOnlyList<string> Rooms);

internal sealed record UserConnectionResponse(string Id, string Front, DateTimeOffset ConnectedAt);

internal sealed record DisconnectRequest(string? Reason);

/// <summary>The connections of this front.</summary>
internal sealed record ConnectionsResponse(string Front, int Count, IReadOnlyList<ConnectionResponse> Connections, string? Next);

internal sealed record ConnectionResponse(
    string Id, string? User, string? RemoteAddress, DateTimeOffset ConnectedAt, IReadOnlyCollection<string> Rooms, int QueuedMessages);

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
[JsonSerializable(typeof(Microsoft.AspNetCore.Mvc.ProblemDetails))]
internal sealed partial class ApiJson : JsonSerializerContext;
