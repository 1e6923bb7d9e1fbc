using System.Net;
using Microsoft.AspNetCore.Server.Kestrel.Core;

namespace Realtime.WebFront.Tests.Security;

/// <summary>RFC 6750 through a real server.</summary>
public class BearerSchemeTests
{
    private readonly Issuer _issuer = Issuer.Es256();

    private Task<TestFront> StartAsync() => TestFront.StartAsync(settings: TestFront.Trusting(_issuer));

    private string Token(string user = "alice", string? scope = null) => _issuer.Token(TimeProvider.System, ("sub", user), ("scope", scope));

    [Theory, InlineData("HS256"), InlineData("RS256"), InlineData("ES256")]
    public async Task A_token_lets_in_by_header_and_by_query(string algorithm)
    {
        var issuer = Issuer.Of(algorithm);
        await using var front = await TestFront.StartAsync(settings: TestFront.Trusting(issuer));
        var token = issuer.Token(TimeProvider.System);

        Assert.Equal("alice", (await front.GetAsync("/who", token)).Body);
        Assert.Equal("alice", (await front.GetAsync("/who", null, ("Authorization", $"bEARER   {token} "))).Body);
        Assert.Equal("alice", (await front.GetAsync($"/who?access_token={token}", null, ("Accept", "text/event-stream"))).Body);
        Assert.Equal("alice", (await front.PostAsync("/who", token)).Body);
        Assert.Equal("alice", await front.ConnectAsync("", token));
        Assert.Equal("alice", await front.ConnectAsync($"?access_token={token}"));
    }

    [Fact]
    public async Task What_answers_an_address_with_a_token_is_for_no_shared_cache()
    {
        await using var front = await StartAsync();
        Assert.Equal("private", (await front.GetAsync($"/who?access_token={Token()}", null, ("Accept", "text/event-stream"))).CacheControl);
        Assert.Null((await front.GetAsync("/who", Token())).CacheControl);
    }

    [Theory, InlineData("/who"), InlineData("/ws"), InlineData("/api/thing")]
    public async Task Without_a_token_nothing_is_reached_and_nothing_explained(string path)
    {
        await using var front = await StartAsync();
        foreach (var answer in new[] { await front.GetAsync(path), await front.GetAsync(path, null, ("Authorization", "Basic YTpi")), await front.GetAsync($"{path}?user=alice") })
        {
            Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
            Assert.Equal("Bearer", answer.Challenge);
            Assert.Equal("unauthorized", answer.Code);
        }
        Assert.Equal("401", await front.ConnectAsync(""));
        Assert.Equal(0, front.Reached);
    }

    [Theory]
    [InlineData("/who")]
    [InlineData("/ws")]
    [InlineData("/api/thing")]
    public async Task A_wrong_token_is_401_with_the_reason_before_anything_else(string path)
    {
        await using var front = await StartAsync();
        var expired = _issuer.Token(TimeProvider.System, ("exp", 1300819380));
        foreach (var answer in new[] { await front.GetAsync(path, expired), await front.GetAsync($"{path}?access_token={expired}", null, ("Accept", "text/event-stream")) })
        {
            Assert.Equal(HttpStatusCode.Unauthorized, answer.Status);
            Assert.Equal("Bearer error=\"invalid_token\", error_description=\"The token has expired.\"", answer.Challenge);
            Assert.Equal(("unauthorized", "The token has expired."), (answer.Code, answer.Detail));
        }
        Assert.Equal("401", await front.ConnectAsync($"?access_token={expired}"));
        Assert.Equal("401", await front.ConnectAsync("", Rfc7515.A5Token));
        Assert.Equal(0, front.Reached);
    }

    [Fact]
    public async Task A_forged_token_is_refused()
    {
        await using var front = await StartAsync();
        var answer = await front.GetAsync("/who", Issuer.Es256().Token(TimeProvider.System));
        Assert.Equal("Bearer error=\"invalid_token\", error_description=\"The token's signature is wrong.\"", answer.Challenge);
    }

    [Fact]
    public async Task A_token_sent_in_a_wrong_way_is_400()
    {
        await using var front = await StartAsync();
        var token = Token();
        const string notAStream = "access_token in the address is for WebSockets and event streams only; send the token as Authorization header.";
        foreach (var (answer, why) in new[]
        {
            (await front.GetAsync($"/who?access_token={token}", token), "The token was sent twice, as Authorization header and as access_token; send it once."),
            (await front.GetAsync($"/who?access_token={token}&access_token={token}", null, ("Accept", "text/event-stream")), "access_token must be there once, and not empty."),
            (await front.GetAsync("/who?access_token=", null, ("Accept", "text/event-stream")), "access_token must be there once, and not empty."),
            (await front.GetAsync("/who", null, ("Authorization", "Bearer")), "The Authorization header has no token after Bearer."),
            (await front.PostAsync($"/who?access_token={token}"), notAStream),
            (await front.PostAsync($"/api/thing?access_token={token}", null, ("Accept", "text/event-stream")), notAStream),
            (await front.GetAsync($"/who?access_token={token}"), notAStream),
            (await front.GetAsync($"/api/thing?access_token={token}"), notAStream),
            (await front.GetAsync($"/api/thing?access_token={token}", null, ("Accept", "application/json, */*")), notAStream),
        })
        {
            Assert.Equal(HttpStatusCode.BadRequest, answer.Status);
            Assert.Equal($"Bearer error=\"invalid_request\", error_description=\"{why}\"", answer.Challenge);
            Assert.Equal(("bad_request", why), (answer.Code, answer.Detail));
        }
        Assert.Equal(0, front.Reached);
    }

    [Fact]
    public async Task A_token_comes_as_a_subprotocol_beside_another_one()
    {
        await using var front = await StartAsync();
        var token = Token();
        Assert.Equal("alice", await front.ConnectAsync("", subprotocols: ["other", $"realtime.bearer.{token}"]));
        Assert.Equal("401", await front.ConnectAsync("", subprotocols: ["other", $"realtime.bearer.{_issuer.Token(TimeProvider.System, ("exp", 1300819380))}"]));
        Assert.Equal("400", await front.ConnectAsync($"?access_token={token}", subprotocols: ["other", $"realtime.bearer.{token}"]));
        Assert.Equal("400", await front.ConnectAsync("", token, subprotocols: ["other", $"realtime.bearer.{token}"]));
        Assert.Equal("400", await front.ConnectAsync("", subprotocols: [$"realtime.bearer.{token}", $"realtime.bearer.{Token("bob")}"]));
        Assert.Equal("400", await front.ConnectAsync("", subprotocols: ["other", "realtime.bearer."]));
        Assert.Equal("401", await front.ConnectAsync("", subprotocols: [$"Realtime.Bearer.{token}"])); // subprotocols are compared as they are
        Assert.Equal(1, front.Reached);

        foreach (var (answer, why) in new[]
        {
            (await front.GetAsync("/who", null, ("Sec-WebSocket-Protocol", $"realtime.bearer.{token}")), "A token as subprotocol is for WebSockets only; send it as Authorization header."),
            (await front.GetAsync("/who", token, ("Sec-WebSocket-Protocol", $"realtime.bearer.{token}")), "The token was sent twice, as Authorization header and as subprotocol; send it once."),
            (await front.GetAsync($"/who?access_token={token}", null, ("Sec-WebSocket-Protocol", $"realtime.bearer.{token}")), "The token was sent twice, as access_token and as subprotocol; send it once."),
        })
            Assert.Equal((HttpStatusCode.BadRequest, why), (answer.Status, answer.Detail));
    }

    [Fact]
    public async Task Two_authorization_headers_are_400()
    {
        await using var front = await StartAsync();
        // HttpClient joins them into one, so by hand.
        using var socket = new System.Net.Sockets.TcpClient();
        await socket.ConnectAsync(IPAddress.Loopback, front.Address.Port);
        await using var stream = socket.GetStream();
        await stream.WriteAsync(System.Text.Encoding.ASCII.GetBytes(
            $"GET /who HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {Token()}\r\nAuthorization: Bearer {Token()}\r\nConnection: close\r\n\r\n"));
        using var reader = new StreamReader(stream);
        var answer = await reader.ReadToEndAsync().WaitAsync(TimeSpan.FromSeconds(20));

        Assert.StartsWith("HTTP/1.1 400 ", answer);
        Assert.Contains("The request has more than one Authorization header.", answer);
    }

    [Fact]
    public async Task The_api_needs_its_scope()
    {
        await using var front = await StartAsync();
        Assert.Equal("alice", (await front.PostAsync("/api/thing", Token(scope: "realtime.publish"))).Body);
        Assert.Equal("alice", (await front.PostAsync("/api/thing", Token(scope: "openid realtime.publish more"))).Body);
        Assert.Equal("alice", (await front.PostAsync("/api/thing", Token(scope: "realtime.admin"))).Body);
        var reached = front.Reached;

        foreach (var scope in new[] { null, "", "realtime.read", "realtime.api", "realtime.publishs", "xrealtime.publish", "REALTIME.PUBLISH", "realtime.publish,more" })
        {
            var answer = await front.PostAsync("/api/thing", Token(scope: scope));
            Assert.Equal(HttpStatusCode.Forbidden, answer.Status);
            Assert.Equal("Bearer error=\"insufficient_scope\", error_description=\"The token does not have the scope that this needs.\", scope=\"realtime.publish\"", answer.Challenge);
            Assert.Equal("forbidden", answer.Code);
        }
        Assert.Equal(reached, front.Reached);
    }

    // A WebSocket over HTTP/2 opens with CONNECT (RFC 8441), where the query form must work as with GET.
    [Fact]
    public async Task A_token_in_the_query_opens_a_websocket_over_http2()
    {
        await using var front = await TestFront.StartAsync(settings: TestFront.Trusting(_issuer), protocols: HttpProtocols.Http2);
        Assert.Equal("alice", await front.ConnectAsync($"?access_token={Token()}", version: HttpVersion.Version20));
        Assert.Equal("401", await front.ConnectAsync("", version: HttpVersion.Version20));
    }
}
