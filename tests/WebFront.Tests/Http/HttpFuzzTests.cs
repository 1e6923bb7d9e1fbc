using System.Text;
using CsCheck;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Realtime.WebFront.Tests.Security;

namespace Realtime.WebFront.Tests.Http;

/// <summary>
/// Requests made at random from pieces that are right and pieces that are not. Another number of them: <c>CsCheck_Iter</c>; the
/// same again: <c>CsCheck_Seed</c>, which a failure tells.
/// </summary>
[Collection(ClusterCollection.Name)]
public sealed class HttpFuzzTests(Cluster cluster)
{
    private const int Cases = 1000;

    private sealed record Case(string Method, string Target, string[] Headers, byte[]? Body)
    {
        public override string ToString() =>
            $"{Method} {Target}\n{string.Join("\n", Headers)}\n\n{(Body is null ? "" : Encoding.Latin1.GetString(Body.Length > 2000 ? Body[..2000] : Body))}";
    }

    private static Gen<string> Any(params string[] values) => Gen.Int[0, values.Length - 1].Select(i => values[i]);

    private static readonly Gen<string> s_segment = Gen.Frequency(
        (6, Any("rooms", "users", "messages", "members", "disconnect", "connections", "cluster", "api", "ROOMS")),
        (4, Any("r", "alice", "org%2F1", "%2E%2E", "..", ".", "", "%ff", "%C3%A9", "%", "%2", "%zz", "%ED%A0%80", "a+b", "a;b", "%252F", "%20", "*", "{room}", "%E2%80%AE")),
        (1, Gen.String[Gen.Char['!', '~'].Where(c => c is not ('?' or '#')), 0, 200]),
        (1, Gen.Byte.Array[1, 40].Select(bytes => string.Concat(bytes.Select(value => $"%{value:x2}")))));

    private static readonly Gen<string> s_path = Gen.Frequency(
        (6, Any("/api/rooms/r/messages", "/api/users/alice/messages", "/api/messages", "/api/rooms", "/api/rooms/r", "/api/rooms/r/members",
            "/api/users/alice", "/api/users/nobody/disconnect", "/api/cluster", "/api/connections")),
        (3, s_segment.Array[0, 5].Select(segments => "/api/" + string.Join('/', segments))),
        (1, Any("/", "/metrics", "/health/live", "/health/ready", "/ws", "/ws/echo", "/openapi/v1.json", "/realtime.js", "*", "/a//b")));

    private static readonly Gen<string> s_query = Gen.Frequency(
        (3, Gen.Const("")),
        (3, Gen.Select(
            Any("limit", "after", "before", "epoch", "front", "user", "access_token", "x", "%6cimit", "%ff"),
            Gen.OneOf(Any("", "0", "1", "100", "1000", "1001", "-1", "1e3", "+1", "9223372036854775807", "99999999999999999999", "%ff", "%", "a%2Fb", "a+b", "=", "alice"),
                Gen.String[Gen.Char['!', '~'].Where(c => c is not ('#' or '&')), 0, 50]),
            (name, value) => $"{name}={value}").Array[1, 3].Select(pairs => "?" + string.Join('&', pairs))));

    private static readonly Gen<string> s_header = Gen.OneOf(
        Gen.Select(Gen.Const("Content-Type: "), Any("application/json", "application/json; charset=\"UTF-8\"", "application/json; charset=utf-16", "text/plain",
            "application/json; charset=\"", "application/json;;", "multipart/form-data; boundary=x", "", "a", "*/*", "application/json, text/plain"), (name, value) => name + value),
        Gen.Select(Gen.Const("Accept: "), Any("*/*", "application/json", "text/html", "application/json;q=0", ";;", "a/b;q=x", "", "*/*;q=2"), (name, value) => name + value),
        Gen.Select(Gen.Const("Content-Encoding: "), Any("gzip", "identity", "", "br, gzip"), (name, value) => name + value),
        Gen.Select(Gen.Const("Idempotency-Key: "), Gen.OneOf(Any("", "k", "\"k\""), Gen.String[Gen.Char['!', '~'], 0, 200]), (name, value) => name + value),
        Gen.Select(Gen.Const("Authorization: "), Any("Bearer x", "Bearer", "Basic eDp5", ""), (name, value) => name + value),
        Any("Origin: http://elsewhere.example", "Origin: null", "Expect: 100-continue", "Transfer-Encoding: chunked", "Upgrade: websocket", "X-Forwarded-For: 1.2.3.4",
            "Range: bytes=0-1", "If-None-Match: *", "If-None-Match: x", "If-Modified-Since: yesterday", "Sec-WebSocket-Version: 13"));

    private static readonly Gen<string> s_json = Gen.Recursive<string>((depth, json) => depth > 4 ? Any("1", "null") : Gen.Frequency(
        (4, Any("null", "true", "7", "1e400", "-0", "\"\"", "\"x\"", "\"\\ud83d\"", "\"\\ud83d\\ude00\"", "\"\\u0000\"", "\"\u202e\"", "\"", "nul", "01", "[", "}")),
        (1, json.Array[0, 3].Select(items => $"[{string.Join(',', items)}]")),
        (1, json.Array[0, 3].Select(items => $"{{{string.Join(',', items.Select((item, i) => $"\"k{i}\":{item}"))}}}"))));

    private static readonly Gen<byte[]> s_body = Gen.Frequency(
        (6, Gen.Select(Any("content", "data", "from", "id", "reason", "unknown", "\\ud83d", "Content"), s_json, (name, value) => $"\"{name}\":{value}")
            .Array[0, 4].Select(fields => Encoding.UTF8.GetBytes($"{{{string.Join(',', fields)}}}"))),
        (2, Any("""{"content":"x"}""", """{"data":null}""", """{"content":"x","id":"k"}""", "{}", "[]", "", "\ufeff{}", "{\"content\":\"x\"} {}").Select(Encoding.UTF8.GetBytes)),
        (1, Gen.Int[1, 100].Select(depth => Encoding.UTF8.GetBytes($"{{\"data\":{new string('[', depth)}{new string(']', depth)}}}"))),
        (1, Gen.Int[1, 400_000].Select(size => Encoding.UTF8.GetBytes($"{{\"content\":\"{new string('x', size)}\"}}"))),
        (1, Gen.Byte.Array[0, 300]));

    private static readonly Gen<Case> s_case = Gen.Select(
        Gen.Frequency((4, Any("GET", "POST")), (1, Any("HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "get", "FOO", "CONNECT"))),
        Gen.Select(Gen.Frequency((9, Gen.Const("")), (1, Gen.Const("http://127.0.0.1"))), s_path, s_query, (before, path, query) => before + path + query),
        s_header.Array[0, 3],
        Gen.Select(Gen.Bool, s_body, (there, body) => there ? body : null),
        (method, target, headers, body) => new Case(method, target, headers, body));

    [Fact]
    public async Task No_request_fails_the_server_or_disturbs_a_client()
    {
        var log = new LogCapture();
        await using var front = await Front.Start(cluster.Client, null, [], build: builder => builder.Services.AddSingleton<ILoggerProvider>(log));
        await using var polite = await front.Connect("polite");
        await polite.Join("polite");
        using var done = new CancellationTokenSource();
        var served = Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
                await polite.Ask(new() { ["type"] = "ping" }); // passes over what is sent to everybody
        });

        await s_case.SampleAsync(async request =>
        {
            // A head that the server itself does not take as HTTP it answers without a body.
            var answer = await RawHttp.Send(front.Address, request.Method, request.Target, request.Body, Typed(request));
            Assert.NotEqual(500, answer.Status);
            if (answer.Status >= 400 && request.Method != "HEAD" && answer.Headers.GetValueOrDefault("content-length") != "0")
                Assert.NotEmpty(answer.Code);
        }, iter: Check.Iter == 100 ? Cases : Check.Iter, threads: 2, print: request => request.ToString());

        await done.CancelAsync();
        await served.WaitAsync(TestClient.Bound);
        Assert.DoesNotContain(log.Lines, line => line.StartsWith("Error ", StringComparison.Ordinal) || line.StartsWith("Critical ", StringComparison.Ordinal));
    }

    private static string[] Typed(Case request) =>
        request.Body is null || request.Headers.Any(header => header.StartsWith("Content-Type", StringComparison.Ordinal)) ? request.Headers : [.. request.Headers, "Content-Type: application/json"];
}
