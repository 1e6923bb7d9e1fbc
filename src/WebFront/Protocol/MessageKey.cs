using System.Text;
using System.Text.Json;
using Realtime.Grains;

namespace Realtime.WebFront.Protocol;

/// <summary>Finds the key of a message for <see cref="RoomPolicy.Conflate"/>.</summary>
internal static class MessageKey
{
    /// <summary>The value of a top level member of <c>data</c>; null when the frame is no message, or has none that is a short string or a number.</summary>
    public static string? Read(ReadOnlySpan<byte> frame, ReadOnlySpan<byte> member)
    {
        if (!frame.StartsWith(MessageFrames.MessageStart))
            return null; // unwrapped
        try
        {
            var json = new Utf8JsonReader(frame);
            json.Read();
            return Enter(ref json, "data"u8) && json.TokenType == JsonTokenType.StartObject && Enter(ref json, member) ? Value(ref json) : null;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return null; // deeper than the reader goes, or a string that is not Unicode
        }
    }

    /// <summary>From the start of an object to the value of its member; false at its end.</summary>
    private static bool Enter(ref Utf8JsonReader json, ReadOnlySpan<byte> member)
    {
        while (json.Read() && json.TokenType == JsonTokenType.PropertyName)
        {
            var found = json.ValueTextEquals(member);
            json.Read();
            if (found)
                return true;
            json.Skip();
        }
        return false;
    }

    private static string? Value(ref Utf8JsonReader json) => json.TokenType switch
    {
        _ when json.ValueSpan.Length > Limits.NameBytes => null, // keys are kept beside the queue, whose bound they are not to pass
        JsonTokenType.String => json.GetString(),
        JsonTokenType.Number => Encoding.ASCII.GetString(json.ValueSpan),
        _ => null,
    };
}
