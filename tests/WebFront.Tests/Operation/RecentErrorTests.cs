using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Realtime.WebFront.Operation;
using Realtime.WebFront.Tests.Limiting;

namespace Realtime.WebFront.Tests.Operation;

/// <summary>What went wrong lately is remembered, within bounds.</summary>
[Collection(ClusterCollection.Name)]
public sealed class RecentErrorTests(Cluster cluster)
{
    private readonly string _tag = Guid.NewGuid().ToString("N")[..12];

    private static async Task<JsonObject[]> Errors(Front front, string query = "")
    {
        using var response = await front.Http.GetAsync($"/api/errors?limit=1000&front={await front.Id()}{query}");
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return [.. (await response.Content.ReadFromJsonAsync<JsonObject>())!["errors"]!.AsArray().Select(item => item!.AsObject())];
    }

    [Fact]
    public async Task Errors_of_clients_closes_and_lines_of_the_log_are_told_from_another_front_too()
    {
        await using var one = await cluster.StartFront();
        await using var two = await cluster.StartFront();
        var user = $"alice-{_tag}";
        await using var alice = await one.Connect(user);
        await alice.Refused("{}");
        await alice.Refused("{");
        await alice.Refused("""{"type":"message","room":"nowhere","content":"x"}""");
        // Refused by the room itself.
        await alice.Join($"room-{_tag}");
        await alice.Ask(new JsonObject { ["type"] = "message", ["room"] = $"room-{_tag}", ["content"] = "x", ["echo"] = false }, id: "same");
        await alice.Refused($$"""{"type":"message","id":"same","room":"room-{{_tag}}","content":"y"}""");

        var id = await one.Id();
        var errors = await Errors(one, "&kind=error");
        Assert.Equal(["id_conflict", "not_joined", "bad_request"], errors.Select(error => (string)error["code"]!));
        Assert.Equal([1, 1, 2], errors.Select(error => (int)error["count"]!));
        Assert.All(errors, error => Assert.Equal((user, "127.0.0.1", id), ((string?)error["user"], (string?)error["address"], (string?)error["front"])));
        Assert.True((DateTimeOffset)errors[2]["firstAt"]! <= (DateTimeOffset)errors[2]["lastAt"]!);
        Assert.Contains("not in the room", (string)errors[1]["detail"]!);
        var all = (await two.Http.GetFromJsonAsync<JsonObject>("/api/errors?limit=1000"))!["errors"]!.AsArray();
        Assert.Contains(all, error => (string?)error!["user"] == user && (string?)error["code"] == "not_joined");
        Assert.Empty(await Errors(two));

        (await two.Http.PostAsJsonAsync($"/api/users/{user}/disconnect", new { reason = "enough" })).EnsureSuccessStatusCode();
        Assert.Null(await alice.ReceiveRaw());
        await Wait.Until(async () => await Errors(one, "&kind=closed") is [var closed] && (string?)closed["code"] == "4002" && (string?)closed["detail"] == "enough");

        one.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Realtime.Sample").LogWarning(new EventId(7), new InvalidOperationException("inner"), "The {Thing} broke.", "disk");
        one.Services.GetRequiredService<ILoggerFactory>().CreateLogger("Other").LogWarning("not ours");
        var line = Assert.Single(await Errors(one, "&kind=log"));
        Assert.Equal(("Realtime.Sample:7", "The disk broke. InvalidOperationException: inner"), ((string?)line["code"], (string?)line["detail"]));
        Assert.Equal("log", (string?)(await Errors(one))[0]["kind"]);
    }

    [Fact]
    public async Task Who_is_limited_is_told()
    {
        await using var limited = await LimitedFront.Start(cluster, [.. LimitedFront.Rate("Joins", 1, 1), ("Limits:ConnectionsPerUser", "1")]);
        var user = $"bob-{_tag}";
        await using var bob = await limited.Front.Connect(user);
        await bob.Join($"room-{_tag}");
        await bob.Refused($$"""{"type":"join","room":"room2-{{_tag}}"}""");
        await Assert.ThrowsAsync<System.Net.WebSockets.WebSocketException>(() => limited.Front.Connect(user));
        var errors = await Errors(limited.Front, "&kind=limit");
        Assert.Equal([("user_connections", user), ("joins", user)], errors.Select(error => ((string)error["code"]!, (string)error["user"]!)));
    }

    [Theory]
    [InlineData("kind=nothing", "There are no errors of the kind 'nothing'; there are error, limit, refused, closed, log.")]
    [InlineData("front=nobody", "There is no front 'nobody'; there are ")]
    public async Task What_there_is_not_is_refused(string query, string expected)
    {
        await using var front = await cluster.StartFront();
        using var response = await front.Http.GetAsync($"/api/errors?{query}");
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.StartsWith(expected, (string?)(await response.Content.ReadFromJsonAsync<JsonObject>())!["detail"]);
    }

    [Fact]
    public void Only_the_last_ones_are_kept_and_long_texts_are_cut()
    {
        var recent = new RecentErrors(TimeProvider.System);
        for (var i = 0; i < 1000; i++)
            recent.Logged($"line {i}", new string('x', 10_000));
        recent.Logged("line 900", "again 😀" + string.Concat(Enumerable.Repeat("😀", 1000)));
        var errors = recent.Read("f", null, 1000);
        Assert.Equal(RecentErrors.MostOfKind, errors.Length);
        Assert.Equal(("line 900", 2L), (errors[0].Code, errors[0].Count));
        Assert.Equal("line 999", errors[1].Code);
        Assert.All(errors, error => Assert.InRange(error.Detail!.Length, RecentErrors.MaxText - 1, RecentErrors.MaxText));
        Assert.False(char.IsHighSurrogate(errors[0].Detail![^2]));
        Assert.Empty(recent.Read("f", "error", 1000));
    }
}
