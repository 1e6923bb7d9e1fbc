using Realtime.Grains;

namespace Realtime.Silo.Tests;

public sealed class NamePatternTests
{
    [Theory]
    [InlineData("lobby", "lobby", true)]
    [InlineData("lobby", "lobby2", false)]
    [InlineData("lobby", "Lobby", false)]
    [InlineData("prices-*", "prices-", true)]
    [InlineData("prices-*", "prices-eu/x", true)]
    [InlineData("prices-*", "prices", false)]
    [InlineData("prices-*", "all-prices-1", false)]
    [InlineData("*", "anything", true)]
    [InlineData("my *", "my room", true)]
    [InlineData(".*", ".well-known", true)]
    public void A_pattern_is_a_name_or_the_beginning_of_one(string pattern, string name, bool matches)
    {
        var made = new NamePattern(pattern);
        Assert.Equal(matches, made.Matches(name));
        Assert.Equal(pattern, made.ToString());
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("a*b", "'a*b' has '*' before its end")]
    [InlineData("**", "'**' has '*' before its end")]
    [InlineData("a\nb*", "U+000A")]
    [InlineData(" ", "blank")]
    [InlineData(" *", "blank")]
    [InlineData(" a*", "white space")]
    [InlineData("a ", "white space")]
    [InlineData("..", "is '..'")]
    [InlineData("a\u200b*", "U+200B")]
    public void A_pattern_that_is_not_allowed_is_refused_and_says_why(string pattern, string why)
    {
        Assert.Contains(why, NamePattern.Problem(pattern), StringComparison.Ordinal);
        Assert.Contains(why, Assert.Throws<ArgumentException>(() => new NamePattern(pattern)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_pattern_is_as_long_as_a_name_may_be()
    {
        Assert.Null(NamePattern.Problem(new string('x', Limits.NameBytes) + "*"));
        Assert.Contains("too long", NamePattern.Problem(new string('x', Limits.NameBytes + 1) + "*"), StringComparison.Ordinal);
    }
}
