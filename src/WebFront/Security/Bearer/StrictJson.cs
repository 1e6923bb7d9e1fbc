using System.Diagnostics.CodeAnalysis;
using System.Text.Json;
using System.Text.Unicode;

namespace Realtime.WebFront.Security;

/// <summary>
/// Reads JSON that comes from outside without ever throwing: one object, valid UTF-8, every name once (RFC 7515
/// section 4 and RFC 7519 section 4 forbid duplicates; two readers that pick different ones would disagree on a token).
/// </summary>
internal static class StrictJson
{
    // Deeper than any claim in use; it only bounds the work on hostile input.
    private const int MaxDepth = 16;

    private static readonly JsonDocumentOptions s_options = new() { AllowDuplicateProperties = false, MaxDepth = MaxDepth };

    /// <summary>The document, to be disposed by the caller; null when the bytes are anything but one such object.</summary>
    public static JsonDocument? ParseObject(ReadOnlyMemory<byte> utf8)
    {
        if (!Utf8.IsValid(utf8.Span))
            return null;

        try
        {
            var document = JsonDocument.Parse(utf8, s_options);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
                return document;
            document.Dispose();
            return null;
        }
        catch (Exception e) when (IsBadText(e))
        {
            return null;
        }
    }

    /// <summary>False when the value is no string, or one that holds half of a surrogate pair (<c>"\ud800"</c>).</summary>
    public static bool TryGetString(this JsonElement value, [NotNullWhen(true)] out string? text)
    {
        text = null;
        if (value.ValueKind != JsonValueKind.String)
            return false;

        try
        {
            text = value.GetString()!;
            return true;
        }
        catch (Exception e) when (IsBadText(e))
        {
            return false;
        }
    }

    /// <summary>The string under <paramref name="name"/>; null when absent; false when it is there and no string.</summary>
    public static bool TryGetOptionalString(this JsonElement source, string name, out string? text)
    {
        text = null;
        return !source.TryGetProperty(name, out var value) || value.TryGetString(out text);
    }

    // System.Text.Json reports an escaped half of a surrogate pair with InvalidOperationException.
    private static bool IsBadText(Exception e) => e is JsonException or InvalidOperationException;
}
