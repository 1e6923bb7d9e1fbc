using System.Buffers;
using System.Globalization;

namespace Realtime.Grains;

/// <summary>
/// What keeps a text from being one JSON value (RFC 8259) that every receiver can read. Finding it throws nothing, unlike the
/// readers of the framework, for which it costs some 20 us and which stop at other things: what passes here passes there.
/// </summary>
/// <param name="What">What is wrong, to follow "it has" or "there is".</param>
/// <param name="Offset">Where, in bytes.</param>
internal readonly record struct JsonFault(string What, int Offset)
{
    // What ends the plain part of a string: quotes, an escape, and what may not stand there as it is.
    private static readonly SearchValues<byte> s_stops = SearchValues.Create([.. Enumerable.Range(0, ' ').Select(i => (byte)i), (byte)'"', (byte)'\\']);

    private enum Expects : byte { Value, Name, FirstNameOrEnd, FirstValueOrEnd, CommaOrEnd }

    /// <inheritdoc/>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{What} at byte {Offset + 1}");

    /// <summary>The first fault; null when there is none.</summary>
    /// <param name="json">Valid UTF-8.</param>
    /// <param name="maxDepth">How many arrays and objects may stand in each other; 63 at most.</param>
    public static JsonFault? Find(ReadOnlySpan<byte> json, int maxDepth)
    {
        var objects = 0UL; // a bit for each level: set for an object
        var depth = 0;
        var expects = Expects.Value;
        for (var at = SkipSpace(json, 0); at < json.Length; at = SkipSpace(json, at))
        {
            var token = json[at];
            if (expects == Expects.CommaOrEnd && depth == 0)
                return new("something after the JSON value", at);
            if (expects == Expects.CommaOrEnd && token == ',')
            {
                expects = (objects & 1) != 0 ? Expects.Name : Expects.Value;
                at++;
                continue;
            }
            if ((token == '}' && (expects == Expects.FirstNameOrEnd || (expects == Expects.CommaOrEnd && (objects & 1) != 0)))
                || (token == ']' && (expects == Expects.FirstValueOrEnd || (expects == Expects.CommaOrEnd && (objects & 1) == 0))))
            {
                objects >>= 1;
                depth--;
                expects = Expects.CommaOrEnd;
                at++;
                continue;
            }
            if (expects is Expects.Name or Expects.FirstNameOrEnd)
            {
                if (token != '"')
                    return new("no valid JSON", at);
                if (SkipString(json, ref at) is { } wrong)
                    return wrong;
                at = SkipSpace(json, at);
                if (at == json.Length || json[at] != ':')
                    return new("no valid JSON", at);
                expects = Expects.Value;
                at++;
                continue;
            }
            if (expects == Expects.CommaOrEnd)
                return new("no valid JSON", at);
            expects = Expects.CommaOrEnd;
            switch (token)
            {
                case (byte)'{' or (byte)'[':
                    if (depth == maxDepth)
                        return new($"JSON nested more than {maxDepth} deep", at);
                    depth++;
                    objects = objects << 1 | (token == '{' ? 1UL : 0);
                    expects = token == '{' ? Expects.FirstNameOrEnd : Expects.FirstValueOrEnd;
                    at++;
                    break;
                case (byte)'"':
                    if (SkipString(json, ref at) is { } wrong)
                        return wrong;
                    break;
                case (byte)'t' when json[at..].StartsWith("true"u8):
                case (byte)'n' when json[at..].StartsWith("null"u8):
                    at += 4;
                    break;
                case (byte)'f' when json[at..].StartsWith("false"u8):
                    at += 5;
                    break;
                default:
                    if (!TrySkipNumber(json, ref at))
                        return new("no valid JSON", at);
                    break;
            }
        }
        return expects == Expects.CommaOrEnd && depth == 0 ? null : new("an end in the middle of JSON", json.Length);
    }

    /// <summary>White space as JSON has it.</summary>
    public static int SkipSpace(ReadOnlySpan<byte> json, int at)
    {
        while (at < json.Length && json[at] is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
            at++;
        return at;
    }

    /// <summary>From the quotes that begin a string to behind those that end it.</summary>
    public static JsonFault? SkipString(ReadOnlySpan<byte> json, ref int at)
    {
        at++;
        while (true)
        {
            var plain = json[at..].IndexOfAny(s_stops);
            if (plain < 0)
                return new("an end in the middle of a string", json.Length);
            at += plain;
            switch (json[at])
            {
                case (byte)'"':
                    at++;
                    return null;
                case (byte)'\\':
                    if (SkipEscape(json, ref at) is { } wrong)
                        return wrong;
                    break;
                default:
                    return new("a control character in a string", at);
            }
        }
    }

    /// <summary>The grammar lets <c>\ud800</c> stand alone (RFC 8259 section 8.2), but no receiver could decode it.</summary>
    private static JsonFault? SkipEscape(ReadOnlySpan<byte> json, ref int at)
    {
        var rest = json[at..];
        if (rest.Length > 1 && "\"\\/bfnrt"u8.Contains(rest[1]))
        {
            at += 2;
            return null;
        }
        if (!TryReadUnit(rest, out var unit))
            return new("an escape that is none in a string", at);
        if (!char.IsSurrogate(unit))
        {
            at += 6;
            return null;
        }
        if (!char.IsHighSurrogate(unit) || !TryReadUnit(rest[6..], out var second) || !char.IsLowSurrogate(second))
            return new("an unpaired surrogate escape", at);
        at += 12;
        return null;
    }

    private static bool TryReadUnit(ReadOnlySpan<byte> escape, out char unit)
    {
        unit = '\0';
        if (escape.Length < 6 || escape[0] != '\\' || escape[1] != 'u')
            return false;
        foreach (var digit in escape[2..6])
        {
            if (!char.IsAsciiHexDigit((char)digit))
                return false;
            unit = (char)(unit << 4 | (digit <= '9' ? digit - '0' : (digit | 0x20) - 'a' + 10));
        }
        return true;
    }

    private static bool TrySkipNumber(ReadOnlySpan<byte> json, ref int at)
    {
        if (json[at] == '-')
            at++;
        var whole = at;
        if (!SkipDigits(json, ref at) || (json[whole] == '0' && at > whole + 1))
            return false;
        if (at < json.Length && json[at] == '.')
        {
            at++;
            if (!SkipDigits(json, ref at))
                return false;
        }
        if (at < json.Length && (json[at] | 0x20) == 'e')
        {
            at++;
            if (at < json.Length && json[at] is (byte)'+' or (byte)'-')
                at++;
            if (!SkipDigits(json, ref at))
                return false;
        }
        return true;
    }

    /// <summary>False when there is none.</summary>
    private static bool SkipDigits(ReadOnlySpan<byte> json, ref int at)
    {
        var start = at;
        while (at < json.Length && char.IsAsciiDigit((char)json[at]))
            at++;
        return at > start;
    }
}
