using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Realtime.Grains;

/// <summary>A page of a room's user ids.</summary>
/// <param name="Users">In ordinal order.</param>
/// <param name="Total">How many users are in the room.</param>
/// <param name="Next">What to pass as <c>after</c> for the next page; null on the last.</param>
[GenerateSerializer, Immutable, Alias("realtime.members")]
public sealed record MembersPage(
    [property: Id(0)] string[] Users,
    [property: Id(1)] int Total,
    [property: Id(2)] string? Next)
{
    /// <summary>What <c>Users[i]</c> shows of itself is at index <c>i</c>: JSON in UTF-8, null for nothing. Null when none of them shows anything.</summary>
    [Id(3)] public byte[]?[]? Data { get; init; }

    /// <summary>The room's event order when the page was made: changes up to it are in the page.</summary>
    [Id(4)] public long Order { get; init; }

    /// <summary>The members <c>users</c>, <c>data</c> if there is any, and <c>next</c> of a frame.</summary>
    internal void WriteTo(Utf8JsonWriter json)
    {
        json.WriteStartArray("users"u8);
        foreach (var user in Users)
            json.WriteStringValue(user);
        json.WriteEndArray();
        if (Data is not null)
        {
            json.WriteStartObject("data"u8);
            for (var i = 0; i < Data.Length; i++)
            {
                if (Data[i] is not { } data)
                    continue;
                json.WritePropertyName(Users[i]);
                json.WriteRawValue(data, skipInputValidation: true);
            }
            json.WriteEndObject();
        }
        if (Next is not null)
            json.WriteString("next"u8, Next);
    }

    /// <summary>The same as text, without braces around.</summary>
    internal byte[] ToMembers()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using var json = new Utf8JsonWriter(buffer, new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });
        json.WriteStartObject();
        WriteTo(json);
        json.WriteEndObject();
        json.Flush();
        return buffer.WrittenSpan[1..^1].ToArray();
    }
}

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
    [property: Id(3)] Position Position)
{
    /// <summary>The silo that has it in memory; null when nobody uses the room.</summary>
    [Id(4)] public string? Silo { get; init; }
}

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
