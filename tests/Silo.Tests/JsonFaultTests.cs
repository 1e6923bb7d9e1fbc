using System.Text;
using System.Text.Json;
using Realtime.Grains;

namespace Realtime.Silo.Tests;

/// <summary>The validator of JSON against the framework's reader: both take the same texts.</summary>
public sealed class JsonFaultTests
{
    private const int Depth = 5;

    private static readonly string[] s_pieces =
    [
        "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\"\\u0041\"", "\"\\ud83d\\ude00\"", "\"\\ud83d\"", "\"\\ude00\"", "\"\\ud83dx\"", "\\", "\"\\x\"",
        "\"\\u12g4\"", "0", "-0", "01", "1.", "1.5", "-", "1e", "1e+", "1E-5", ".5", "+1", "12", "true", "tru", "false", "null", "nul", "truex",
        " ", "\n", "\t", "\v", "\u0001", "\"\u0001\"", "ä", "\"ä😀\"", "/", "\"\\/\"", "NaN", "\"id\":1", "\"a\":[", "{\"a\":",
    ];

    [Fact]
    public void It_takes_what_the_framework_can_read_and_nothing_else()
    {
        var random = new Random(17);
        var taken = 0;
        for (var round = 0; round < 200_000; round++)
        {
            var text = round % 2 == 0 ? Pieces(random) : Damaged(random);
            var json = Encoding.UTF8.GetBytes(text);
            var fault = JsonFault.Find(json, Depth);
            Assert.True(fault is null == IsReadable(json), $"{text}: {fault}");
            taken += fault is null ? 1 : 0;
        }
        Assert.InRange(taken, 10_000, 190_000); // both answers were seen
    }

    [Theory]
    [InlineData("{\"a\":\"\\ud83d\"}", "unpaired surrogate escape at byte 7")]
    [InlineData("[[[[[[]]]]]]", "nested more than 5 deep at byte 6")]
    [InlineData("[1", "end in the middle of JSON at byte 3")]
    [InlineData("1 2", "after the JSON value at byte 3")]
    public void It_says_what_is_wrong_and_where(string json, string why) =>
        Assert.Contains(why, JsonFault.Find(Encoding.UTF8.GetBytes(json), Depth).ToString(), StringComparison.Ordinal);

    private static string Pieces(Random random) =>
        string.Concat(Enumerable.Range(0, random.Next(1, 8)).Select(_ => s_pieces[random.Next(s_pieces.Length)]));

    /// <summary>A valid text, of which about every second one has a character replaced or cut.</summary>
    private static string Damaged(Random random)
    {
        var text = new StringBuilder(Value(random, Depth));
        if (random.Next(2) == 0)
        {
            var at = random.Next(text.Length);
            text.Remove(at, 1).Insert(at, random.Next(2) == 0 ? "" : s_pieces[random.Next(s_pieces.Length)]);
        }
        return text.ToString();
    }

    private static string Value(Random random, int depth) => random.Next(depth == 0 ? 4 : 7) switch
    {
        0 => random.Next(-100, 100).ToString(System.Globalization.CultureInfo.InvariantCulture),
        1 => "\"\\ud83d\\ude00 \\n\"",
        2 => "-1.5e+3",
        3 => "null",
        4 => $"[{Value(random, depth - 1)}, {Value(random, depth - 1)}]",
        5 => $"{{\"a\": {Value(random, depth - 1)},\"b\":{Value(random, depth - 1)}}}",
        _ => "[ ]",
    };

    private static bool IsReadable(byte[] json)
    {
        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = Depth });
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName)
                    _ = reader.GetString();
            }
            return true;
        }
        catch (Exception exception) when (exception is JsonException or InvalidOperationException)
        {
            return false;
        }
    }
}
