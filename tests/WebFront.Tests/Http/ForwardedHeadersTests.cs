using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Realtime.Connections;
using Realtime.Server;
using Realtime.WebFront.Tests.Security;

namespace Realtime.WebFront.Tests.Http;

/// <summary>Whose word is taken for who a client is.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ForwardedHeadersTests(Cluster cluster)
{
    private readonly Issuer _issuer = Issuer.Hs256();

    [Theory]
    [InlineData("203.0.113.9", "127.0.0.1")] // nobody is believed
    [InlineData("203.0.113.9", "203.0.113.9", "127.0.0.1")]
    [InlineData("203.0.113.9", "203.0.113.9", "10.0.0.7", "127.0.0.0/8")]
    [InlineData("203.0.113.9", "127.0.0.1", "10.0.0.0/8")] // the proxy is not known
    [InlineData("198.51.100.1, 203.0.113.9", "203.0.113.9", "127.0.0.1")] // what the client says of itself
    [InlineData("198.51.100.1, 203.0.113.9", "198.51.100.1", "127.0.0.1", "203.0.113.0/24")] // two proxies
    [InlineData("2001:db8::7", "2001:db8::7", "127.0.0.1")]
    public async Task The_address_is_what_known_proxies_say(string header, string expected, params string[] known)
    {
        await using var front = await Start("Production", known);
        await using var client = await Connect(front, header);
        var connection = Assert.Single(front.Services.GetRequiredService<ConnectionRegistry>().Connections);
        Assert.Equal(IPAddress.Parse(expected), ((IPEndPoint)connection.RemoteAddress!).Address);
    }

    [Fact]
    public async Task Limits_are_of_that_address()
    {
        await using var front = await Start("Production", ["127.0.0.1"], ("Limits:Enabled", "true"), ("Limits:ConnectionsPerAddress", "1"));
        await using var one = await Connect(front, "203.0.113.1");
        await using var other = await Connect(front, "203.0.113.2");
        var refused = await RawHttp.Send(front.Address, "GET", $"/ws?access_token={_issuer.Token(TimeProvider.System)}", null, "X-Forwarded-For: 203.0.113.1",
            "Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==");
        Assert.Equal((429, "rate_limited"), (refused.Status, refused.Code));
    }

    [Theory]
    [InlineData]
    [InlineData("127.0.0.1")]
    public async Task In_Development_a_forwarded_loopback_is_nobody(params string[] known)
    {
        await using var front = await Start("Development", known);
        Assert.Equal(200, (await RawHttp.Send(front.Address, "GET", "/api/cluster?user=alice")).Status);
        Assert.Equal(401, (await RawHttp.Send(front.Address, "GET", "/api/cluster?user=alice", null, "X-Forwarded-For: 127.0.0.1")).Status);
        Assert.Equal(401, (await RawHttp.Send(front.Address, "GET", "/api/cluster", null, "X-Forwarded-For: ::1", "X-Forwarded-Proto: https")).Status);
    }

    [Fact]
    public async Task What_is_no_address_stops_the_start()
    {
        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => Start("Development", ["127.0.0.1", "proxy.example"]));
        Assert.Equal(["ForwardedHeaders:KnownProxies:1 is 'proxy.example'; it must be an IP address, or a network such as 10.0.0.0/8."], refused.Failures);
    }

    private Task<Front> Start(string environment, string[] known, params (string Key, string Value)[] settings)
    {
        (string, string)[] trusting = [.. Security.TestFront.Trusting(_issuer).Select(setting => (setting.Key, setting.Value!))];
        return Front.Start(cluster.Client, null, environment == "Production" ? [.. trusting, .. settings] : settings, environment, app => app.MapFront(), builder =>
        {
            foreach (var (index, proxy) in known.Index())
                builder.Configuration[$"ForwardedHeaders:KnownProxies:{index}"] = proxy;
            ForwardedHeadersSettings.Use(builder.Services, builder.Configuration);
        });
    }

    private async Task<TestClient> Connect(Front front, string forwardedFor)
    {
        var client = await TestClient.Connect(new Uri($"ws://{front.Address.Authority}/ws?access_token={_issuer.Token(TimeProvider.System)}"),
            options => options.SetRequestHeader("X-Forwarded-For", forwardedFor));
        Assert.Empty(await client.Drain());
        return client;
    }
}
