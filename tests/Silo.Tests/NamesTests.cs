using Realtime.Grains;

namespace Realtime.Silo.Tests;

/// <summary>Which names are allowed, at the edges.</summary>
public sealed class NamesTests
{
    public static TheoryData<string> Allowed => [new string('x', 128), "lobby", "ä", new string('ä', 64), "a b", "/../", "😀", "a:b#c?", "...", ".a", "山田\u3000太郎", "עברית", "e\u0301", "a*", "\ue000", "%2e%2e"];

    public static TheoryData<string?, string> Refused => new()
    {
        { null, "is empty" },
        { "", "is empty" },
        { new string('x', 129), "is too long" },
        { new string('ä', 65), "is too long" },
        { "a\nb", "control character U+000A at index 1" },
        { "\u0085", "control character U+0085 at index 0" },
        { "a\0", "control character U+0000 at index 1" },
        { "\u007f", "control character U+007F at index 0" },
        { " ", "is blank" },
        { "\u00a0\u3000", "is blank" },
        { " a", "begins or ends with white space" },
        { "a ", "begins or ends with white space" },
        { "a\u2003", "begins or ends with white space" },
        { ".", "is '.'" },
        { "..", "is '..'" },
        { "bob\u202egnp", "format character U+202E at index 3" },
        { "a\u2066b", "format character U+2066" },
        { "a\u200bb", "format character U+200B" },
        { "👩\u200d💻", "format character U+200D at index 2" },
        { "\ufeffa", "format character U+FEFF at index 0" },
        { "a\u00adb", "format character U+00AD" },
        { "a\U000e0041b", "format character U+E0041" },
        { "a\u2028b", "line break U+2028" },
        { "a\u2029b", "line break U+2029" },
        { "alice\ufe0f", "invisible character U+FE0F at index 5" },
        { "\u3164", "invisible character U+3164" },
        { "\u2800", "invisible character U+2800" },
        { "a\ufffe", "noncharacter U+FFFE" },
        { "\ufdd0", "noncharacter U+FDD0" },
        { "a\U0010ffff", "noncharacter U+10FFFF" },
        { "a\ufffd", "replacement character U+FFFD" },
    };

    [Theory, MemberData(nameof(Allowed))]
    public void Allowed_names(string name) => Assert.Null(Names.Problem(name, "room"));

    [Theory, MemberData(nameof(Refused))]
    public void Refused_names_are_told_why(string? name, string why)
    {
        var problem = Names.Problem(name, "room");
        Assert.Contains(why, problem);
        Assert.Contains(Names.Rule, problem);
        var error = Assert.Throws<RequestException>(() => Names.Check(name, "room"));
        Assert.Equal((RequestException.NameInvalid, problem), (error.Code, error.Message));
    }

    [Fact]
    public void A_page_begins_after_a_name_or_at_the_first()
    {
        Names.CheckCursor(null);
        Names.CheckCursor("");
        Names.CheckCursor("alice");
        Assert.Contains("'after'", Assert.Throws<RequestException>(() => Names.CheckCursor("a\nb")).Message);
    }

    [Fact]
    public void Unpaired_surrogates_are_refused()
    {
        // Facts, since a test name could not carry them.
        Assert.Contains("unpaired surrogate at index 1", Names.Problem("a\ud83d", "room"));
        Assert.Contains("unpaired surrogate at index 0", Names.Problem("\ude00a", "room"));
    }
}
