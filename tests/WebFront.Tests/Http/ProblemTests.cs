using System.Text;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Connections;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Realtime.WebFront.Tests.Security;

namespace Realtime.WebFront.Tests.Http;

/// <summary>Every refusal is a problem with a code (RFC 9457), whoever refuses.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ProblemTests(Cluster cluster) : IAsyncLifetime
{
    private const string Send = "/api/rooms/r/messages";

    private readonly string _tag = Guid.NewGuid().ToString("N");
    private Front _front = null!;

    public async ValueTask InitializeAsync() => _front = await cluster.StartFront();

    public ValueTask DisposeAsync() => _front.DisposeAsync();

    private Task<RawAnswer> Ask(string method, string target, string? body = null, params string[] headers) =>
        RawHttp.Send(_front.Address, method, target, body, headers);

    [Theory]
    [InlineData("GET", "/api/rooms/r/nothing", 404, "not_found")]
    [InlineData("GET", "/api/users", 404, "not_found")]
    [InlineData("GET", "/api/rooms/a/b/c", 404, "not_found")]
    [InlineData("DELETE", "/api/rooms/r", 405, "method_not_allowed")]
    [InlineData("PUT", "/api/rooms/r/messages", 405, "method_not_allowed")]
    [InlineData("GET", "/api/users/u/messages", 405, "method_not_allowed")]
    [InlineData("OPTIONS", "/api/messages", 405, "method_not_allowed")]
    [InlineData("FOO", "/api/cluster", 405, "method_not_allowed")]
    [InlineData("get", "/api/cluster", 405, "method_not_allowed")]
    [InlineData("POST", "/metrics", 405, "method_not_allowed")]
    [InlineData("POST", "/health/live", 405, "method_not_allowed")]
    [InlineData("DELETE", "/", 405, "method_not_allowed")]
    [InlineData("POST", "/ws?user=a", 405, "method_not_allowed")]
    [InlineData("GET", "/ws?user=a", 426, "upgrade_required")]
    [InlineData("GET", "/ws", 401, "unauthorized")]
    public async Task An_address_or_method_that_is_not_there(string method, string target, int status, string code)
    {
        var answer = await Ask(method, target);
        Assert.Equal((status, code), (answer.Status, answer.Code));
        Assert.Equal(status == 405, answer.Headers.ContainsKey("allow"));
    }

    [Fact]
    public async Task Allow_names_the_methods()
    {
        Assert.Equal("GET, HEAD, POST", (await Ask("PUT", Send)).Headers["allow"]);
        Assert.Equal("POST", (await Ask("GET", "/api/messages")).Headers["allow"]);
        var head = await Ask("HEAD", "/api/cluster");
        Assert.Equal((200, ""), (head.Status, head.Body));
    }

    [Theory]
    [InlineData("application/json; charset=\"UTF-8\"", 200)]
    [InlineData("application/json;charset=utf-8", 200)]
    [InlineData("Application/JSON", 200)]
    [InlineData("application/json; charset=utf-16", 415)]
    [InlineData("application/json; charset=\"iso-8859-1\"", 415)]
    [InlineData("application/json; charset=nothing", 415)]
    [InlineData("application/json; charset=utf-8; charset=utf-16", 415)]
    [InlineData("application/json; charset=utf-8; charset=utf-8", 415)]
    [InlineData("application/json; charset", 415)]
    [InlineData("application/json; charset=", 415)]
    [InlineData("text/plain", 415)]
    [InlineData("application/vnd.api+json", 415)]
    [InlineData("", 415)]
    [InlineData("no type at all", 415)]
    [InlineData("application/x-www-form-urlencoded", 415)]
    public async Task A_media_type(string type, int status)
    {
        var answer = await Ask("POST", Send, """{"content":"x"}""", $"Content-Type: {type}");
        Assert.Equal(status, answer.Status);
        if (status != 200)
            Assert.Equal("unsupported_media_type", answer.Code);
    }

    [Fact]
    public async Task A_content_encoding_is_refused()
    {
        Assert.Equal((415, "unsupported_media_type"), await Told(Ask("POST", Send, "x", "Content-Encoding: gzip")));
        Assert.Equal(200, (await Ask("POST", Send, """{"content":"x"}""", "Content-Encoding: identity")).Status);
    }

    [Theory]
    [InlineData("application/json", 200)]
    [InlineData("*/*", 200)]
    [InlineData("text/html, application/*;q=0.1", 200)]
    [InlineData("not a type", 200)]
    [InlineData("text/html", 406)]
    [InlineData("application/json;q=0, */*", 406)]
    [InlineData("application/xml;q=1, text/*", 406)]
    public async Task An_accept(string accept, int status)
    {
        var answer = await Ask("GET", "/api/cluster", null, $"Accept: {accept}");
        Assert.Equal(status, answer.Status);
        if (status != 200)
            Assert.Equal("not_acceptable", answer.Code);
    }

    [Theory]
    [InlineData("")]
    [InlineData("null")]
    [InlineData("\"x\"")]
    [InlineData("{\"content\":\"x\"} x")]
    [InlineData("{\"content\":\"x\",}")]
    [InlineData("/* */{\"content\":\"x\"}")]
    [InlineData("{\"content\":\"x\",\"content\":\"x\"}")]
    [InlineData("{\"content\":\"x\",\"\\u0063ontent\":\"y\"}")]
    [InlineData("{\"data\":1,\"data\":1}")]
    [InlineData("\ufeff{\"content\":\"x\"}")]
    [InlineData("{\"content\":null}")]
    [InlineData("{\"content\":\"x\",\"from\":null}")]
    [InlineData("{\"content\":\"x\",\"id\":null}")]
    [InlineData("{\"content\":\"x\",\"id\":7}")]
    [InlineData("{\"content\":\"\\ud83d\"}")]
    [InlineData("{\"data\":{\"\\ud83d\":1}}")]
    [InlineData("{\"\\ud83d\":1}")]
    [InlineData("{\"data\":[[\"a\",\"\\udc00\"]]}")]
    [InlineData("{\"Content\":\"x\"}")]
    public async Task A_body_that_is_wrong(string body) => Assert.Equal((400, "bad_request"), await Told(Ask("POST", Send, body)));

    [Fact]
    public async Task A_body_that_is_not_utf_8_or_too_deep_or_too_long()
    {
        string[] json = ["Content-Type: application/json"];
        byte[] bad = [.. "{\"content\":\""u8, 0xff, .. "\"}"u8];
        Assert.Equal((400, "bad_request"), await Told(RawHttp.Send(_front.Address, "POST", Send, bad, json)));
        Assert.Equal((400, "bad_request"), await Told(RawHttp.Send(_front.Address, "POST", Send, Encoding.Unicode.GetBytes("{\"content\":\"x\"}"), json)));
        Assert.Equal((400, "bad_request"), await Told(Ask("POST", Send, "{\"data\":" + new string('[', 64) + new string(']', 64) + "}")));
        Assert.Equal((413, "content_too_long"), await Told(Ask("POST", Send, "{\"content\":\"" + new string('x', 1_000_000) + "\"}")));
        byte[] chunk = [.. Encoding.ASCII.GetBytes($"{1_000_000:x}\r\n"), .. new byte[1_000_000], .. "\r\n0\r\n\r\n"u8];
        Assert.Equal((413, "content_too_long"), await Told(RawHttp.Send(_front.Address, "POST", Send, chunk, [.. json, "Transfer-Encoding: chunked"])));
        Assert.Equal(400, (await RawHttp.Send(_front.Address, "POST", Send, "zz\r\n"u8.ToArray(), [.. json, "Transfer-Encoding: chunked"])).Status);
    }

    [Fact]
    public async Task Data_that_is_null_is_data_over_both_ways()
    {
        await using var alice = await _front.Connect("alice-" + _tag);
        await alice.Join("r-" + _tag);
        await alice.Ask(new JsonObject { ["type"] = "message", ["room"] = "r-" + _tag, ["data"] = null });
        Assert.Equal(200, (await Ask("POST", $"/api/rooms/r-{_tag}/messages", """{"data":null}""")).Status);
        var history = JsonNode.Parse((await Ask("GET", $"/api/rooms/r-{_tag}/messages")).Body)!["messages"]!.AsArray();
        Assert.Equal(2, history.Count);
        Assert.All(history, message => Assert.True(message!.AsObject().TryGetPropertyValue("data", out var data) && data is null));
    }

    [Theory]
    [InlineData("/api/messages", """{"content":"x","id":"k"}""")]
    [InlineData("/api/messages", """{"content":"x"}""", "Idempotency-Key: k")]
    [InlineData("/api/users/u/disconnect", "{}", "Idempotency-Key: k")]
    [InlineData(Send, """{"content":"x"}""", "Idempotency-Key: k", "Idempotency-Key: k")]
    [InlineData(Send, """{"content":"x"}""", "Idempotency-Key: ")]
    public async Task A_key_that_would_be_without_effect_is_refused(string target, string body, params string[] headers)
    {
        var answer = await Ask("POST", target, body, headers);
        Assert.Equal((400, "bad_request"), (answer.Status, answer.Code));
        Assert.Contains("Idempotency-Key", answer.Body);
    }

    private static async Task<(int, string)> Told(Task<RawAnswer> answer) => ((await answer).Status, (await answer).Code);

    [Theory]
    [InlineData(typeof(ConnectionResetException))]
    [InlineData(typeof(TaskCanceledException))] // of a connection that was aborted
    public async Task Who_goes_away_within_a_body_is_no_failure_of_the_server(Type exception)
    {
        // How the server says it is a matter of chance, and so is that it says it before RequestAborted does: here it always does.
        var log = new LogCapture();
        await using var front = await Front.Start(cluster.Client, null, [], map: app =>
        {
            app.Use((context, next) =>
            {
                context.Request.Body = new EndedBody((Exception)Activator.CreateInstance(exception, "The connection has ended.")!);
                return next(context);
            });
            app.MapRealtime();
        }, build: builder => builder.Services.AddSingleton<ILoggerProvider>(log));
        Assert.Equal("bad_request", (await RawHttp.Send(front.Address, "POST", Send, """{"content":"hi"}""")).Code);
        Assert.DoesNotContain(log.Lines, line => line.StartsWith("Error ", StringComparison.Ordinal) || line.StartsWith("Critical ", StringComparison.Ordinal));
    }

    private sealed class EndedBody(Exception exception) : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromException<int>(exception);
    }
}
