using Realtime.Server;

namespace Realtime.WebFront.Tests.Http;

/// <summary>What browsers are told about every answer.</summary>
[Collection(ClusterCollection.Name)]
public sealed class SecurityHeaderTests(Cluster cluster)
{
    [Theory]
    [InlineData("/", 200, true)]
    [InlineData("/toolbox.html", 200, true)]
    [InlineData("/realtime.js", 200, true)]
    [InlineData("/chat/chat.css", 200, true)]
    [InlineData("/console/console.js", 200, true)]
    [InlineData("/console", 200)] // stricter: each kind of file is named
    [InlineData("/health/live", 200)]
    [InlineData("/health/ready", 200)]
    [InlineData("/metrics", 200)]
    [InlineData("/openapi/v1.json", 200)]
    [InlineData("/api/cluster", 200)]
    [InlineData("/api/users/nobody-is-this", 404)]
    [InlineData("/api/nothing", 404)]
    [InlineData("/nothing", 404)]
    [InlineData("/ws?user=alice", 426)]
    [InlineData("/ws", 401)]
    [InlineData("/ws/echo", 426)]
    public async Task Every_answer_says_what_may_be_done_with_it(string path, int status, bool isPage = false)
    {
        await using var front = await cluster.StartFront("Development", FrontRole.MapFront);
        var answer = await RawHttp.Send(front.Address, "GET", path);
        Assert.Equal(status, answer.Status);
        Assert.Equal("nosniff", answer.Headers["x-content-type-options"]);
        Assert.Equal("no-referrer", answer.Headers["referrer-policy"]);
        Assert.Equal("DENY", answer.Headers["x-frame-options"]);
        var policy = answer.Headers["content-security-policy"];
        Assert.Contains("frame-ancestors 'none'", policy, StringComparison.Ordinal);
        Assert.Equal(isPage, policy.Contains("default-src 'self'", StringComparison.Ordinal));
        Assert.Equal(!isPage, policy.Contains("default-src 'none'", StringComparison.Ordinal));
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
    }
}
