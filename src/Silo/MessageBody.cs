using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Realtime.Silo;

/// <summary>
/// Encodes the <c>content</c> and <c>data</c> of a service's message once, as the JSON members that every front puts
/// into its frames.
/// </summary>
internal static class MessageBody
{
    private static readonly JsonWriterOptions s_options = new()
    {
        // The body never stands in HTML; escaping beyond what JSON asks for only makes it longer.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <exception cref="ArgumentException">Neither content nor data, or data is not one JSON value, or a name or id is not allowed.</exception>
    public static byte[] Encode(RoomMessage message)
    {
        ArgumentNullException.ThrowIfNull(message);
        if (message.From is not null)
            Names.Check(message.From, "sender");
        if (message.Id is not null && (message.Id.Length == 0 || System.Text.Encoding.UTF8.GetByteCount(message.Id) > Limits.IdBytes))
            throw new ArgumentException($"The id of a message must have 1 to {Limits.IdBytes} bytes of UTF-8.");
        if (message.Content is null && message.Data is null)
            throw new ArgumentException("A message needs content or data.");

        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, s_options))
        {
            writer.WriteStartObject();
            if (message.Content is not null)
                writer.WriteString("content"u8, message.Content);
            if (message.Data is not null)
                WriteData(writer, message.Data);
            writer.WriteEndObject();
        }
        return buffer.WrittenSpan[1..^1].ToArray();
    }

    private static void WriteData(Utf8JsonWriter writer, string data)
    {
        try
        {
            using var parsed = JsonDocument.Parse(data);
            writer.WritePropertyName("data"u8);
            parsed.RootElement.WriteTo(writer);
        }
        catch (JsonException exception)
        {
            throw new ArgumentException($"The data of a message must be one JSON value: {exception.Message}", exception);
        }
    }
}
