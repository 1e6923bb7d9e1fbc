using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Realtime.WebFront.Tests.Security;

namespace Realtime.WebFront.Tests.Http;

/// <summary>What the description of the API says is so.</summary>
[Collection(ClusterCollection.Name)]
public sealed class OpenApiTests(Cluster cluster) : IAsyncLifetime
{
    private readonly string _tag = Guid.NewGuid().ToString("N");
    private Front _front = null!;
    private JsonObject _document = null!;

    public async ValueTask InitializeAsync()
    {
        _front = await cluster.StartFront();
        _document = JsonNode.Parse(await _front.Http.GetStringAsync("/openapi/v1.json"))!.AsObject();
    }

    public ValueTask DisposeAsync() => _front.DisposeAsync();

    // What closes the user's connections comes behind what asks for them.
    private static readonly List<string> s_last = ["disconnect", "block", "unblock", "revoke-tokens", "drain", "undrain"];

    private IEnumerable<(string Path, string Method, JsonObject Operation)> Operations =>
        from path in _document["paths"]!.AsObject()
        from operation in path.Value!.AsObject()
        where operation.Key is "get" or "post" or "put" or "delete"
        select (path.Key, operation.Key.ToUpperInvariant(), operation.Value!.AsObject());

    /// <summary>Without the streams, which do not end, and what belongs to one: those have tests of their own.</summary>
    private IEnumerable<(string Path, string Method, JsonObject Operation)> Answered => Operations.Where(operation => !operation.Path.EndsWith("/events", StringComparison.Ordinal) && !operation.Path.StartsWith("/api/session/", StringComparison.Ordinal));

    [Fact]
    public void It_describes_every_endpoint_and_no_other()
    {
        var mapped = from endpoint in _front.Services.GetServices<EndpointDataSource>().SelectMany(source => source.Endpoints).Cast<RouteEndpoint>()
                     where endpoint.RoutePattern.RawText!.StartsWith("/api", StringComparison.Ordinal)
                     from method in endpoint.Metadata.GetMetadata<IHttpMethodMetadata>()?.HttpMethods ?? []
                     where method != "HEAD"
                     select $"{method} {endpoint.RoutePattern.RawText}";
        Assert.Equal(mapped.Order(StringComparer.Ordinal), Operations.Select(operation => $"{operation.Method} {operation.Path}").Order(StringComparer.Ordinal));
        Assert.All(Operations, operation => Assert.All(new[] { "operationId", "summary", "description" }, name => Assert.NotEmpty((string?)operation.Operation[name] ?? "")));
    }

    [Fact]
    public async Task Every_operation_answers_as_it_says()
    {
        var user = $"alice-{_tag}"; // who is blocked and signed out here
        await using var alice = await _front.Connect(user);
        await alice.Join("lobby");
        await alice.Ask(new JsonObject { ["type"] = "inbox" });
        await alice.Ask(new JsonObject { ["type"] = "message", ["room"] = "lobby", ["content"] = "x", ["data"] = new JsonObject() });
        await using var callee = await _front.Connect($"callee-{_tag}");
        _ = AnswerCalls(callee);
        var seen = new HashSet<string>();
        foreach (var (path, method, operation) in Answered.OrderBy(operation => operation.Method == "DELETE" ? 0 : s_last.IndexOf(operation.Path.Split('/')[^1])))
        {
            var target = path.Replace("{room}", "lobby").Replace("{user}", path.EndsWith("/calls", StringComparison.Ordinal) ? $"callee-{_tag}" : user).Replace("{front}", await _front.Id());
            var body = !operation.ContainsKey("requestBody") ? null : path.Split('/')[^1] switch
            {
                "disconnect" => """{"reason":"x"}""",
                "block" => """{"seconds":60}""",
                "reauthorize" => "{}",
                "calls" => """{"method":"x","data":[1]}""",
                "batch" => """[{"room":"lobby","content":"x"},{}]""",
                "revoke" => """{"jti":"x","exp":1}""",
                _ => """{"content":"x","data":[1]}""",
            };
            if (path == "/api/connections/{id}")
            {
                await Expect(404, target, body);
                target = $"/api/connections/{await IdOf(await _front.Connect("zoe"))}";
            }
            await Expect(200, target, body);
            await Expect(406, target, body, "Accept: text/html");
            if (path.Contains("{id}"))
                await Expect(400, "/api/connections/%ff", body);
            else if (path.Contains("{front}"))
            {
                await Expect(400, path.Replace("{front}", "%ff"), body);
                await Expect(404, path.Replace("{front}", "nobody"), body);
            }
            else if (path.Contains('{'))
                await Expect(400, target.Replace("lobby", "%ff").Replace("alice", "%ff").Replace("callee", "%ff"), body);
            if (path is "/api/rooms/{room}" or "/api/rooms/{room}/members" or "/api/users/{user}" or "/api/users/{user}/calls")
                await Expect(404, target + _tag, body);
            foreach (var parameter in ParametersOf(operation, "query"))
            {
                var limit = parameter["schema"]!["maximum"];
                await Expect(400, $"{target}?{parameter["name"]}=%ff", body);
                if (limit is not null)
                {
                    await Expect(200, $"{target}?{parameter["name"]}={limit}", body);
                    await Expect(400, $"{target}?{parameter["name"]}={(long)limit + 1}", body);
                }
            }
            if (body is null)
                continue;
            await Expect(415, target, body, "Content-Type: text/plain");
            await Expect(413, target, $$"""{"content":"{{new string('x', path == "/api/batch" ? 1_100_000 : 300_000)}}"}""");
            await Expect(400, target, "{");
            await Expect(400, target, """{"unknown":1}""");
            if (ParametersOf(operation, "header").Any())
            {
                await Expect(200, target, body, $"Idempotency-Key: {_tag}");
                await Expect(409, target, """{"content":"other"}""", $"Idempotency-Key: {_tag}");
            }
            else
                await Expect(400, target, body, $"Idempotency-Key: {_tag}");

            async Task Expect(int status, string target, string? body, params string[] headers) =>
                seen.Add(await Check(operation, status, await RawHttp.Send(_front.Address, method, target, body, headers)));
        }
        // Every code that a client can bring about was among the answers.
        Assert.Superset(new HashSet<string> { "", "bad_request", "name_invalid", "content_too_long", "id_conflict", "room_not_found", "user_not_found", "not_acceptable", "unsupported_media_type" }, seen);
    }

    [Fact]
    public async Task Without_a_token_or_its_scope_every_operation_refuses_as_it_says()
    {
        var issuer = Issuer.Hs256();
        await using var front = await cluster.StartFront("Production", app => app.MapRealtime(),
            [.. Security.TestFront.Trusting(issuer).Where(setting => setting.Value is not null).Select(setting => (setting.Key, setting.Value!))]);
        foreach (var (path, method, operation) in Answered)
        {
            var target = path.Replace("{room}", "r").Replace("{user}", "u").Replace("{id}", "c").Replace("{front}", "f");
            Assert.Equal("unauthorized", await Check(operation, 401, await RawHttp.Send(front.Address, method, target)));
            var needed = (string)Assert.Single(operation["security"]![0]!["bearer"]!.AsArray())!;
            foreach (var scope in new[] { "", "realtime.read", "realtime.publish", "realtime.api", "realtime.admin" })
            {
                var answer = await RawHttp.Send(front.Address, method, target, null, $"Authorization: Bearer {issuer.Token(TimeProvider.System, ("scope", scope))}");
                if (scope == needed || scope == "realtime.admin")
                    Assert.NotEqual(403, answer.Status);
                else
                {
                    Assert.Equal("forbidden", await Check(operation, 403, answer));
                    Assert.Contains($"It is {needed}.", answer.Body);
                }
            }
        }
    }

    [Fact]
    public async Task Who_asks_too_often_is_refused_as_it_says()
    {
        await using var front = await cluster.StartFront(configure: null, ("Limits:Enabled", "true"), ("Limits:Requests:Rate", "1"), ("Limits:Requests:Burst", "1"));
        foreach (var (path, method, operation) in Answered)
        {
            var target = path.Replace("{room}", "r").Replace("{user}", "u").Replace("{id}", "c").Replace("{front}", "f");
            RawAnswer answer;
            do
                answer = await RawHttp.Send(front.Address, method, target, method != "POST" ? null : "{}");
            while (answer.Status != 429);
            Assert.Equal("rate_limited", await Check(operation, 429, answer));
            Assert.Matches("^[12]$", answer.Headers["retry-after"]); // one that waited for its turn a moment ago has taken of the next second
        }
    }

    /// <summary>Until the client is closed.</summary>
    private static async Task AnswerCalls(TestClient client)
    {
        while (await client.Receive("call") is var call)
            await client.Send(new JsonObject { ["type"] = "result", ["id"] = (string)call["id"]!, ["data"] = call["data"]?.DeepClone() }.ToJsonString());
    }

    private async Task<string> IdOf(TestClient client)
    {
        await client.Drain();
        var user = JsonNode.Parse(await _front.Http.GetStringAsync("/api/users/zoe"))!;
        return (string)user["connections"]![0]!["id"]!;
    }

    private Task<string> Check(JsonObject operation, int status, RawAnswer answer)
    {
        var id = (string)operation["operationId"]!;
        Assert.True(answer.Status == status, $"{id}: {answer.Status} instead of {status}: {answer.Body}");
        var response = Resolve(operation["responses"]![$"{status}"] ?? throw new Xunit.Sdk.XunitException($"{id} does not describe {status}"));
        var (type, content) = Assert.Single(response["content"]!.AsObject());
        Assert.Equal(type, answer.Headers["content-type"].Split(';')[0]);
        var body = JsonNode.Parse(answer.Body);
        Validate(Resolve(content!["schema"]!), body, id);
        return Task.FromResult((string?)(body as JsonObject)?["code"] ?? "");
    }

    private IEnumerable<JsonObject> ParametersOf(JsonObject operation, string place) =>
        (operation["parameters"]?.AsArray() ?? []).Select(parameter => Resolve(parameter!)).Where(parameter => (string?)parameter["in"] == place);

    private JsonObject Resolve(JsonNode node)
    {
        while ((string?)node["$ref"] is { } reference)
            node = reference[2..].Split('/').Aggregate((JsonNode)_document, (parent, name) => parent[name]!);
        return node.AsObject();
    }

    /// <summary>As much of JSON Schema as the document uses; an answer may have no field that it does not name.</summary>
    private void Validate(JsonObject schema, JsonNode? value, string place)
    {
        var kind = value?.GetValueKind() ?? JsonValueKind.Null;
        switch ((string?)schema["type"])
        {
            case "object":
                Assert.True(kind == JsonValueKind.Object, $"{place} is {kind}");
                var properties = schema["properties"]!.AsObject();
                Assert.All(schema["required"]?.AsArray() ?? [], name => Assert.True(value!.AsObject().ContainsKey((string)name!), $"{place} has no {name}"));
                foreach (var (name, field) in value!.AsObject())
                    Validate(Resolve(properties[name] ?? throw new Xunit.Sdk.XunitException($"{place}.{name} is not described")), field, $"{place}.{name}");
                break;
            case "array":
                Assert.True(kind == JsonValueKind.Array, $"{place} is {kind}");
                Assert.All(value!.AsArray(), item => Validate(Resolve(schema["items"]!), item, place + "[]"));
                break;
            case "integer":
                Assert.True(kind == JsonValueKind.Number && value!.AsValue().TryGetValue<long>(out var number)
                    && number >= ((long?)schema["minimum"] ?? long.MinValue) && number <= ((long?)schema["maximum"] ?? long.MaxValue), $"{place} is {value}");
                break;
            case "string":
                Assert.True(kind == JsonValueKind.String, $"{place} is {kind}");
                if ((schema["enum"] ?? schema["anyOf"]?[0]?["enum"]) is JsonArray allowed)
                    Assert.Contains((string)value!, allowed.Select(item => (string?)item));
                break;
            case "boolean":
                Assert.True(kind is JsonValueKind.True or JsonValueKind.False, $"{place} is {kind}");
                break;
        }
    }
}
