using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Hosting;

namespace Realtime.WebFront.Tests.Http;

/// <summary>Names in addresses: decoded once, from the target as it was sent.</summary>
[Collection(ClusterCollection.Name)]
public sealed class NameTests(Cluster cluster) : IAsyncLifetime
{
    private readonly string _tag = Guid.NewGuid().ToString("N");
    private Front _front = null!;

    public async ValueTask InitializeAsync() => _front = await cluster.StartFront();

    public ValueTask DisposeAsync() => _front.DisposeAsync();

    [Theory]
    [InlineData("org%2F1", "org/1")]
    [InlineData("org%2f1%2F", "org/1/")]
    [InlineData("%252F", "%2F")]
    [InlineData("%252E%252E", "%2E%2E")]
    [InlineData("a+b", "a+b")]
    [InlineData("a%2Bb%20c", "a+b c")]
    [InlineData("a;b=1,c", "a;b=1,c")]
    [InlineData("a%3Fb%23c%26d", "a?b#c&d")]
    [InlineData("%C3%A9%F0%9F%98%80", "é😀")]
    [InlineData("...", "...")]
    public async Task A_room_of_any_name_is_reached(string encoded, string name)
    {
        (encoded, name) = (encoded + _tag, name + _tag);
        await using var alice = await _front.Connect("alice-" + _tag);
        await alice.Join(name);
        foreach (var before in new[] { "", $"http://{_front.Address.Authority}" }) // RFC 9112 sections 3.2.1 and 3.2.2
        {
            var sent = await RawHttp.Send(_front.Address, "POST", $"{before}/api/rooms/{encoded}/messages", """{"content":"x"}""");
            Assert.Equal((200, name), (sent.Status, (string?)JsonNode.Parse(sent.Body)!["room"]));
            Assert.Equal(name, (string?)(await alice.Receive("message"))["room"]);
            var described = await RawHttp.Send(_front.Address, "GET", $"{before}/api/rooms/{encoded}");
            Assert.Equal((200, name), (described.Status, (string?)JsonNode.Parse(described.Body)!["room"]));
        }
    }

    [Theory]
    [InlineData("/api/users/%2E%2E/messages")]
    [InlineData("/api/users/../messages")]
    [InlineData("/api/users/.%2e/messages")]
    [InlineData("/api/rooms/%2E/messages")]
    [InlineData("/api/users/x/%2E%2E/%2E%2E/messages")]
    [InlineData("/api/users/x/../messages")]
    [InlineData("/x/../api/messages")]
    [InlineData("/api/rooms/%ff/messages")]
    [InlineData("/api/rooms/%C0%AF/messages")]
    [InlineData("/api/rooms/%ED%A0%80/messages")]
    [InlineData("/api/rooms/%/messages")]
    [InlineData("/api/rooms/%2/messages")]
    [InlineData("/api/rooms/%zz/messages")]
    [InlineData("/api/rooms//messages")]
    [InlineData("/api/rooms/x/messages/")]
    [InlineData("/api/messages/")]
    [InlineData("/api/rooms/%01/messages")]
    [InlineData("/api/users/%7F/messages")]
    public async Task What_names_nobody_is_refused_and_reaches_nobody(string path)
    {
        await using var alice = await _front.Connect("alice-" + _tag);
        foreach (var before in new[] { "", $"http://{_front.Address.Authority}" })
        {
            if (before != "" && path.Contains("..", StringComparison.Ordinal) && path.Contains("x/", StringComparison.Ordinal))
                continue; // the server takes the segments out of the absolute form before anybody sees them
            var answer = await RawHttp.Send(_front.Address, "POST", before + path, """{"content":"x"}""");
            Assert.Equal((400, "name_invalid"), (answer.Status, answer.Code));
        }
        Assert.Empty(await alice.Drain());
    }

    [Fact]
    public async Task A_name_that_is_too_long_is_refused()
    {
        Assert.Equal("name_invalid", (await RawHttp.Send(_front.Address, "GET", $"/api/rooms/{new string('x', 129)}")).Code);
        Assert.Equal("room_not_found", (await RawHttp.Send(_front.Address, "GET", $"/api/rooms/{new string('x', 128)}")).Code);
    }

    [Theory]
    [InlineData("/api/rooms?after=%ff")]
    [InlineData("/api/rooms?after=%")]
    [InlineData("/api/rooms?after=a&after=b")]
    [InlineData("/api/rooms?limit=1&limit=1")]
    [InlineData("/api/rooms/x/messages?before=%2D1")]
    [InlineData("/api/rooms/x/messages?before=9223372036854775808")]
    [InlineData("/api/connections?limit=1.0")]
    [InlineData("/ws?user=%ff")]
    [InlineData("/ws?user=%ED%A0%80")]
    [InlineData("/ws?user=a&user=b")]
    public async Task A_query_that_does_not_decode_is_refused(string target)
    {
        var answer = await RawHttp.Send(_front.Address, "GET", target);
        Assert.Equal((400, "bad_request"), (answer.Status, answer.Code));
    }

    [Theory]
    [InlineData("after=a%2Fb")]
    [InlineData("%61fter=a+b")]
    [InlineData("x=1&after=")]
    public async Task A_query_is_decoded_once(string query) =>
        Assert.Equal(200, (await RawHttp.Send(_front.Address, "GET", "/api/rooms?" + query)).Status);

    [Theory]
    [InlineData("", "/rt", "/rt")]
    [InlineData("/base", "", "/base")]
    [InlineData("/base", "/rt", "/base/rt")]
    [InlineData("", "/{tenant}/rt", "/a%20b/rt")]
    public async Task Names_are_found_behind_a_prefix(string pathBase, string prefix, string before)
    {
        await using var front = await cluster.StartFront(Environments.Development, app =>
        {
            app.UsePathBase(pathBase);
            app.UseRouting();
            app.UseAuthentication();
            app.UseAuthorization();
            app.MapRealtime(prefix);
        });
        var sent = await RawHttp.Send(front.Address, "POST", $"{before}/api/rooms/org%2F1/messages", """{"content":"x"}""");
        Assert.Equal((200, "org/1"), (sent.Status, (string?)JsonNode.Parse(sent.Body)!["room"]));
        Assert.Equal("name_invalid", (await RawHttp.Send(front.Address, "POST", $"{before}/api/users/%2E%2E/messages", """{"content":"x"}""")).Code);
        Assert.Equal(200, (await RawHttp.Send(front.Address, "GET", $"{before}/health/live")).Status);
        var described = await RawHttp.Send(front.Address, "GET", $"{before}/openapi/v1.json");
        Assert.Equal(before, (string?)JsonNode.Parse(described.Body)!["servers"]![0]!["url"]);
    }
}
