using System.Diagnostics;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Realtime.Server;
using static Realtime.WebFront.Tests.Limiting.LimitedFront;

namespace Realtime.WebFront.Tests.Limiting;

/// <summary>How often the HTTP API may be asked.</summary>
[Collection(ClusterCollection.Name)]
public sealed class RequestLimitTests(Cluster cluster)
{
    [Fact]
    public async Task A_caller_may_ask_so_often_and_another_is_not_concerned()
    {
        await using var limited = await Start(cluster, Rate("Requests", 1, 3));
        var statuses = new List<HttpStatusCode>();
        HttpResponseMessage answer;
        do
        {
            answer = await limited.Front.Http.GetAsync("/api/cluster");
            statuses.Add(answer.StatusCode);
        }
        while (answer.IsSuccessStatusCode && statuses.Count < 100);
        Assert.All(statuses[..3], status => Assert.Equal(HttpStatusCode.OK, status));
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.Equal(TimeSpan.FromSeconds(1), answer.Headers.RetryAfter?.Delta);
        Assert.Equal("rate_limited", (string?)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["code"]);
        Assert.Equal(1, limited.Met("requests"));

        Assert.Equal(HttpStatusCode.OK, (await limited.Front.Http.GetAsync("/api/cluster?user=billing")).StatusCode);
        Assert.Equal(HttpStatusCode.OK, (await limited.Front.Http.GetAsync("/health/live")).StatusCode);
    }

    [Fact]
    public async Task Who_is_a_little_over_it_waits_for_its_turn_and_is_not_refused()
    {
        await using var limited = await Start(cluster, Rate("Requests", 20, 1));
        var begin = Stopwatch.GetTimestamp();
        using var bound = new CancellationTokenSource(TestClient.Bound);
        var asked = 0;
        for (; asked < 11 || limited.Met("requests") == 0; asked++) // on a slow machine it takes more until one comes too early
        {
            bound.Token.ThrowIfCancellationRequested();
            Assert.Equal(HttpStatusCode.OK, (await limited.Front.Http.GetAsync("/api/cluster")).StatusCode);
        }
        Assert.InRange(Stopwatch.GetElapsedTime(begin).TotalSeconds, ((asked - 1) / 20.0) - 0.05, double.MaxValue);
    }

    [Theory]
    [InlineData("/nothing", HttpStatusCode.NotFound)]
    [InlineData("/health/live", HttpStatusCode.OK)]
    [InlineData("/api/cluster", HttpStatusCode.Unauthorized)]
    public async Task What_no_limit_counts_holds_its_connection_up(string path, HttpStatusCode status)
    {
        await using var front = await Front.Start(cluster.Client, null, [("Limits:Enabled", "true"), .. Rate("Requests", 20, 1)], map: app => app.MapFront(),
            build: builder => RequestPace.Add(builder.Services));
        using var http = new HttpClient { BaseAddress = front.Address };
        http.DefaultRequestHeaders.Authorization = new("Bearer", "wrong");
        var begin = Stopwatch.GetTimestamp();
        for (var i = 0; i < 11; i++)
            Assert.Equal(status, (await http.GetAsync(path)).StatusCode);
        Assert.InRange(Stopwatch.GetElapsedTime(begin).TotalSeconds, 0.4, 20);
    }
}
