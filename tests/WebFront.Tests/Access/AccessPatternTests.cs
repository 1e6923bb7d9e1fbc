using System.Security.Claims;
using Realtime.WebFront.Access;

namespace Realtime.WebFront.Tests.Access;

/// <summary>Which names a pattern fits, for whom.</summary>
public sealed class AccessPatternTests
{
    private static readonly AccessSubject s_alice = Subject("alice", ("team", "red"), ("team", "blue"), ("empty", ""), ("star", "*"), ("brace", "{user}"));

    private static AccessSubject Subject(string user, params (string Type, string Value)[] claims) =>
        new(new ClaimsPrincipal(new ClaimsIdentity(claims.Select(claim => new Claim(claim.Type, claim.Value)), "test")), user);

    private static bool Fits(string pattern, string name, AccessSubject? subject = null)
    {
        var parsed = AccessPattern.Parse(pattern, "room", out var problem);
        Assert.Null(problem);
        return parsed!.Matches(name, subject ?? s_alice);
    }

    [Theory]
    [InlineData("lobby", "lobby")]
    [InlineData("*", "anything at all")]
    [InlineData("team-*", "team-")]
    [InlineData("*-team", "a-team")]
    [InlineData("a*b*c", "abc")]
    [InlineData("a*b*c", "axxbxxbxxc")]
    [InlineData("a**c", "ac")]
    [InlineData("*a*", "bab")]
    [InlineData("dm-{user}", "dm-alice")]
    [InlineData("dm-{user}-*", "dm-alice-bob")]
    [InlineData("*-{user}", "x-alice-alice")]
    [InlineData("team-{team}-*", "team-red-1")]
    [InlineData("team-{team}-*", "team-blue-1")]
    [InlineData("{team}{team}", "redblue")]
    [InlineData("x{star}y", "x*y")]
    [InlineData("x{brace}", "x{user}")]
    public void A_name_fits(string pattern, string name) => Assert.True(Fits(pattern, name));

    [Theory]
    [InlineData("lobby", "Lobby")]
    [InlineData("lobby", "lobby2")]
    [InlineData("team-*", "tea")]
    [InlineData("a*b*c", "acb")]
    [InlineData("*a", "ab")]
    [InlineData("dm-{user}", "dm-bob")]
    [InlineData("dm-{user}", "dm-alice2")]
    [InlineData("dm-{user}", "dm-{user}")]
    [InlineData("team-{team}-*", "team-green-1")]
    [InlineData("team-{team}-*", "team--1")]
    [InlineData("team-{none}*", "team-")]
    [InlineData("team-{empty}", "team-")]
    [InlineData("x{star}y", "xzy")]
    [InlineData("x{brace}", "xalice")]
    public void A_name_does_not_fit(string pattern, string name) => Assert.False(Fits(pattern, name));

    [Fact]
    public void Whom_a_claim_of_any_identity_names_fits()
    {
        var principal = new ClaimsPrincipal([new ClaimsIdentity([new("team", "a")], "one"), new ClaimsIdentity([new("team", "b")], "two")]);
        Assert.True(Fits("{team}", "b", new AccessSubject(principal, "alice")));
    }

    // With backtracking each star multiplies the ways to try: 2^60 of them here.
    [Fact]
    public void Hostile_patterns_and_values_take_no_longer_than_others()
    {
        var name = new string('a', 127) + "b";
        var values = Enumerable.Range(1, 120).Select(length => ("c", new string('a', length))).ToArray();
        var subject = Subject("a", values);
        Assert.False(Fits(string.Concat(Enumerable.Repeat("a*", 60)) + "c", name, subject));
        Assert.True(Fits(string.Concat(Enumerable.Repeat("*a", 60)) + "*b", name, subject));
        Assert.False(Fits(string.Concat(Enumerable.Repeat("{c}*", 60)) + "c", name, subject));
        Assert.False(Fits(string.Concat(Enumerable.Repeat("{c}", 100)) + "c", name, subject));
        Assert.True(Fits(string.Concat(Enumerable.Repeat("{c}", 100)) + "b", name, subject));
    }

    [Theory]
    [InlineData("", "It must be a room name")]
    [InlineData("team-{", "'{' without '}'")]
    [InlineData("team-{team", "'{' without '}'")]
    [InlineData("team-{{team}}", "'{' without '}'")]
    [InlineData("team-}", "'}' without '{'")]
    [InlineData("team-{}", "'user' or the name of a claim")]
    [InlineData("team-{ team }", "'user' or the name of a claim")]
    [InlineData(" lobby", "The room name begins or ends with white space")]
    public void What_is_wrong_with_a_pattern_is_told(string pattern, string told)
    {
        Assert.Null(AccessPattern.Parse(pattern, "room", out var problem));
        Assert.Contains(told, problem);
    }

    [Fact]
    public void A_pattern_has_a_bound()
    {
        Assert.NotNull(AccessPattern.Parse(new string('*', 1024), "room", out _));
        Assert.Null(AccessPattern.Parse(new string('*', 1025), "room", out var problem));
        Assert.Equal("It has 1025 characters; it may have 1024.", problem);
    }

    [Fact]
    public void In_a_capability_braces_are_braces()
    {
        Assert.True(AccessPattern.OfCapability("a{user}*").Matches("a{user}1", s_alice));
        Assert.False(AccessPattern.OfCapability("a{user}*").Matches("aalice1", s_alice));
        Assert.True(AccessPattern.OfCapability("}{").Matches("}{", s_alice));
    }
}
