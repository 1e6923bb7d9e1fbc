using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace Realtime.Silo;

/// <summary>
/// What a room, a user or everybody is sent: the <c>content</c> and <c>data</c> of a message as the JSON members that every front
/// puts into its frames, or the frame itself. The one door for all of it: clients, HTTP and services have the same bounds.
/// </summary>
internal static class MessageBody
{
    // The body never stands in HTML; escaping beyond what JSON asks for only makes it longer.
    private static readonly JavaScriptEncoder s_encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping;

    private static ReadOnlySpan<byte> ContentName => "\"content\":"u8;

    private static ReadOnlySpan<byte> DataName => "\"data\":"u8;

    /// <summary>Encodes a service's message, once for all fronts.</summary>
    /// <param name="message">The message.</param>
    /// <param name="bound"><see cref="Rooms.RoomOptions.MaxContentBytes"/>.</param>
    /// <param name="isForRoom">Whether a room gets it, which alone knows ephemeral ones.</param>
    /// <exception cref="RequestException">Neither content nor data, data that is not one JSON value, too much of either, or a sender, id or key that is not allowed.</exception>
    public static byte[] Encode(RoomMessage message, int bound, bool isForRoom = false)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (message.From is not null)
            Names.Check(message.From, "sender");
        var hasBody = message.Content is not null || message.Data is not null;
        if ((PublishId.Problem(message.Id) ?? PlaceProblem(message, isForRoom, hasBody) ?? (hasBody || message.IsDeleted ? null : "A message needs content or data.")) is { } problem)
            throw BadRequest(problem);
        if (!hasBody)
            return [];
        var content = message.Content is null ? [] : EncodeContent(message.Content, bound);
        var data = message.Data is null ? [] : JsonData.Encode(message.Data, bound);
        return (content.Length, data.Length) switch
        {
            (_, 0) => [.. ContentName, .. content],
            (0, _) => [.. DataName, .. data],
            _ => [.. ContentName, .. content, (byte)',', .. DataName, .. data],
        };
    }

    /// <summary>The members with the key of the room's state in front; of a deletion that is all.</summary>
    /// <param name="change">Names the key.</param>
    /// <param name="members">As <see cref="Encode"/> makes them.</param>
    /// <param name="expires">From when on the key is gone; 0 for never.</param>
    public static byte[] WithKey(Rooms.StateChange change, byte[] members, long expires)
    {
        byte[] key = [.. "\"key\":\""u8, .. JsonEncodedText.Encode(change.Key, s_encoder).EncodedUtf8Bytes, (byte)'"', (byte)','];
        if (change.IsDeleted)
            return [.. key, .. "\"deleted\":true"u8];
        return expires == 0 ? [.. key, .. members]
            : [.. key, .. "\"expires\":"u8, .. Encoding.ASCII.GetBytes(expires.ToString(CultureInfo.InvariantCulture)), (byte)',', .. members];
    }

    private static string? PlaceProblem(RoomMessage message, bool isForRoom, bool hasBody) => isForRoom
        ? KeyRules.Problem(message.Key, message.IsEphemeral, message.IfVersion, TtlOf(message), message.IsDeleted, hasBody) ?? (PublishId.Problem(message.Exclude) is null ? null
            : $"'exclude' is the id of a connection: 1 to {Limits.IdBytes} bytes of UTF-8.")
        : message.IsEphemeral || message.Key is not null || message.Exclude is not null || message.IfVersion is not null || message.Ttl is not null || message.IsDeleted
            ? "Only a message to a room may be ephemeral, have a key, or exclude a connection." : null;

    /// <summary>How long a key of the room's state lives, milliseconds.</summary>
    public static long? TtlOf(RoomMessage message) => message.Ttl is { } ttl ? (long)Math.Clamp(ttl.TotalMilliseconds, -1, long.MaxValue / 2) : null;

    /// <summary>A text frame of a service.</summary>
    /// <exception cref="RequestException">It is too long, or not Unicode.</exception>
    public static byte[] Text(string text, int bound)
    {
        ArgumentNullException.ThrowIfNull(text);
        if (text.Length > bound || Encoding.UTF8.GetByteCount(text) > bound)
            throw TooLong("The text", bound);
        return Utf8Of(text, "The text");
    }

    /// <summary>A binary frame of a service.</summary>
    /// <exception cref="RequestException">It is too long.</exception>
    public static byte[] Binary(byte[] data, int bound)
    {
        ArgumentNullException.ThrowIfNull(data);
        return data.Length <= bound ? data : throw TooLong("The data", bound);
    }

    /// <summary>Says what is wrong with what a front sends for a client, encoded as here; null when nothing is.</summary>
    public static RequestException? Problem(byte[] body, int bound)
    {
        ArgumentNullException.ThrowIfNull(body);
        ReadOnlySpan<byte> rest = body;
        if (!Utf8.IsValid(rest))
            return BadRequest("The body of a message must be UTF-8.");
        if (rest.StartsWith(ContentName))
        {
            var end = ContentName.Length;
            if (end == rest.Length || rest[end] != '"' || JsonFault.SkipString(rest, ref end) is not null)
                return NotMembers();
            if (end - ContentName.Length - 2 > bound)
                return TooLong("'content'", bound);
            rest = rest[end..];
            if (rest.IsEmpty)
                return null;
            if (rest[0] != ',')
                return NotMembers();
            rest = rest[1..];
        }
        if (!rest.StartsWith(DataName))
            return NotMembers();
        rest = rest[DataName.Length..];
        if (JsonFault.Find(rest, Limits.DataDepth) is { } fault)
            return BadRequest($"The data of a message must be one JSON value, nested at most {Limits.DataDepth} deep; there is {fault}.");
        return rest.Length > bound ? TooLong("'data'", bound) : null;

        static RequestException NotMembers() => BadRequest("The body of a message must be the members content and data as JSON.");
    }

    /// <summary>The same for what a member of a room shows of itself: one JSON value.</summary>
    public static RequestException? DataProblem(byte[] data, int bound, string setting)
    {
        if (data.Length > bound)
            return new(RequestException.ContentTooLong, $"'data' has {data.Length} bytes; of a member it may have {bound} ({setting}).");
        if (!Utf8.IsValid(data))
            return BadRequest("The data of a member must be UTF-8.");
        return JsonFault.Find(data, Limits.DataDepth) is { } fault
            ? BadRequest($"The data of a member must be one JSON value, nested at most {Limits.DataDepth} deep; there is {fault}.")
            : null;
    }

    private static byte[] EncodeContent(string content, int bound)
    {
        CheckUnicode(content, "The content");
        if (content.Length > bound) // a UTF-16 unit is at least one byte
            throw TooLong("'content'", bound);
        var encoded = JsonEncodedText.Encode(content, s_encoder).EncodedUtf8Bytes;
        if (encoded.Length > bound)
            throw TooLong("'content'", bound);
        return [(byte)'"', .. encoded, (byte)'"'];
    }

    private static byte[] Utf8Of(string text, string what)
    {
        CheckUnicode(text, what);
        return Encoding.UTF8.GetBytes(text);
    }

    private static void CheckUnicode(string text, string what)
    {
        if (UnicodeText.IndexOfUnpaired(text) is var at and >= 0)
            throw BadRequest($"{what} has an unpaired surrogate at index {at}; it must be valid Unicode.");
    }

    private static RequestException BadRequest(string problem) => new(RequestException.BadRequest, problem);

    private static RequestException TooLong(string what, int bound) =>
        new(RequestException.ContentTooLong, $"{what} is too long; it may have {bound} bytes (Rooms:MaxContentBytes), in JSON as it is sent.");
}
