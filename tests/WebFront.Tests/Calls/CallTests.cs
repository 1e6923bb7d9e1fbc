using System.Security.Claims;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Orleans;
using Realtime.Grains;
using Realtime.WebFront.Calls;

namespace Realtime.WebFront.Tests.Calls;

/// <summary>Calls of clients: what methods get and give, who may, and what is refused.</summary>
[Collection(ClusterCollection.Name)]
public sealed class CallTests(Cluster cluster)
{
    [Fact]
    public async Task A_method_gets_its_data_services_and_caller_and_gives_its_result()
    {
        await using var front = await CallFront.Start(cluster, app =>
        {
            app.MapRealtimeCall("orders.get", async (OrderQuery query, ClaimsPrincipal user, IGrainFactory grains, RealtimeCall call, Scoped scoped, CancellationToken _) => new
            {
                query.Number,
                User = user.Identity!.Name,
                Caller = call.User,
                call.Method,
                Members = (await grains.GetGrain<IRoomGrain>("orders").Members(null, 1)).Total,
                scoped.Id,
            });
            app.MapRealtimeCall("text", ([FromBody] string text) => $"\"{text}\" <é>");
            app.MapRealtimeCall("number", ([FromBody] int number) => number + 1);
            app.MapRealtimeCall("nothing", () => { });
            app.MapRealtimeCall("optional", (OrderQuery? query) => query is null ? "none" : "some");
            app.MapRealtimeCall("json", (JsonElement data) => Results.Json(data));
            app.MapRealtimeCall("large", () => new string('x', 60_000));
        }, builder => builder.Services.AddScoped<Scoped>());
        await using var alice = await front.Connect("alice");
        var first = JsonNode.Parse(await alice.Result("orders.get", """{"number":7,"other":1}"""))!;
        Assert.Equal(7, (int)first["number"]!);
        Assert.Equal("alice alice orders.get 0", $"{first["user"]} {first["caller"]} {first["method"]} {first["members"]}");
        var second = JsonNode.Parse(await alice.Result("orders.get", """{"number":8}"""))!;
        Assert.NotEqual((string?)first["id"], (string?)second["id"]); // a scope for each
        Assert.Equal(2, Scoped.Disposed([(string)first["id"]!, (string)second["id"]!]));
        Assert.Equal("\"hi\" <é>", JsonNode.Parse(await alice.Result("text", "\"hi\""))!.GetValue<string>().Replace("\\", "", StringComparison.Ordinal));
        Assert.Equal("2", await alice.Result("number", "1"));
        Assert.Equal("", await alice.Result("nothing"));
        Assert.Equal("\"none\"", await alice.Result("optional"));
        Assert.Equal("\"some\"", await alice.Result("optional", "{}"));
        Assert.Equal("[1,{\"a\":null}]", await alice.Result("json", """[1,{"a":null}]"""));
        Assert.Equal(60_002, (await alice.Result("large")).Length);
    }

    [Fact]
    public async Task What_is_wrong_with_a_call_is_told()
    {
        await using var front = await CallFront.Start(cluster, app => app.MapRealtimeCall("orders.get", (OrderQuery query) => query.Number));
        await using var alice = await front.Connect("alice");
        var long129 = new string('x', 129);
        await Refused("""{"type":"call","method":"orders.get"}""", "bad_request", "'id' is missing");
        await Refused("""{"type":"call","id":"1"}""", "bad_request", "'method' is missing");
        await Refused("""{"type":"call","id":"1","method":7}""", "bad_request", "'method' must be a string");
        await Refused("""{"type":"call","id":"1","method":""}""", "name_invalid", "method name");
        await Refused($$"""{"type":"call","id":"1","method":"{{long129}}"}""", "name_invalid", "128");
        await Refused("""{"type":"call","id":"1","method":"Orders.get"}""", "unknown_method", "'Orders.get'");
        await Refused("""{"type":"call","id":"1","method":"orders.get"}""", "bad_request", "'data' is missing");
        await Refused("""{"type":"call","id":"1","method":"orders.get","data":null}""", "bad_request", "'data'");
        await Refused("""{"type":"call","id":"1","method":"orders.get","data":{"number":"x"}}""", "bad_request", "at $.number");
        await Refused("""{"type":"call","id":"1","method":"orders.get","data":[]}""", "bad_request", "'data'");
        await Refused($$"""{"type":"call","id":"1","method":"orders.get","data":"{{new string('x', 65_536)}}"}""", "content_too_long", "65536");
        await Refused("""{"type":"result","data":1}""", "bad_request", "'id' is missing");
        await Refused("""{"type":"error","id":"1"}""", "bad_request", "'code' is missing");
        await Refused($$"""{"type":"error","id":"1","code":"{{long129}}"}""", "bad_request", "1 to 128 bytes");
        // An answer to nothing is passed over.
        await alice.Send("""{"type":"result","id":"1","data":1}""");
        await alice.Send("""{"type":"error","id":"1","code":"no"}""");
        Assert.Empty(await alice.Drain());

        async Task Refused(string frame, string code, string words)
        {
            var error = await alice.Refused(frame);
            Assert.Equal(code, (string?)error["code"]);
            Assert.Contains(words, (string?)error["content"]);
            Assert.DoesNotContain("OrderQuery", (string?)error["content"]);
        }
    }

    [Fact]
    public async Task Policies_and_filters_of_ASP_NET_Core_hold()
    {
        var runs = 0;
        await using var front = await CallFront.Start(cluster, app =>
        {
            app.MapRealtimeCall("by.convention", () => ++runs).RequireAuthorization("only alice");
            app.MapRealtimeCall("by.attribute", [Authorize("only alice")] () => ++runs);
            app.MapRealtimeCall("anonymous", () => ++runs).RequireAuthorization("only alice").AllowAnonymous();
            app.MapRealtimeCall("filtered", (OrderQuery query) => query.Number).AddEndpointFilter(async (context, next) => context.GetArgument<OrderQuery>(0).Number < 0
                ? Results.Problem("Numbers are positive.", statusCode: 409, extensions: new Dictionary<string, object?> { ["code"] = "negative" })
                : (object?)((int)(await next(context))! * 2));
        }, builder => builder.Services.AddAuthorizationBuilder().AddPolicy("only alice", policy => policy.RequireAssertion(context => context.User.Identity!.Name == "alice" && context.Resource is HttpContext)));
        await using var alice = await front.Connect("alice");
        await using var bob = await front.Connect("bob");
        Assert.Equal("forbidden", await bob.Code("by.convention"));
        Assert.Equal("forbidden", await bob.Code("by.attribute"));
        Assert.Equal("1", await bob.Result("anonymous"));
        Assert.Equal("2", await alice.Result("by.convention"));
        Assert.Equal("3", await alice.Result("by.attribute"));
        Assert.Equal("14", await alice.Result("filtered", """{"number":7}"""));
        var refused = await alice.Call("filtered", """{"number":-7}""");
        Assert.Equal("negative Numbers are positive.", $"{refused["code"]} {refused["content"]}");
    }

    [Fact]
    public async Task How_a_method_fails_is_told_by_a_code_and_never_in_detail()
    {
        await using var front = await CallFront.Start(cluster, app =>
        {
            app.MapRealtimeCall("throws", new Func<int>(() => throw new InvalidOperationException("secret")));
            app.MapRealtimeCall("throws.later", new Func<Task<int>>(async () =>
            {
                await Task.Yield();
                throw new OperationCanceledException("secret");
            }));
            app.MapRealtimeCall("refuses", new Func<int>(() => throw new CallException("sold_out", "Nothing is left.")));
            app.MapRealtimeCall("refuses.badly", new Func<int>(() => throw new CallException(new string('c', 200), new string('m', 5000))));
            app.MapRealtimeCall("missing", () => Results.NotFound());
            app.MapRealtimeCall("breaks", () => Results.StatusCode(500));
            app.MapRealtimeCall("redirects", () => Results.Redirect("/"));
            app.MapRealtimeCall("too.long", () => Results.Json(new string('x', 70_000)));
            app.MapRealtimeCall("too.long.text", () => new string('\u0001', 60_000));
            app.MapRealtimeCall("too.deep", () => JsonNode.Parse(new string('[', 40) + new string(']', 40)));
            app.MapRealtimeCall("no.json", () => Results.Content("{", "application/json"));
            app.MapRealtimeCall("binary", () => Results.Bytes([1]));
        });
        await using var alice = await front.Connect("alice");
        foreach (var method in new[] { "throws", "throws.later", "redirects", "breaks", "too.long", "too.long.text", "too.deep", "no.json", "binary" })
        {
            var error = await alice.Call(method);
            Assert.Equal($"{method}: call_failed", $"{method}: {error["code"]}");
            Assert.DoesNotContain("secret", error.ToJsonString());
        }
        var refused = await alice.Call("refuses");
        Assert.Equal("sold_out Nothing is left.", $"{refused["code"]} {refused["content"]}");
        refused = await alice.Call("refuses.badly");
        Assert.Equal("call_failed", (string?)refused["code"]);
        Assert.Equal(1027, ((string?)refused["content"])!.Length);
        Assert.Equal("not_found", await alice.Code("missing"));
        Assert.Empty(await alice.Drain());
    }

    [Fact]
    public async Task A_mapping_that_can_never_work_is_refused_at_the_start()
    {
        await Fails(app => app.MapRealtimeCall("", () => 1), "method name");
        await Fails(app => app.MapRealtimeCall("a ", () => 1), "method name");
        await Fails(app => app.MapRealtimeCall("number", (int number) => number), "[FromBody]");
        await Fails(app => app.MapRealtimeCall("query", ([FromQuery] string[] names) => names), "[FromBody]");
        await Fails(app => app.MapGroup("/x").MapRealtimeCall("grouped", () => 1), "group");
        await Fails(app =>
        {
            app.MapRealtimeCall("twice", () => 1);
            app.MapRealtimeCall("twice", () => 2);
        }, "mapped already");
        await Fails(app => app.MapRealtimeCall("bodies", (OrderQuery one, JsonElement two) => one.Number + two.GetInt32()), "two");
        await Fails(app => app.MapRealtimeCall("policy", () => 1).RequireAuthorization("absent"), "absent");

        async Task Fails(Action<WebApplication> map, string words) =>
            Assert.Contains(words, (await Assert.ThrowsAnyAsync<Exception>(() => CallFront.Start(cluster, map))).Message);
    }

    private sealed record OrderQuery(int Number);

    private sealed class Scoped : IDisposable
    {
        private static readonly HashSet<string> s_disposed = [];

        public string Id { get; } = Guid.NewGuid().ToString();

        public static int Disposed(string[] ids)
        {
            lock (s_disposed)
                return ids.Count(s_disposed.Contains);
        }

        public void Dispose()
        {
            lock (s_disposed)
                s_disposed.Add(Id);
        }
    }
}
