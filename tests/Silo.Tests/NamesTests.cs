using Realtime.Grains;

namespace Realtime.Silo.Tests;

/// <summary>Which names are allowed, at the edges.</summary>
public sealed class NamesTests
{
    public static TheoryData<string> Allowed => [new string('x', 128), "lobby", "ä", new string('ä', 64), "a b", "/../", "😀", "a:b#c?"];

    public static TheoryData<string?, string> Refused => new()
    {
        { null, "is empty" },
        { "", "is empty" },
        { new string('x', 129), "is too long" },
        { new string('ä', 65), "is too long" },
        { "a\nb", "U+000A at index 1" },
        { "\u0085", "U+0085 at index 0" },
    };

    [Theory, MemberData(nameof(Allowed))]
    public void Allowed_names(string name) => Assert.Null(Names.Problem(name, "room"));

    [Theory, MemberData(nameof(Refused))]
    public void Refused_names_are_told_why(string? name, string why)
    {
        Assert.Contains(why, Names.Problem(name, "room"));
        Assert.Throws<ArgumentException>(() => Names.Check(name, "room"));
    }

    [Fact]
    public void Unpaired_surrogates_are_refused()
    {
        // Facts, since a test name could not carry them.
        Assert.Contains("unpaired surrogate at index 1", Names.Problem("a\ud83d", "room"));
        Assert.Contains("unpaired surrogate at index 0", Names.Problem("\ude00a", "room"));
    }
}
