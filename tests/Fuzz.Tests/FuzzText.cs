using System.Text;
using CsCheck;

namespace Realtime.Fuzz.Tests;

/// <summary>Names and values that more than one kind uses.</summary>
internal static class FuzzText
{
    /// <summary>Rooms and users that many cases share, so that they meet; never those of the polite clients.</summary>
    public static readonly Gen<string> GoodName = Gen.Frequency((5, Gen.Int[0, 19].Select(n => $"fuzz-{n}")), (1, Gen.OneOf("fuzz/1", "fuzz 2", "fuzz%2F3", "fuzz-\u00e4", "fuzz-\U0001f600", "fuzz?a=b&c#d", "fuzz\"'<b>", "fuzz:+;,", "fuzz-.", new string('f', 128))));

    /// <summary>Names that some rule may refuse; in UTF-16, also as no text at all.</summary>
    public static readonly Gen<string> OddName = Gen.OneOf(
        Gen.OneOf("", " ", "  ", "\t", "\u00a0", "\u3000", ".", "..", "...", "./..", "a/../b", "/", "\\", "%2e%2e", "%", "\0", "a\0b", "\u007f", "\u0085", "\r\n",
            "\u202e", "a\u202eb", "\u2066x\u2069", "\u200b", "a\u200db", "\ufeff", "\u00ad", "\ufffe", "\uffff", "\ufdd0", "\ud83d", "a\ude00", "\ude00\ud83d", "\U000e0041",
            "e\u0301", "\u00e9", "\u0000\u0000", "null", "undefined", "__proto__", "constructor", "*", "fuzz-*", "{}", "[]", "${x}", "\u2028", "\u115f", "\u3164", "\u2800"),
        Gen.Int[120, 140].Select(length => new string('x', length)),
        Gen.Int[40, 66].Select(length => string.Concat(Enumerable.Repeat("\u00e4", length))),
        Gen.Int[1000, 3000].Select(length => new string('y', length)),
        Gen.String[0, 12]);

    public static readonly Gen<string> Name = Gen.Frequency((5, GoodName), (2, OddName));

    /// <summary>JSON values, as text, of every kind and beyond; whether they are valid is the receiver's to find out.</summary>
    public static readonly Gen<string> Value = Gen.Frequency(
        (3, Gen.OneOf("null", "true", "false", "0", "-0", "-1", "1", "1.0", "1.5", "1e2", "1E400", "-1e-400", "9007199254740993", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
            "123456789012345678901234567890", "\"\"", "[]", "{}", "[[]]", "{\"\":{}}", "\"\\ud83d\"", "\"\\ude00\\ud83d\"", "\"\\u0000\"", "\"\\ud83d\\ude00\"", "{\"\\ud83d\":1}", "[\"\\udfff\"]", "\"1\"", "\"0\"")),
        (1, Gen.OneOf("NaN", "Infinity", "01", "+1", ".5", "1.", "0x1", "'a'", "\"", "\"\\x\"", "\"\\u12\"", "tru", "nul", "[1,]", "{,}", "{\"a\"}", "{\"a\":1,}", "/**/1", "undefined", "", "\"\t\"", "\"\u0001\"")),
        (2, Name.Select(Quote)),
        (1, Gen.Int[55, 70].Select(depth => Nested(depth))),
        (1, Gen.OneOf(500, 5_000, 30_000).Select(depth => Nested(depth))),
        (1, Gen.Int[65_400, 65_600].Select(length => Quote(new string('z', length)))),
        (1, Gen.Int[10, 4_000].Select(count => "[" + string.Join(",", Enumerable.Repeat("0", count)) + "]")),
        (1, Gen.Int[10, 500].Select(count => "{" + string.Join(",", Enumerable.Range(0, count).Select(n => $"\"k{n % 90}\":{n}")) + "}")));

    /// <summary>A JSON string; half surrogates, which have no UTF-8, and control characters are escaped.</summary>
    public static string Quote(string text)
    {
        var quoted = new StringBuilder("\"");
        for (var i = 0; i < text.Length; i++)
        {
            var c = text[i];
            if (char.IsHighSurrogate(c) && i + 1 < text.Length && char.IsLowSurrogate(text[i + 1]))
                quoted.Append(c).Append(text[++i]);
            else if (c is '"' or '\\' || char.IsControl(c) || char.IsSurrogate(c))
                quoted.Append($"\\u{(int)c:x4}");
            else
                quoted.Append(c);
        }
        return quoted.Append('"').ToString();
    }

    private static string Nested(int depth) => depth % 2 == 0
        ? new string('[', depth) + new string(']', depth)
        : string.Concat(Enumerable.Repeat("{\"a\":", depth)) + "1" + new string('}', depth);
}
