using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Realtime.Connections;
using Realtime.WebFront.Limiting;
using static Realtime.WebFront.Tests.Limiting.LimitedFront;

namespace Realtime.WebFront.Tests.Limiting;

/// <summary>How many may connect, and how often.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ConnectionLimitTests(Cluster cluster)
{
    private static readonly (string, string) s_loopbackCounts = ("Limits:LoopbackCounts", "true");

    [Fact]
    public async Task A_user_may_have_so_many_connections_and_others_are_not_concerned()
    {
        await using var limited = await Start(cluster, ("Limits:ConnectionsPerUser", "3"));
        var first = await limited.Front.Connect("alice");
        await using var second = await limited.Front.Connect("alice");
        await using var third = await limited.Front.Connect("alice");
        await AssertRefused(limited, "alice", HttpStatusCode.TooManyRequests, "rate_limited", "3 connections");
        Assert.Equal(1, limited.Met("user_connections"));
        await using var bob = await limited.Front.Connect("bob");

        await first.DisposeAsync();
        await UntilCount(limited, 3);
        await using var again = await limited.Front.Connect("alice");
    }

    [Fact]
    public async Task Or_the_oldest_gives_way()
    {
        await using var limited = await Start(cluster, ("Limits:ConnectionsPerUser", "2"), ("Limits:OldestGivesWay", "true"));
        await using var first = await limited.Front.Connect("alice");
        await using var second = await limited.Front.Connect("alice");
        await using var third = await limited.Front.Connect("alice");
        Assert.Null(await first.ReceiveRaw());
        Assert.Equal(((WebSocketCloseStatus)4001, "replaced by a newer connection of the user"), (first.CloseStatus, first.CloseReason));
        await first.Close();
        Assert.Empty(await second.Drain());
        Assert.Empty(await third.Drain());
        await UntilCount(limited, 2);

        // One that does not answer the close is there for a while, but is no reason to refuse.
        await using var fourth = await limited.Front.Connect("alice");
        Assert.Empty(await third.Drain());
        Assert.Equal(2, limited.Met("user_connections"));
    }

    [Fact]
    public async Task An_address_may_have_so_many_connections()
    {
        await using var limited = await Start(cluster, s_loopbackCounts, ("Limits:ConnectionsPerAddress", "2"));
        var first = await limited.Front.Connect("alice");
        await using var second = await limited.Front.Connect("bob");
        await AssertRefused(limited, "carl", HttpStatusCode.TooManyRequests, "rate_limited", "2 connections");
        Assert.Equal(1, limited.Met("address_connections"));
        await first.DisposeAsync();
        await UntilCount(limited, 1);
        await using var third = await limited.Front.Connect("carl");
    }

    [Fact]
    public async Task Programs_on_the_same_machine_are_no_address_unless_that_is_set()
    {
        await using var limited = await Start(cluster, [("Limits:ConnectionsPerAddress", "1"), .. Rate("Handshakes", 1, 1)]);
        await using var first = await limited.Front.Connect("alice");
        await using var second = await limited.Front.Connect("bob");
        Assert.Equal(0, limited.Front.Services.GetRequiredService<ConnectionLimits>().Addresses);
    }

    [Fact]
    public async Task An_address_may_connect_so_often()
    {
        await using var limited = await Start(cluster, [s_loopbackCounts, .. Rate("Handshakes", 1, 3)]);
        for (var i = 0; i < 3; i++)
            await (await limited.Front.Connect("alice")).DisposeAsync();
        await AssertRefused(limited, "alice", HttpStatusCode.TooManyRequests, "rate_limited", "more often", retryAfter: 1);
        Assert.Equal(1, limited.Met("handshakes"));
        limited.Advance(1000);
        await using var again = await limited.Front.Connect("alice");
    }

    [Fact]
    public async Task A_front_may_have_so_many_connections()
    {
        await using var limited = await Start(cluster, ("Limits:Connections", "2"));
        await using var first = await limited.Front.Connect("alice");
        await using var second = await limited.Front.Connect("bob");
        await AssertRefused(limited, "carl", HttpStatusCode.ServiceUnavailable, "unavailable", "as many connections");
        Assert.Equal(1, limited.Met("connections"));
    }

    [Fact]
    public async Task Upgrades_beyond_the_rate_wait_and_beyond_the_queue_are_refused()
    {
        await using (var waits = await Start(cluster, [.. Rate("Upgrades", 20, 1), ("Limits:Upgrades:Queue", "10")]))
        {
            var clients = await Task.WhenAll(Enumerable.Range(0, 8).Select(i => waits.Front.Connect($"user{i}")));
            Assert.Equal(0, waits.Met("upgrades"));
            foreach (var client in clients)
                await client.DisposeAsync();
        }

        await using var refuses = await Start(cluster, [.. Rate("Upgrades", 1, 1), ("Limits:Upgrades:Queue", "0")]);
        var statuses = new List<HttpStatusCode>();
        do
        {
            using var answer = await Upgrade(refuses, "alice");
            statuses.Add(answer.StatusCode);
        }
        while (statuses[^1] == HttpStatusCode.SwitchingProtocols && statuses.Count < 100);
        Assert.Equal((HttpStatusCode.SwitchingProtocols, HttpStatusCode.ServiceUnavailable), (statuses[0], statuses[^1]));
        Assert.Equal(1, refuses.Met("upgrades"));
    }

    [Theory]
    [InlineData("true")]
    [InlineData("false")]
    public async Task Many_at_once_are_no_more_than_one_after_another_and_what_fails_half_way_is_not_counted_for_ever(string polling)
    {
        const int most = 10;
        await using var limited = await Start(cluster, s_loopbackCounts, ("Limits:ConnectionsPerUser", $"{most}"), ("Limits:ConnectionsPerAddress", "500"), ("Connections:EnablePolling", polling));
        var limits = limited.Front.Services.GetRequiredService<ConnectionLimits>();
        for (var round = 0; round < 3; round++)
        {
            var answers = await Task.WhenAll(Enumerable.Range(0, 4 * most).Select(_ => Upgrade(limited, "alice")));
            Assert.Equal(most, answers.Count(answer => answer.StatusCode == HttpStatusCode.SwitchingProtocols));
            Assert.Equal(3 * most, answers.Count(answer => answer.StatusCode == HttpStatusCode.TooManyRequests));
            // Those that are there go while others come and are cut before they have an answer.
            await Task.WhenAll([.. answers.Select(answer => Task.Run(answer.Dispose)), .. Enumerable.Range(0, 100).Select(i => Cut(limited, i))]);
            await UntilCount(limited, 0);
            Assert.Equal((0, 0), (limits.OnTheirWay, limits.Addresses));
        }
    }

    private static async Task Cut(LimitedFront limited, int number)
    {
        using var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { LingerState = new(true, 0) }; // a reset
        await socket.ConnectAsync(IPAddress.Loopback, limited.Front.Address.Port);
        var request = "GET /ws?user=alice HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        await socket.SendAsync(Encoding.ASCII.GetBytes(request));
        if (number % 2 == 0)
            await Task.Yield();
        else
            await socket.ReceiveAsync(new byte[1]);
    }

    private static Task<HttpResponseMessage> Upgrade(LimitedFront limited, string user)
    {
        var request = new HttpRequestMessage(HttpMethod.Get, $"/ws?user={user}") { Version = HttpVersion.Version11 };
        request.Headers.Connection.Add("Upgrade");
        request.Headers.Upgrade.Add(new("websocket"));
        request.Headers.Add("Sec-WebSocket-Version", "13");
        request.Headers.Add("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==");
        return limited.Front.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
    }

    private static async Task AssertRefused(LimitedFront limited, string user, HttpStatusCode status, string code, string detail, int retryAfter = 5)
    {
        using var answer = await Upgrade(limited, user);
        Assert.Equal(status, answer.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(retryAfter), answer.Headers.RetryAfter?.Delta);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        var problem = (await answer.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal(code, (string?)problem["code"]);
        Assert.Contains(detail, (string?)problem["detail"], StringComparison.Ordinal);
    }

    private static async Task UntilCount(LimitedFront limited, int connections)
    {
        var registry = limited.Front.Services.GetRequiredService<ConnectionRegistry>();
        var limits = limited.Front.Services.GetRequiredService<ConnectionLimits>();
        using var bound = new CancellationTokenSource(TestClient.Bound);
        while (registry.Count != connections || limits.OnTheirWay != 0 || (connections == 0 && limits.Addresses != 0))
            await Task.Delay(5, bound.Token);
    }
}
