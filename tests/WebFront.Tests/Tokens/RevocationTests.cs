using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Orleans;
using Orleans.Core.Internal;
using Realtime.Grains;
using Realtime.WebFront.Tests.Security;

namespace Realtime.WebFront.Tests.Tokens;

/// <summary>What is taken away before its time: at every front, for who is connected and for who comes.</summary>
[Collection(ClusterCollection.Name)]
public sealed class RevocationTests(Cluster cluster)
{
    private readonly string _user = $"user-{Guid.NewGuid():N}";

    private IRevocationGrain Revocations => cluster.Client.GetGrain<IRevocationGrain>(IRevocationGrain.Key);

    private IUserGrain User => cluster.Client.GetGrain<IUserGrain>(_user);

    private static async Task AssertClosed(TestClient client, int code, string reason)
    {
        while (await client.ReceiveRaw() is not null) { }
        Assert.Equal((code, reason), ((int)client.CloseStatus!, client.CloseReason));
    }

    /// <summary>The status, and the words, by which a front refuses a WebSocket.</summary>
    private static async Task<(HttpStatusCode, string?)> Refusal(Front front, string query, string? token = null)
    {
        using var request = new HttpRequestMessage(HttpMethod.Get, $"/ws{query}");
        if (token is not null)
            request.Headers.Authorization = new("Bearer", token);
        foreach (var (name, value) in new[] { ("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13"), ("Sec-WebSocket-Key", "AAAAAAAAAAAAAAAAAAAAAA==") })
            request.Headers.TryAddWithoutValidation(name, value);
        using var response = await front.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead);
        return (response.StatusCode, response.StatusCode == HttpStatusCode.SwitchingProtocols ? null : (string?)(await response.Content.ReadFromJsonAsync<JsonObject>())!["detail"]);
    }

    [Fact]
    public async Task A_user_who_is_blocked_is_out_at_every_front_and_comes_in_at_none_until_allowed()
    {
        await using var one = await TokenFront.Start(cluster);
        await using var two = await cluster.StartFront();
        await using var here = await one.Connect(one.Token(_user));
        await using var there = await two.Connect(_user);
        await using var other = await two.Connect($"{_user}-2");

        await User.Block();
        await AssertClosed(here, 4002, "the user is blocked");
        await AssertClosed(there, 4002, "the user is blocked");
        Assert.Equal((HttpStatusCode.Forbidden, "The user is blocked."), await Refusal(one.Front, "", one.Token(_user)));
        Assert.Equal((HttpStatusCode.Forbidden, "The user is blocked."), await Refusal(two, $"?user={_user}"));
        Assert.Empty(await other.Drain());
        await using (var late = await cluster.StartFront()) // one that was not there when it was said
            Assert.Equal((HttpStatusCode.Forbidden, "The user is blocked."), await Refusal(late, $"?user={_user}"));

        await User.Unblock();
        await using var again = await two.Connect(_user);
        await using var anew = await one.Connect(one.Token(_user));
    }

    [Fact]
    public async Task A_block_ends_by_itself()
    {
        await using var front = await cluster.StartFront();
        await User.Block(TimeSpan.FromSeconds(5)); // longer than the next request takes
        Assert.Equal(HttpStatusCode.Forbidden, (await Refusal(front, $"?user={_user}")).Item1);
        using var bound = new CancellationTokenSource(TestClient.Bound);
        while ((await Refusal(front, $"?user={_user}")).Item1 != HttpStatusCode.SwitchingProtocols)
            bound.Token.ThrowIfCancellationRequested();
        foreach (var length in new[] { TimeSpan.Zero, TimeSpan.FromDays(366) })
            Assert.Contains("from 00:00:01 to 365.00:00:00", (await Assert.ThrowsAsync<RequestException>(() => User.Block(length))).Message);
    }

    [Fact]
    public async Task A_revoked_token_opens_nothing_and_its_connections_end_others_stay()
    {
        await using var front = await TokenFront.Start(cluster);
        var (bad, good) = (Guid.NewGuid().ToString(), Guid.NewGuid().ToString());
        var token = front.Token(_user, 3600, ("jti", bad), ("scope", "realtime.read"));
        await using var gone = await front.Connect(token);
        await using var stays = await front.Connect(front.Token(_user, 3600, ("jti", good)));

        await Revocations.RevokeToken(bad, DateTimeOffset.UtcNow.AddHours(1));
        await AssertClosed(gone, 4003, "the token is revoked");
        Assert.Empty(await stays.Drain());
        Assert.Equal((HttpStatusCode.Unauthorized, "The token is revoked."), await Refusal(front.Front, "", token));
        Assert.Equal("The token is revoked.", (string?)(await stays.Ask(new JsonObject { ["type"] = "refresh", ["token"] = token }))["content"]);
        using var call = new HttpRequestMessage(HttpMethod.Get, "/api/rooms") { Headers = { Authorization = new("Bearer", token) } };
        using var answer = await front.Front.Http.SendAsync(call);
        Assert.Equal(HttpStatusCode.Unauthorized, answer.StatusCode);

        // The connection is its newest token's, not that of its handshake.
        var next = Guid.NewGuid().ToString();
        Assert.Equal("refreshed", (string?)(await stays.Ask(new JsonObject { ["type"] = "refresh", ["token"] = front.Token(_user, 3600, ("jti", next)) }))["type"]);
        await Revocations.RevokeToken(good, DateTimeOffset.UtcNow.AddHours(1));
        Assert.Empty(await stays.Drain());
        await Revocations.RevokeToken(next, DateTimeOffset.UtcNow.AddHours(1));
        await AssertClosed(stays, 4003, "the token is revoked");
    }

    [Fact]
    public async Task Signed_out_everywhere_a_user_comes_back_with_a_newer_token_only()
    {
        await using var front = await TokenFront.Start(cluster);
        var now = DateTimeOffset.UtcNow.ToUnixTimeSeconds();
        var (old, undated, newer) = (front.Token(_user, 3600, ("iat", now - 10)), front.Token(_user, 3600, ("iat", null)), front.Token(_user, 3600, ("iat", now + 20)));
        await using var gone = await front.Connect(old);
        await using var nameless = await front.Front.Connect(_user); // ?user=: it has no token that could be taken away
        await using var other = await front.Connect(front.Token($"{_user}-2", 3600, ("iat", now - 10)));

        await User.RevokeTokens();
        await AssertClosed(gone, 4003, "the token is revoked");
        Assert.Equal((HttpStatusCode.Unauthorized, "The token is revoked."), await Refusal(front.Front, "", old));
        Assert.Equal((HttpStatusCode.Unauthorized, "The token is revoked."), await Refusal(front.Front, "", undated));
        Assert.Equal((HttpStatusCode.SwitchingProtocols, null), await Refusal(front.Front, "", newer)); // within the clocks' difference
        Assert.Empty(await nameless.Drain());
        Assert.Empty(await other.Drain());
    }

    [Fact]
    public async Task A_user_who_is_blocked_in_a_room_joins_others()
    {
        await using var front = await cluster.StartFront();
        await using var client = await front.Connect(_user);
        await Revocations.BlockInRoom($"no {_user}", _user);
        var refused = await client.Refused(new JsonObject { ["type"] = "join", ["room"] = $"no {_user}" }.ToJsonString());
        Assert.Equal(("forbidden", $"no {_user}"), ((string?)refused["code"], (string?)refused["room"]));
        await client.Join($"yes {_user}");
        await Revocations.UnblockInRoom($"no {_user}", _user);
        await client.Join($"no {_user}");
    }

    [Fact]
    public async Task Who_is_taken_out_of_a_room_for_a_time_is_not_back_before()
    {
        await using var front = await cluster.StartFront();
        await using var client = await front.Connect(_user);
        var (room, path) = ($"out {_user}", $"/api/rooms/{Uri.EscapeDataString($"out {_user}")}/members/{_user}");
        await client.Join(room);
        using (var removed = await front.Http.DeleteAsync($"{path}?for=60"))
            Assert.Equal(1, (int)(await removed.Content.ReadFromJsonAsync<JsonObject>())!["connections"]!);
        Assert.Equal("server", (string?)(await client.Receive("left"))["by"]);
        var refused = await client.Refused(new JsonObject { ["type"] = "join", ["room"] = room }.ToJsonString());
        Assert.Equal("forbidden", (string?)refused["code"]);
        using (var allowed = await front.Http.PostAsync($"{path}/unblock", null))
            Assert.Equal(HttpStatusCode.OK, allowed.StatusCode);
        await client.Join(room);
    }

    [Fact]
    public async Task A_token_that_lives_longer_than_revocations_are_kept_is_refused()
    {
        await using var front = await TokenFront.Start(cluster, settings: ("Revocations:MaxTokenLifetime", "02:00:00"));
        const string tooLong = "The token lives longer than it may, which is 02:00:00 from its issue (iat) to its expiry (exp).";
        Assert.Equal((HttpStatusCode.Unauthorized, tooLong), await Refusal(front.Front, "", front.Token(_user, 3 * 3600)));
        Assert.Equal((HttpStatusCode.Unauthorized, tooLong), await Refusal(front.Front, "", front.Token(_user, 3 * 3600, ("iat", null))));
        Assert.Equal((HttpStatusCode.Unauthorized, tooLong), await Refusal(front.Front, "", front.Token(_user, 3600, ("iat", DateTimeOffset.UtcNow.ToUnixTimeSeconds() - 2 * 3600))));
        Assert.Equal(HttpStatusCode.SwitchingProtocols, (await Refusal(front.Front, "", front.Token(_user, 3600))).Item1);
    }

    [Fact]
    public async Task A_list_that_was_lost_comes_back_from_the_fronts()
    {
        await using var front = await cluster.StartFront();
        await User.Block();
        await Revocations.BlockInRoom("room", _user);
        await Revocations.UnblockInRoom("room", _user);
        var before = (await Revocations.Changes(null, 0)).Epoch;
        // As if its silo had been killed: what was in memory is gone.
        await Revocations.AsReference<IGrainManagementExtension>().DeactivateOnIdle();

        using var bound = new CancellationTokenSource(TestClient.Bound);
        RevocationChanges after;
        while (!(after = await Revocations.Changes(null, 0)).Entries.Any(entry => entry.Kind == RevocationKind.User && entry.Subject == _user))
            bound.Token.ThrowIfCancellationRequested();
        Assert.NotEqual(before, after.Epoch);
        await using var late = await cluster.StartFront();
        Assert.Equal((HttpStatusCode.Forbidden, "The user is blocked."), await Refusal(late, $"?user={_user}"));
        await User.Unblock(); // it counts after what the fronts have of before
        await using var client = await late.Connect(_user);
        await client.Join("room");
    }

    [Fact]
    public async Task From_http_too()
    {
        await using var front = await cluster.StartFront();
        await using var client = await front.Connect(_user);
        await Post($"/api/users/{_user}/block", new { seconds = 60 });
        await AssertClosed(client, 4002, "the user is blocked");
        await Post($"/api/users/{_user}/unblock");
        await using var again = await front.Connect(_user);
        await Post($"/api/users/{_user}/revoke-tokens");
        await Post("/api/tokens/revoke", new { jti = _user, exp = DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 60 });
        Assert.Empty(await again.Drain());

        foreach (var (path, body, what) in new (string, object, string)[]
        {
            ($"/api/users/{_user}/block", new { seconds = 0 }, "'seconds' is 0"), ($"/api/users/{_user}/block", new { seconds = 31536001 }, "'seconds' is 31536001"),
            ($"/api/users/{_user}/block", new { seconds = "60" }, "'seconds' must be a whole number"), ($"/api/users/{_user}/block", new { seconds = 1.5 }, "'seconds' must be a whole number"),
            ("/api/tokens/revoke", new { exp = 1 }, "'jti' must"), ("/api/tokens/revoke", new { jti = new string('j', 257), exp = 1 }, "'jti' must"),
            ("/api/tokens/revoke", new { jti = "j" }, "'exp' must"), ("/api/tokens/revoke", new { jti = "j", exp = -1 }, "'exp' must"),
        })
        {
            using var answer = await front.Http.PostAsJsonAsync(path, body);
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            Assert.StartsWith(what, (string?)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["detail"]);
        }

        async Task Post(string path, object? body = null)
        {
            using var answer = await front.Http.PostAsync(path, body is null ? null : JsonContent.Create(body));
            Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
        }
    }
}
