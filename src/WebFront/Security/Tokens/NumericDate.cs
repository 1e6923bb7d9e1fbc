using System.Text.Json;

namespace Realtime.WebFront.Security.Tokens;

/// <summary>RFC 7519 section 2: seconds since 1970-01-01T00:00:00Z, with or without a fraction.</summary>
internal static class NumericDate
{
    /// <summary>The end of the year 9999, the last second that <see cref="DateTimeOffset"/> knows.</summary>
    public const long Max = 253402300799;

    /// <summary>For messages.</summary>
    public const string Range = "a number of seconds since 1970, from 0 to 253402300799";

    /// <summary>Null when absent; false when it is there and is no number, or one that is out of range.</summary>
    public static bool TryGet(JsonElement payload, string name, out double? seconds)
    {
        seconds = null;
        if (!payload.TryGetProperty(name, out var value))
            return true;
        // A number too large for a double, such as 1e999, reads as infinity or not at all.
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number) || number is not (>= 0 and <= Max))
            return false;
        seconds = number;
        return true;
    }

    public static double From(DateTimeOffset time) => time.ToUnixTimeMilliseconds() / 1000.0;
}
