using System.Text.Json;
using Realtime.Grains;

namespace Realtime.WebFront.Protocol;

/// <summary>The id by which a client matches an answer to its frame.</summary>
internal static class FrameId
{
    /// <summary>
    /// Looks for the id of a frame that is not valid JSON, before the fault or behind it: a string named <c>id</c> at the top
    /// of what begins as an object. Null when there is none that could be sent back.
    /// </summary>
    public static string? Find(ReadOnlySpan<byte> json)
    {
        var depth = 0;
        for (var at = JsonFault.SkipSpace(json, 0); at < json.Length; at++)
        {
            switch (json[at])
            {
                case (byte)'{' or (byte)'[':
                    depth++;
                    break;
                case (byte)'}' or (byte)']':
                    depth--;
                    break;
                case (byte)'"':
                    var text = TakeString(json, ref at);
                    if (depth == 1 && IsName(text) && ValueAt(json, at) is { } id)
                        return id;
                    at--;
                    break;
            }
            if (depth < 1)
                return null;
        }
        return null;
    }

    /// <summary>A string with its quotes; whatever is wrong in it.</summary>
    private static ReadOnlySpan<byte> TakeString(ReadOnlySpan<byte> json, ref int at)
    {
        var start = at++;
        while (at < json.Length && json[at] != '"')
            at += json[at] == '\\' ? 2 : 1;
        at = Math.Min(at + 1, json.Length);
        return json[start..at];
    }

    private static bool IsName(ReadOnlySpan<byte> text)
    {
        if (!text.Contains((byte)'\\'))
            return text.SequenceEqual("\"id\""u8);
        if (JsonFault.Find(text, 0) is not null)
            return false;
        var reader = new Utf8JsonReader(text);
        reader.Read();
        return reader.ValueTextEquals("id"u8);
    }

    private static string? ValueAt(ReadOnlySpan<byte> json, int at)
    {
        at = JsonFault.SkipSpace(json, at);
        if (at == json.Length || json[at] != ':')
            return null;
        at = JsonFault.SkipSpace(json, at + 1);
        if (at == json.Length || json[at] != '"')
            return null;
        var value = TakeString(json, ref at);
        if (JsonFault.Find(value, 0) is not null)
            return null;
        var reader = new Utf8JsonReader(value);
        reader.Read();
        return reader.GetString() is { } id && PublishId.Problem(id) is null ? id : null;
    }
}
