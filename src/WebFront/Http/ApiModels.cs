using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;
using Realtime.Grains;

namespace Realtime.WebFront.Http;

/// <summary>A message to a room, to a user or to everybody.</summary>
internal record SendRequest
{
    /// <summary>Text for people; this or <see cref="Data"/> is needed.</summary>
    public string? Content { get; init; }

    /// <summary>Any JSON, <c>null</c> too; of the kind Undefined when it is absent.</summary>
    public JsonElement Data { get; init; }

    /// <summary>The sender that receivers see; none when absent.</summary>
    public string? From { get; init; }

    /// <summary>Names this publish, so that a repeat is not delivered twice; or the header <c>Idempotency-Key</c>.</summary>
    public string? Id { get; init; }

    /// <summary>To a room: it goes to who is there now, and is neither numbered nor kept.</summary>
    public bool? Ephemeral { get; init; }

    /// <summary>To a room: the key of its state that the message sets. Of an ephemeral message: the newest with it and its sender takes the place of older ones that wait.</summary>
    public string? Key { get; init; }

    /// <summary>The version that the key must have.</summary>
    public long? If { get; init; }

    /// <summary>How long the key lives, milliseconds.</summary>
    public long? Ttl { get; init; }

    /// <summary>The key is deleted.</summary>
    public bool? Deleted { get; init; }

    /// <summary>To a room: the id of a connection that does not get it.</summary>
    public string? Exclude { get; init; }
}

/// <summary>A message of a batch: one to a room, which it names.</summary>
internal sealed record BatchRequest : SendRequest
{
    /// <summary>The room; it is needed.</summary>
    public string? Room { get; init; }
}

/// <summary>Where the message stands in the room, or why it is not there; an ephemeral one stands nowhere.</summary>
/// <param name="Code">An error code; absent when the room has taken the message.</param>
/// <param name="Message">What was wrong and what is allowed.</param>
internal sealed record BatchResponse(string? Room, string? Epoch, long? Seq, long? Timestamp, string? Code = null, string? Message = null)
{
    public static BatchResponse Of(string room, Receipt receipt) => receipt.Sequence == 0
        ? new(room, null, null, receipt.Timestamp)
        : new(room, receipt.Epoch, receipt.Sequence, receipt.Timestamp);

    public static BatchResponse Refused(string code, string message) => new(null, null, null, null, code, message);
}

/// <summary>Where the message stands in the room; an ephemeral one stands nowhere.</summary>
internal sealed record RoomSendResponse(string Room, string? Epoch, long? Seq, long Timestamp)
{
    public static RoomSendResponse Of(string room, Receipt receipt) => receipt.Sequence == 0
        ? new(room, null, null, receipt.Timestamp)
        : new(room, receipt.Epoch, receipt.Sequence, receipt.Timestamp);
}

/// <summary>How many connections of the user the message went to, 0 when the user is not connected; and where it stands in the user's inbox, if there is one.</summary>
internal sealed record UserSendResponse(string User, int Connections, string? Epoch = null, long? Seq = null, long? Timestamp = null);

internal sealed record RoomsResponse(IReadOnlyList<RoomSummary> Rooms, string? Next);

internal sealed record RoomResponse(string Room, int Members, int Connections, int Fronts, string Epoch, long Seq, string? Silo);

/// <summary>Messages of a room, oldest first.</summary>
/// <param name="Epoch">Absent when the room is unused.</param>
/// <param name="More">Whether there are older ones: those before the first of these.</param>
internal sealed record HistoryResponse(string Room, string? Epoch, IReadOnlyList<HistoryMessage> Messages, bool More);

/// <summary>A message as the members of the room got it.</summary>
/// <param name="Type"><c>message</c>, or how a service sent it unwrapped: <c>text</c>, in <paramref name="Content"/>, or <c>binary</c>, as base64 in <paramref name="Data"/>.</param>
/// <param name="Service">True for a message of a service.</param>
/// <param name="Key">The key of the room's state that it has set.</param>
/// <param name="Expires">From when on the key is gone, Unix milliseconds.</param>
/// <param name="Deleted">True when it has deleted the key.</param>
internal sealed record HistoryMessage(
    string Type, string? From, bool? Service, string? Content, JsonElement? Data, long Seq, long Timestamp, string? Key = null, long? Expires = null, bool? Deleted = null)
{
    public static HistoryMessage Of(FrontEvent message)
    {
        switch (message.Kind)
        {
            case FrontEventKind.Text:
                return new("text", null, null, Encoding.UTF8.GetString(message.Body), null, message.Sequence, message.Timestamp);
            case FrontEventKind.Binary:
                return new("binary", null, null, null, JsonSerializer.SerializeToElement(Convert.ToBase64String(message.Body)), message.Sequence, message.Timestamp);
        }
        byte[] json = [(byte)'{', .. message.Body, (byte)'}'];
        using var body = JsonDocument.Parse(json);
        return new(
            "message", message.From, message.IsService ? true : null,
            body.RootElement.TryGetProperty("content", out var content) ? content.GetString() : null,
            body.RootElement.TryGetProperty("data", out var data) ? data.Clone() : null,
            message.Sequence, message.Timestamp,
            body.RootElement.TryGetProperty("key", out var key) ? key.GetString() : null,
            body.RootElement.TryGetProperty("expires", out var expires) ? expires.GetInt64() : null,
            body.RootElement.TryGetProperty("deleted", out _) ? true : null);
    }
}

/// <summary>A page of what the keys of a room's state have.</summary>
/// <param name="Epoch">Absent when the room is unused.</param>
/// <param name="Seq">The room's last message, up to which the page has all changes.</param>
internal sealed record StateResponse(string Room, string? Epoch, long Seq, IReadOnlyList<StateItem> Entries, string? Next);

/// <summary>What a key has.</summary>
/// <param name="Seq">The key's version: the message that has set it.</param>
/// <param name="Expires">From when on it is gone, Unix milliseconds.</param>
internal sealed record StateItem(string Key, string? From, bool? Service, string? Content, JsonElement? Data, long Seq, long Timestamp, long? Expires)
{
    public static StateItem Of(StateEntry entry)
    {
        byte[] json = [(byte)'{', .. entry.Body, (byte)'}'];
        using var body = JsonDocument.Parse(json);
        return new(
            entry.Key, entry.From, entry.IsService ? true : null,
            body.RootElement.TryGetProperty("content", out var content) ? content.GetString() : null,
            body.RootElement.TryGetProperty("data", out var data) ? data.Clone() : null,
            entry.Sequence, entry.Timestamp, entry.Expires > 0 ? entry.Expires : null);
    }
}

/// <param name="Data">What those show of themselves who show anything, by user; absent when nobody does.</param>
internal sealed record MembersResponse(string Room, IReadOnlyList<string> Members, int Total, string? Next, IReadOnlyDictionary<string, JsonElement>? Data)
{
    public static MembersResponse Of(string room, MembersPage page)
    {
        if (page.Data is null)
            return new(room, page.Users, page.Total, page.Next, null);
        var data = new Dictionary<string, JsonElement>();
        for (var i = 0; i < page.Data.Length; i++)
        {
            if (page.Data[i] is not { } json)
                continue;
            using var document = JsonDocument.Parse(json);
            data.Add(page.Users[i], document.RootElement.Clone());
        }
        return new(room, page.Users, page.Total, page.Next, data);
    }
}

internal sealed record UserResponse(string User, IReadOnlyList<UserConnectionResponse> Connections, IReadOnlyList<string> Rooms);

internal sealed record UserConnectionResponse(string Id, string Front, DateTimeOffset ConnectedAt);

/// <summary>A call to a user's clients.</summary>
internal sealed record CallRequest
{
    /// <summary>The bounds of <see cref="Timeout"/>, those of <see cref="IUserGrain.Call"/>.</summary>
    public const long LeastTimeout = 100, MostTimeout = 120_000;

    /// <summary>A name; it is needed.</summary>
    public string? Method { get; init; }

    /// <summary>Any JSON, <c>null</c> too; of the kind Undefined when it is absent.</summary>
    public JsonElement Data { get; init; }

    /// <summary>How long to wait for a result, milliseconds; 10 s when absent.</summary>
    public long? Timeout { get; init; }
}

/// <summary>The first result.</summary>
/// <param name="Data">Absent when it has none.</param>
internal sealed record CallResponse(string User, JsonElement? Data)
{
    public static CallResponse Of(string user, string? result)
    {
        if (result is null)
            return new(user, null);
        using var data = JsonDocument.Parse(result);
        return new(user, data.RootElement.Clone());
    }
}

internal sealed record DisconnectRequest
{
    /// <summary>For the close frame; none when absent.</summary>
    public string? Reason { get; init; }
}

internal sealed record BlockRequest
{
    /// <summary>For how long; the setting's time when absent.</summary>
    public long? Seconds { get; init; }
}

/// <summary>The user who was blocked, let in again or signed out.</summary>
internal sealed record UserChangeResponse(string User);

internal sealed record TokenRevokeRequest
{
    /// <summary>The token's id, its claim of this name.</summary>
    public string? Jti { get; init; }

    /// <summary>The token's expiry, its claim of this name.</summary>
    public long? Exp { get; init; }
}

internal sealed record TokenRevokeResponse(string Jti);

/// <summary>A body in which there is nothing to say.</summary>
internal sealed record EmptyRequest;

/// <summary>How many connections of the user are in the room.</summary>
internal sealed record EntryResponse(string Room, string User, int Connections);

/// <summary>How many connections of the user were taken out of the room.</summary>
internal sealed record RemovalResponse(string Room, string User, int Connections);

/// <summary>How many memberships of the room are asked about anew.</summary>
internal sealed record RoomReauthorizationResponse(string Room, int Memberships);

/// <summary>How many memberships of the user are asked about anew.</summary>
internal sealed record UserReauthorizationResponse(string User, int Memberships);

/// <summary>The connection that was told to close.</summary>
internal sealed record ClosedResponse(string Connection);

/// <summary>Connections of the cluster, or of one front of it.</summary>
/// <param name="Count">How many there are.</param>
internal sealed record ConnectionsResponse(int Count, IReadOnlyList<ConnectionDescription> Connections, string? Next);

/// <summary>The cluster as it is now.</summary>
/// <param name="Front">The front that answers.</param>
/// <param name="Connections">Of all fronts together; up to half a second old.</param>
internal sealed record ClusterResponse(string Front, int Connections, IReadOnlyList<FrontDescription> Fronts, IReadOnlyList<string> Silos);

/// <summary>How many fronts the message went to.</summary>
internal sealed record BroadcastResponse(int Fronts);

// Absent means absent, never null; numbers are numbers. A message in an answer is nested deeper than it was when it came.
[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
    MaxDepth = 128)]
[JsonSerializable(typeof(SendRequest))]
[JsonSerializable(typeof(BatchRequest))]
[JsonSerializable(typeof(BatchResponse[]))]
[JsonSerializable(typeof(RoomSendResponse))]
[JsonSerializable(typeof(UserSendResponse))]
[JsonSerializable(typeof(RoomsResponse))]
[JsonSerializable(typeof(RoomResponse))]
[JsonSerializable(typeof(HistoryResponse))]
[JsonSerializable(typeof(StateResponse))]
[JsonSerializable(typeof(MembersResponse))]
[JsonSerializable(typeof(UserResponse))]
[JsonSerializable(typeof(CallRequest))]
[JsonSerializable(typeof(CallResponse))]
[JsonSerializable(typeof(DisconnectRequest))]
[JsonSerializable(typeof(BlockRequest))]
[JsonSerializable(typeof(UserChangeResponse))]
[JsonSerializable(typeof(TokenRevokeRequest))]
[JsonSerializable(typeof(TokenRevokeResponse))]
[JsonSerializable(typeof(EmptyRequest))]
[JsonSerializable(typeof(EntryResponse))]
[JsonSerializable(typeof(RemovalResponse))]
[JsonSerializable(typeof(RoomReauthorizationResponse))]
[JsonSerializable(typeof(UserReauthorizationResponse))]
[JsonSerializable(typeof(ClosedResponse))]
[JsonSerializable(typeof(ConnectionsResponse))]
[JsonSerializable(typeof(ClusterResponse))]
[JsonSerializable(typeof(BroadcastResponse))]
[JsonSerializable(typeof(FrontsResponse))]
[JsonSerializable(typeof(SilosResponse))]
[JsonSerializable(typeof(DrainResponse))]
[JsonSerializable(typeof(ErrorsResponse))]
[JsonSerializable(typeof(InboxResponse))]
internal sealed partial class ApiJson : JsonSerializerContext;
