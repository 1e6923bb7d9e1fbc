using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Realtime.WebFront.Tests.Access;

namespace Realtime.WebFront.Tests.Calls;

/// <summary>Calls of services to clients over HTTP.</summary>
[Collection(ClusterCollection.Name)]
public sealed class HttpCallTests(Cluster cluster) : IAsyncLifetime
{
    private readonly string _bob = $"bob/{Guid.NewGuid():N}";
    private Front _front = null!;

    private string Target => $"/api/users/{Uri.EscapeDataString(_bob)}/calls";

    public async ValueTask InitializeAsync() => _front = await cluster.StartFront(configure: null, ("Calls:MaxWaiting", "2"));

    public ValueTask DisposeAsync() => _front.DisposeAsync();

    private async Task<(int Status, JsonObject Body)> Post(string body, string? key = null, CancellationToken cancellation = default)
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, Target) { Content = new StringContent(body, Encoding.UTF8, "application/json") };
        if (key is not null)
            request.Headers.Add("Idempotency-Key", key);
        using var answer = await _front.Http.SendAsync(request, cancellation);
        return ((int)answer.StatusCode, (await answer.Content.ReadFromJsonAsync<JsonObject>(cancellation))!);
    }

    private async Task<(int Status, string? Code)> Refused(string body, string? key = null) =>
        await Post(body, key) is var (status, problem) ? (status, (string?)problem["code"]) : default;

    [Fact]
    public async Task The_answer_is_the_first_result_of_the_users_devices()
    {
        await using var other = await cluster.StartFront();
        await using var phone = await _front.Connect(_bob);
        await using var laptop = await other.Connect(_bob);
        var asked = Post("""{"method":"confirm","data":{"order":7,"sum":1.50},"timeout":20000}""");
        var call = await phone.Receive("call");
        Assert.Equal("""confirm {"order":7,"sum":1.50}""", $"{call["method"]} {call["data"]!.ToJsonString()}");
        await phone.Fail(call, "busy");
        await laptop.Answer(await laptop.Receive("call"), """{"yes":[true,null]}""");
        Assert.Equal((200, $$$"""{"user":"{{{_bob}}}","data":{"yes":[true,null]}}"""), await asked is var (status, body) ? (status, body.ToJsonString()) : default);

        foreach (var (result, answered) in new[] { (null, ""), ("null", ",\"data\":null"), ("0", ",\"data\":0") })
        {
            asked = Post("""{"method":"confirm"}""");
            call = await phone.Receive("call");
            Assert.False(call.ContainsKey("data"));
            await phone.Answer(call, result);
            await laptop.Receive("call");
            Assert.Equal($$"""{"user":"{{_bob}}"{{answered}}}""", (await asked).Body.ToJsonString());
        }
    }

    [Fact]
    public async Task What_ends_without_a_result_is_a_problem_with_the_code_of_the_call()
    {
        Assert.Equal((404, "user_not_found"), await Refused("""{"method":"confirm"}"""));
        await using var bob = await _front.Connect(_bob);
        var asked = Post("""{"method":"confirm"}""");
        await bob.Fail(await bob.Receive("call"), "On holiday!", "not now");
        var (status, problem) = await asked;
        Assert.Equal((422, "On holiday!", "not now"), (status, (string?)problem["code"], (string?)problem["detail"]));
        foreach (var code in new[] { "unknown_method", "call_failed" })
        {
            var refused = Refused("""{"method":"confirm","data":null}""");
            await bob.Fail(await bob.Receive("call"), code);
            Assert.Equal((422, code), await refused);
        }
        Assert.Equal((504, "call_timeout"), await Refused("""{"method":"confirm","timeout":100}"""));
        await bob.Receive("call");
        // As many wait as may; the answer says when to come back.
        Task<(int, JsonObject)>[] waiting = [Post("""{"method":"confirm"}"""), Post("""{"method":"confirm"}""")];
        JsonObject[] calls = [await bob.Receive("call"), await bob.Receive("call")];
        Assert.Equal((503, "too_many_calls"), await Refused("""{"method":"confirm"}"""));
        // Whoever does not wait for the answer takes nothing from the others.
        await bob.Answer(calls[0], "1");
        await Task.WhenAny(waiting);
        using var over = new CancellationTokenSource();
        var given = Post("""{"method":"confirm","timeout":120000}""", cancellation: over.Token);
        await bob.Receive("call");
        await over.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => given);
        await bob.Answer(calls[1], "1");
        Assert.All(await Task.WhenAll(waiting), answer => Assert.Equal(200, answer.Item1));
        // Who goes meanwhile.
        var gone = Refused("""{"method":"confirm"}""");
        await bob.Receive("call");
        await bob.Close();
        Assert.Equal((404, "user_not_found"), await gone);
    }

    [Theory]
    [InlineData("""{}""", "bad_request", "needs a method")]
    [InlineData("""{"method":""}""", "name_invalid", "method")]
    [InlineData("""{"method":" x"}""", "name_invalid", "method")]
    [InlineData("""{"method":"a\nb"}""", "name_invalid", "U+000A")]
    [InlineData("""{"method":7}""", "bad_request", "'method' must be a string")]
    [InlineData("""{"method":null}""", "bad_request", "'method' must be a string")]
    [InlineData("""{"method":"x","method":"y"}""", "bad_request", "'method' is there twice")]
    [InlineData("""{"method":"x","args":[]}""", "bad_request", "'args' is no field of this request; there are method, data, timeout.")]
    [InlineData("""{"method":"x","timeout":99}""", "bad_request", "'timeout' is 99; it must be from 100 to 120000 milliseconds.")]
    [InlineData("""{"method":"x","timeout":120001}""", "bad_request", "from 100 to 120000")]
    [InlineData("""{"method":"x","timeout":-1}""", "bad_request", "from 100 to 120000")]
    [InlineData("""{"method":"x","timeout":"5s"}""", "bad_request", "'timeout' must be a whole number")]
    [InlineData("""{"method":"x","timeout":1e3}""", "bad_request", "'timeout' must be a whole number")]
    [InlineData("""{"method":"x","timeout":null}""", "bad_request", "'timeout' must be a whole number")]
    [InlineData("""{"method":"x","data":"\ud800"}""", "bad_request", "'data'")]
    [InlineData("""["x"]""", "bad_request", "one JSON object")]
    public async Task Bad_calls_are_told_why_and_reach_nobody(string body, string code, string why)
    {
        await using var bob = await _front.Connect(_bob);
        var (status, problem) = await Post(body);
        Assert.Equal((400, code), (status, (string?)problem["code"]));
        Assert.Contains(why, (string)problem["detail"]!);
        Assert.Empty(await bob.Drain());
    }

    [Fact]
    public async Task What_is_too_long_or_too_deep_or_has_a_key_is_refused()
    {
        await using var bob = await _front.Connect(_bob);
        Assert.Equal((413, "content_too_long"), await Refused($$"""{"method":"x","data":"{{new string('x', 65_536)}}"}"""));
        Assert.Equal((413, "content_too_long"), await Refused($$"""{"method":"x","data":"{{new string('x', 300_000)}}"}"""));
        Assert.Equal((400, "name_invalid"), await Refused($$"""{"method":"{{new string('x', 129)}}"}"""));
        Assert.Equal((400, "bad_request"), await Refused($$"""{"method":"x","data":{{new string('[', 33)}}{{new string(']', 33)}}}"""));
        Assert.Equal((400, "bad_request"), await Refused("""{"method":"x"}""", key: "k"));
        Assert.Empty(await bob.Drain());
    }

    [Fact]
    public async Task It_needs_the_scope_of_those_who_publish()
    {
        await using var access = await AccessFront.Start(cluster, ("Rooms:Access:0:Room", "x"), ("Rooms:Access:0:Allow:0", "join"));
        foreach (var (scope, status) in new[] { ("", 403), ("realtime.read", 403), ("realtime.publish", 404), ("realtime.admin", 404) })
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, Target) { Content = JsonContent.Create(new { method = "x" }) };
            request.Headers.Authorization = new("Bearer", access.Issuer.Token(TimeProvider.System, ("sub", "billing"), ("scope", scope)));
            using var answer = await access.Front.Http.SendAsync(request);
            Assert.Equal(status, (int)answer.StatusCode);
        }
    }
}
