using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Realtime.WebFront.Access;
using Realtime.WebFront.Tests.Security;

namespace Realtime.WebFront.Tests.Access;

/// <summary>An application that decides by code: an authorization handler with services of its own, or a policy.</summary>
[Collection(ClusterCollection.Name)]
public sealed class HandlerTests(Cluster cluster)
{
    private readonly Decisions _decisions = new();
    private readonly LogCapture _log = new();

    /// <summary>What the handler of a test decides, and which questions it got.</summary>
    private sealed class Decisions
    {
        public Func<RoomResource, Task<bool>> Decide { get; set; } = _ => Task.FromResult(true);

        public ConcurrentQueue<(RoomOperation Operation, string? Name, int Scope)> Asked { get; } = new();

        public int Scopes;
    }

    /// <summary>As a DbContext is: one for a scope, and not for two at once.</summary>
    private sealed class Database(Decisions decisions) : IAsyncDisposable
    {
        private int _isUsed;

        public int Number { get; } = Interlocked.Increment(ref decisions.Scopes);

        public async Task<bool> Ask(RoomResource resource)
        {
            Assert.Equal(0, Interlocked.Exchange(ref _isUsed, 1));
            decisions.Asked.Enqueue((resource.Operation, resource.Room ?? resource.ToUser, Number));
            var answer = await decisions.Decide(resource);
            _isUsed = 0;
            return answer;
        }

        public ValueTask DisposeAsync() => default;
    }

    private sealed class Handler(Database database) : AuthorizationHandler<RoomRequirement, RoomResource>
    {
        protected override async Task HandleRequirementAsync(AuthorizationHandlerContext context, RoomRequirement requirement, RoomResource resource)
        {
            Assert.Equal(requirement.Operation, resource.Operation);
            Assert.NotNull(context.User.Identity!.Name);
            if (await database.Ask(resource))
                context.Succeed(requirement);
        }
    }

    private sealed class Veto : AuthorizationHandler<RoomRequirement>
    {
        protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RoomRequirement requirement)
        {
            if (context.User.Identity!.Name == "mallory")
                context.Fail();
            return Task.CompletedTask;
        }
    }

    private Task<AccessFront> Start(params (string, string)[] settings) => AccessFront.Start(cluster, builder =>
    {
        builder.Services.AddSingleton(_decisions);
        builder.Services.AddScoped<Database>();
        builder.Services.AddScoped<IAuthorizationHandler, Handler>();
        builder.Logging.AddProvider(_log);
    }, settings);

    private static string Room() => $"r-{Guid.NewGuid():N}";

    [Fact]
    public async Task The_questions_of_a_join_share_a_scope_and_a_publish_asks_nothing()
    {
        var room = Room();
        _decisions.Decide = async resource =>
        {
            await Task.Yield();
            return resource.Operation != RoomOperation.Publish;
        };
        await using var front = await Start();
        var alice = await front.Connect("alice");
        _decisions.Asked.Clear();

        Assert.Equal("joined", await alice.TryJoin(room));
        Assert.Equal("forbidden", await alice.TryPublish(room));
        Assert.Equal("members", await alice.TryMembers(room));
        Assert.Equal("history", await alice.TryHistory(room));
        var asked = _decisions.Asked.ToArray();
        Assert.Equal([RoomOperation.Join, RoomOperation.Publish, RoomOperation.Presence], asked.Select(question => question.Operation));
        Assert.Single(asked.Select(question => question.Scope).Distinct());
        Assert.All(asked, question => Assert.Equal(room, question.Name));

        Assert.Equal("history", await alice.TryHistory(room + "-2"));
        Assert.Equal((RoomOperation.History, room + "-2", asked[0].Scope + 1), _decisions.Asked.Last());
    }

    [Fact]
    public async Task What_follows_a_join_without_waiting_keeps_its_order_and_is_decided_after_it()
    {
        var room = Room();
        var decision = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        await using var front = await Start();
        var (alice, bob) = (await front.Connect("alice"), await front.Connect("bob"));
        await bob.Join(room);
        _decisions.Decide = resource => resource.Room == room && resource.Operation == RoomOperation.Join ? decision.Task : Task.FromResult(true);

        await alice.Send($$"""{"type":"join","id":"1","room":"{{room}}"}""");
        foreach (var id in new[] { 2, 3, 4 })
            await alice.Send($$"""{"type":"message","id":"{{id}}","room":"{{room}}","content":"{{id}}"}""");
        await alice.Send($$"""{"type":"leave","id":"5","room":"{{room}}"}""");
        await alice.Send($$"""{"type":"message","id":"6","room":"{{room}}","content":"late"}""");
        // Nothing else waits for it.
        Assert.Equal("joined", (string?)(await alice.Ask(new JsonObject { ["type"] = "join", ["room"] = room + "-2" }, Refused))["type"]);
        decision.SetResult(true);

        var frames = new List<JsonObject>();
        while (!frames.Any(frame => (string?)frame["id"] == "5"))
            frames.Add(await alice.Receive());
        Assert.Equal("1", (string?)frames[0]["id"]);
        foreach (var content in new[] { "2", "3", "4" })
            Assert.Equal(content, (string?)(await bob.Receive("message"))["content"]);
        Assert.Equal(["2", "3", "4"], frames.Where(frame => (string?)frame["type"] == "ack").Select(frame => (string?)frame["id"]));

        void Refused(JsonObject frame) => Assert.Equal(("6", "not_joined"), ((string?)frame["id"], (string?)frame["code"]));
    }

    [Fact]
    public async Task A_join_that_is_forbidden_late_forbids_what_follows_it()
    {
        var room = Room();
        var decision = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _decisions.Decide = _ => decision.Task;
        await using var front = await Start();
        var alice = await front.Connect("alice");

        await alice.Send($$"""{"type":"join","id":"1","room":"{{room}}"}""");
        await alice.Send($$"""{"type":"message","id":"2","room":"{{room}}","content":"x"}""");
        await alice.Send($$"""{"type":"leave","id":"3","room":"{{room}}"}""");
        Assert.Empty(await alice.Drain());
        decision.SetResult(false);
        foreach (var code in new[] { "forbidden", "not_joined", "not_joined" })
            Assert.Equal(code, (string?)(await alice.Receive("error"))["code"]);

        _decisions.Decide = _ => Task.FromResult(true);
        Assert.Equal("joined", await alice.TryJoin(room));
        Assert.Equal("ack", await alice.TryPublish(room));
    }

    [Fact]
    public async Task Who_says_goodbye_behind_a_join_has_its_answer_first_and_nobody_stays()
    {
        var room = Room();
        var decision = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _decisions.Decide = resource => resource.Operation == RoomOperation.Join ? decision.Task : Task.FromResult(true);
        await using var front = await Start();
        var alice = await front.Connect("alice");
        await alice.Send($$"""{"type":"join","id":"1","room":"{{room}}"}""");
        await alice.CloseOutput();
        decision.SetResult(true);
        Assert.Equal("joined", (string?)(await alice.Receive())["type"]);
        Assert.Null(await alice.ReceiveRaw());
    }

    [Fact]
    public async Task Who_is_gone_before_the_decision_is_in_no_room()
    {
        var room = Room();
        var (decision, asked) = (new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously), new TaskCompletionSource());
        _decisions.Decide = resource =>
        {
            if (resource.Operation != RoomOperation.Join || resource.Room != room)
                return Task.FromResult(true);
            asked.TrySetResult();
            return decision.Task;
        };
        await using var front = await Start();
        var alice = await front.Connect("alice");
        await alice.Send($$"""{"type":"join","id":"1","room":"{{room}}"}""");
        await asked.Task.WaitAsync(TestClient.Bound);
        await alice.DisposeAsync(); // cut
        var bob = await front.Connect("bob");
        await Asking.Until(async () => !((JsonObject)JsonNode.Parse(await Api("/api/users/alice"))!).ContainsKey("connections"));
        decision.SetResult(true);
        _decisions.Decide = _ => Task.FromResult(true);
        Assert.Equal(1, (int)(await bob.Join(room))["members"]!);

        async Task<string> Api(string path)
        {
            front.Front.Http.DefaultRequestHeaders.Authorization = new("Bearer", front.Issuer.Token(TimeProvider.System, ("scope", "realtime.read")));
            return await (await front.Front.Http.GetAsync(path)).Content.ReadAsStringAsync();
        }
    }

    [Fact]
    public async Task A_handler_that_fails_costs_that_join_alone()
    {
        var room = Room();
        _decisions.Decide = resource => resource.Room == room ? throw new InvalidOperationException("the database is away") : Task.FromResult(true);
        await using var front = await Start();
        var alice = await front.Connect("alice");

        var error = await alice.Ask(new JsonObject { ["type"] = "join", ["room"] = room });
        Assert.Equal(("unavailable", room), ((string?)error["code"], (string?)error["room"]));
        Assert.DoesNotContain("database", error.ToJsonString());
        Assert.Equal("unavailable", await alice.TryHistory(room));
        Assert.Equal("joined", await alice.TryJoin(room + "-2"));
        await _log.WaitAsync(line => line.StartsWith("Error", StringComparison.Ordinal) && line.Contains($"Join is allowed for {room}") && line.Contains("the database is away"), TestClient.Bound);
    }

    [Fact]
    public async Task A_handler_that_takes_too_long_is_not_waited_for()
    {
        var (room, never) = (Room(), new TaskCompletionSource<bool>());
        var cancelled = new TaskCompletionSource();
        _decisions.Decide = resource =>
        {
            if (resource.Room != room)
                return Task.FromResult(true);
            resource.CancellationToken.Register(() => cancelled.TrySetResult());
            return never.Task;
        };
        await using var front = await Start(("Rooms:AccessTimeout", "00:00:02"));
        var alice = await front.Connect("alice");
        Assert.Equal("unavailable", await alice.TryJoin(room));
        await cancelled.Task.WaitAsync(TestClient.Bound);
        await _log.WaitAsync(line => line.Contains("was not decided within 00:00:02"), TestClient.Bound);
        Assert.Equal("joined", await alice.TryJoin(room + "-2"));
    }

    [Fact]
    public async Task A_handler_that_blocks_its_thread_blocks_no_reader()
    {
        var room = Room();
        using var release = new ManualResetEventSlim();
        _decisions.Decide = resource =>
        {
            if (resource.Room == room)
                release.Wait(TestClient.Bound);
            return Task.FromResult(true);
        };
        await using var front = await Start();
        var (alice, bob) = (await front.Connect("alice"), await front.Connect("bob"));
        await alice.Send($$"""{"type":"join","id":"1","room":"{{room}}"}""");
        Assert.Empty(await alice.Drain());
        Assert.Equal("joined", await bob.TryJoin(room + "-2"));
        release.Set();
        Assert.Equal("joined", (string?)(await alice.Receive())["type"]);
    }

    [Fact]
    public async Task To_whom_one_may_send_is_asked_once_and_messages_wait_for_it()
    {
        var decision = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
        _decisions.Decide = resource => resource.ToUser == "bob" ? decision.Task : Task.FromResult(resource.ToUser is null);
        await using var front = await Start();
        var (alice, bob) = (await front.Connect("alice"), await front.Connect("bob"));
        _decisions.Asked.Clear();
        for (var i = 1; i <= 3; i++)
            await alice.Send($$"""{"type":"message","id":"{{i}}","to":"bob","content":"{{i}}"}""");
        Assert.Equal("forbidden", await alice.TryDirect("carl"));
        Assert.Equal("forbidden", await alice.TryDirect("carl"));
        decision.SetResult(true);
        var contents = new HashSet<string?>();
        for (var i = 1; i <= 3; i++)
            contents.Add((string?)(await bob.Receive("message"))["content"]);
        Assert.Equal(["1", "2", "3"], contents.Order());
        for (var i = 1; i <= 3; i++)
            Assert.Equal("ack", (string?)(await alice.Receive("ack"))["type"]);
        Assert.Equal("ack", await alice.TryDirect("bob"));
        Assert.Equal(["bob", "carl", "carl"], _decisions.Asked.Select(question => question.Name).Order());
    }

    [Fact]
    public async Task One_way_that_grants_is_enough_and_a_handler_that_fails_forbids()
    {
        var room = Room();
        _decisions.Decide = _ => Task.FromResult(false);
        await using var front = await AccessFront.Start(cluster, builder =>
        {
            builder.Services.AddSingleton(_decisions);
            builder.Services.AddScoped<Database>();
            builder.Services.AddScoped<IAuthorizationHandler, Handler>();
            builder.Services.AddSingleton<IAuthorizationHandler, Veto>();
        }, ("Rooms:Access:0:Room", $"{room}*"), ("Rooms:Access:0:Allow:0", "join"), ("Rooms:Capabilities", "true"));
        var alice = await front.Connect("alice", ("rooms", new JsonObject { ["*"] = new JsonArray("publish") }));
        var mallory = await front.Connect("mallory");
        Assert.Equal(("joined", "ack"), (await alice.TryJoin(room), await alice.TryPublish(room)));
        Assert.Equal("forbidden", await alice.TryJoin("other-" + room));
        Assert.Equal("forbidden", await mallory.TryJoin(room));
    }

    [Fact]
    public async Task A_rule_with_a_policy_wants_both()
    {
        var room = Room();
        await using var front = await AccessFront.Start(cluster, builder => builder.Services.AddAuthorization(options => options.AddPolicy("adult", policy => policy
                .RequireClaim("age", "18").RequireAssertion(context => context.Resource is RoomResource { Operation: not RoomOperation.Publish }))),
            ("Rooms:Access:0:Room", $"{room}*"), ("Rooms:Access:0:Allow:0", "*"), ("Rooms:Access:0:Policy", "adult"), ("Rooms:Access:1:Room", "*"), ("Rooms:Access:1:Allow:0", "*"));
        var (old, young) = (await front.Connect("old", ("age", "18")), await front.Connect("young"));
        Assert.Equal(("joined", "forbidden"), (await old.TryJoin(room), await old.TryPublish(room)));
        Assert.Equal(("forbidden", "history"), (await young.TryJoin(room), await young.TryHistory("x" + room)));
        Assert.Equal("forbidden", await young.TryHistory(room));
    }
}
