using System.Net;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Realtime.Grains;

namespace Realtime.WebFront.Tests.Security;

public class DevelopmentSchemeTests
{
    private readonly Issuer _issuer = Issuer.Hs256();

    [Fact]
    public async Task A_name_is_enough_on_this_machine()
    {
        await using var front = await TestFront.StartAsync("Development");
        Assert.Equal("alice", (await front.GetAsync("/who?user=alice")).Body);
        Assert.Equal("Zoë 😀", (await front.GetAsync($"/who?user={Uri.EscapeDataString("Zoë 😀")}")).Body);
        Assert.Equal("bob", await front.ConnectAsync("?user=bob"));
        Assert.Equal("bob", (await front.GetAsync("/api/thing?user=bob")).Body);
    }

    [Theory]
    [InlineData("Production")]
    [InlineData("Staging")]
    public async Task Elsewhere_a_name_is_nothing(string environment)
    {
        await using var front = await TestFront.StartAsync(environment, TestFront.Trusting(_issuer));
        Assert.Equal(HttpStatusCode.Unauthorized, (await front.GetAsync("/who?user=alice")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await front.GetAsync("/api/thing?user=alice")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await front.GetAsync("/api/thing")).Status);
        Assert.Equal("401", await front.ConnectAsync("?user=alice"));
        Assert.Equal(0, front.Reached);
        var schemes = await front.Services.GetRequiredService<IAuthenticationSchemeProvider>().GetAllSchemesAsync();
        Assert.Equal(["Bearer", "Realtime"], schemes.Select(s => s.Name).Order());
    }

    [Theory]
    [InlineData("192.0.2.1", false)]
    [InlineData("::ffff:192.0.2.1", false)]
    [InlineData("2001:db8::1", false)]
    [InlineData("10.0.0.1", false)]
    [InlineData("127.0.0.1", true)]
    [InlineData("127.8.9.10", true)]
    [InlineData("::1", true)]
    [InlineData("::ffff:127.0.0.2", true)]
    public async Task Only_a_loopback_peer_may_name_itself(string peer, bool accepted)
    {
        await using var front = await TestFront.StartAsync("Development", peer: IPAddress.Parse(peer));
        var expected = accepted ? HttpStatusCode.OK : HttpStatusCode.Unauthorized;
        Assert.Equal(expected, (await front.GetAsync("/who?user=alice")).Status);
        Assert.Equal(expected, (await front.PostAsync("/api/thing")).Status);
        Assert.Equal(accepted ? "alice" : "401", await front.ConnectAsync("?user=alice"));
    }

    [Theory]
    [InlineData("X-Forwarded-For", "192.0.2.1")]
    [InlineData("x-forwarded-for", "127.0.0.1")]
    [InlineData("X-Forwarded-Host", "example.com")]
    [InlineData("X-Forwarded-Proto", "https")]
    [InlineData("X-Original-For", "192.0.2.1")]
    [InlineData("Forwarded", "for=192.0.2.1")]
    [InlineData("Via", "1.1 proxy")]
    [InlineData("X-Real-IP", "192.0.2.1")]
    [InlineData("X-Envoy-External-Address", "192.0.2.1")]
    [InlineData("CF-Ray", "230b030023ae2822")]
    [InlineData("CDN-Loop", "cloud")]
    [InlineData("Host", "front.example.com")] // a name that was pointed at this machine
    [InlineData("Host", "localhost.example.com")]
    [InlineData("Host", "192.0.2.1")]
    public async Task Behind_a_proxy_or_under_another_name_nobody_may(string header, string value)
    {
        await using var front = await TestFront.StartAsync("Development");
        Assert.Equal(HttpStatusCode.Unauthorized, (await front.GetAsync("/who?user=alice", null, (header, value))).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await front.PostAsync("/api/thing", null, (header, value))).Status);
        Assert.Equal(0, front.Reached);
    }

    [Theory]
    [InlineData("localhost")]
    [InlineData("LocalHost:5080")]
    [InlineData("chat.localhost:5080")]
    [InlineData("127.0.0.1:5080")]
    [InlineData("[::1]:5080")]
    public async Task The_names_of_this_machine_are_fine(string host)
    {
        await using var front = await TestFront.StartAsync("Development");
        Assert.Equal("alice", (await front.GetAsync("/who?user=alice", null, ("Host", host))).Body);
    }

    [Theory]
    [InlineData("?user=")]
    [InlineData("?user")]
    [InlineData("?user=a&user=b")]
    [InlineData("?user=a%00b")]
    [InlineData("?user=a%0Ab")]
    [InlineData("?user=%C2%85")]
    [InlineData("?user=+")]
    [InlineData("?user=%2E%2E")]
    [InlineData("?user=alice%20")]
    [InlineData("?user=alice%E2%80%8B")]
    [InlineData("?user=0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789")]
    [InlineData("?user=%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80%F0%9F%98%80a")]
    public async Task A_wrong_name_is_400_with_the_rule(string query)
    {
        await using var front = await TestFront.StartAsync("Development");
        var answer = await front.GetAsync($"/who{query}");
        Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
        Assert.Equal(("bad_request", "The name in ?user= must be there once, and be " + Names.Rule + "."), (answer.Code, answer.Detail));
        Assert.Equal(HttpStatusCode.BadRequest, (await front.GetAsync($"/api/thing{query}")).Status);
        Assert.Equal("400", await front.ConnectAsync(query));
        Assert.Equal(0, front.Reached);
    }

    [Fact]
    public async Task A_token_counts_more_than_a_name()
    {
        await using var front = await TestFront.StartAsync("Development", TestFront.Trusting(_issuer));
        var token = _issuer.Token(TimeProvider.System, ("sub", "carol"));
        Assert.Equal("carol", (await front.GetAsync("/who?user=alice", token)).Body);
        Assert.Equal("carol", (await front.GetAsync($"/who?user=alice&access_token={token}", null, ("Accept", "text/event-stream"))).Body);
        Assert.Equal(HttpStatusCode.Unauthorized, (await front.GetAsync("/who?user=alice", "wrong")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await front.GetAsync("/who?user=alice&access_token=wrong", null, ("Accept", "text/event-stream"))).Status);
    }

    [Fact]
    public async Task Without_keys_every_token_is_refused_and_the_way_in_is_told()
    {
        await using var front = await TestFront.StartAsync("Development");
        Assert.Equal("This server has no keys to verify tokens with.", (await front.GetAsync("/who", _issuer.Token(TimeProvider.System))).Detail);

        var none = await front.GetAsync("/who");
        Assert.Equal((HttpStatusCode.Unauthorized, "Bearer"), (none.Status, none.Challenge));
        Assert.Contains("?user=alice", none.Detail);
    }

    [Fact]
    public async Task The_api_is_open_to_this_machine()
    {
        await using var front = await TestFront.StartAsync("Development", TestFront.Trusting(_issuer));
        Assert.Equal("(nobody)", (await front.PostAsync("/api/thing")).Body);
        Assert.Equal("(nobody)", (await front.PostAsync("/api/thing", null, ("Origin", "http://localhost:3000"))).Body);
        Assert.Equal("alice", (await front.PostAsync("/api/thing", _issuer.Token(TimeProvider.System))).Body);
    }

    [Theory]
    [InlineData("https://evil.example")]
    [InlineData("http://localhost.evil.example")]
    [InlineData("null")]
    public async Task The_api_is_not_open_to_pages_from_elsewhere(string origin)
    {
        await using var front = await TestFront.StartAsync("Development", TestFront.Trusting(_issuer));
        Assert.Equal(HttpStatusCode.Unauthorized, (await front.PostAsync("/api/thing", null, ("Origin", origin))).Status);
        Assert.Equal(HttpStatusCode.Forbidden, (await front.PostAsync("/api/thing?user=alice", null, ("Origin", origin))).Status);
        Assert.Equal(0, front.Reached);
    }

    [Fact]
    public async Task A_wrong_token_stays_wrong_at_the_open_api()
    {
        await using var front = await TestFront.StartAsync("Development", TestFront.Trusting(_issuer));
        var answer = await front.PostAsync("/api/thing", _issuer.Token(TimeProvider.System, ("exp", 1)));
        Assert.Equal((HttpStatusCode.Unauthorized, "The token has expired."), (answer.Status, answer.Detail));
    }

    [Fact]
    public async Task Who_is_not_believed_is_told_of_the_setting()
    {
        await using var front = await TestFront.StartAsync("Development", peer: IPAddress.Parse("192.0.2.1"));
        var answer = await front.GetAsync("/who?user=alice");
        Assert.Equal((HttpStatusCode.Unauthorized, "Bearer"), (answer.Status, answer.Challenge));
        Assert.Contains("Authentication:Schemes:Development:From, which is 'loopback', 'anywhere' or 'nowhere'", answer.Detail);
        Assert.DoesNotContain("Schemes:Development", (await front.GetAsync("/who")).Detail);
    }

    [Fact]
    public async Task From_anywhere_a_proxy_too_may_name_a_user_if_the_setting_says_so()
    {
        await using var front = await TestFront.StartAsync("Development", From("anywhere"), peer: IPAddress.Parse("192.0.2.1"));
        Assert.Equal("alice", (await front.GetAsync("/who?user=alice", null, ("Host", "front.example.com"), ("X-Forwarded-For", "198.51.100.1"))).Body);
        Assert.Equal("bob", await front.ConnectAsync("?user=bob"));
        Assert.Equal("(nobody)", (await front.PostAsync("/api/thing")).Body);
        Assert.Equal(HttpStatusCode.Unauthorized, (await front.PostAsync("/api/thing", null, ("Origin", "https://evil.example"))).Status);
    }

    [Fact]
    public async Task From_nowhere_is_as_outside_Development()
    {
        await using var front = await TestFront.StartAsync("Development", From("nowhere"));
        Assert.Equal(HttpStatusCode.Unauthorized, (await front.GetAsync("/who?user=alice")).Status);
        Assert.Equal(HttpStatusCode.Unauthorized, (await front.PostAsync("/api/thing")).Status);
        Assert.Equal("401", await front.ConnectAsync("?user=alice"));
        Assert.Equal(0, front.Reached);
    }

    [Theory]
    [InlineData("Production", "anywhere", "It is for Development; remove it.")]
    [InlineData("Development", "everywhere", "Authentication:Schemes:Development:From is 'everywhere'")]
    public async Task A_value_that_cannot_be_stops_the_start(string environment, string from, string told)
    {
        var settings = TestFront.Trusting(_issuer);
        settings["Authentication:Schemes:Development:From"] = from;
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => TestFront.StartAsync(environment, settings));
        Assert.Contains(told, error.Message);
    }

    private static Dictionary<string, string?> From(string from) => new() { ["Authentication:Schemes:Development:From"] = from };
}
