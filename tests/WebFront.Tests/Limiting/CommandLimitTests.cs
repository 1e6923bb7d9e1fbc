using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using static Realtime.WebFront.Tests.Limiting.LimitedFront;

namespace Realtime.WebFront.Tests.Limiting;

/// <summary>What a connection may ask for, and how often.</summary>
[Collection(ClusterCollection.Name)]
public sealed class CommandLimitTests(Cluster cluster)
{
    private readonly string _tag = Guid.NewGuid().ToString("N")[..8];

    private string Room => "room-" + _tag;

    private JsonObject Say(string content) => new() { ["type"] = "message", ["room"] = Room, ["content"] = content };

    private JsonObject Frame(string fields) => JsonNode.Parse($$"""{{{fields.Replace("ROOM", Room, StringComparison.Ordinal)}}}""")!.AsObject();

    [Fact]
    public async Task What_is_over_the_limit_is_refused_until_the_time_that_was_told()
    {
        await using var limited = await Start(cluster, Rate("Publishes", 2, 3));
        await using var alice = await limited.Front.Connect("alice");
        await alice.Join(Room);
        for (var i = 0; i < 3; i++)
            Assert.Equal("ack", (string?)(await alice.Ask(Say($"{i}")))["type"]);

        var refused = await alice.Ask(Say("over"));
        Assert.Equal(("error", "rate_limited", Room, 500), ((string?)refused["type"], (string?)refused["code"], (string?)refused["room"], (int)refused["retryAfter"]!));
        Assert.Contains("publishes", (string?)refused["content"], StringComparison.Ordinal);
        Assert.Equal(1, limited.Met("publishes"));

        limited.Advance(500);
        var ack = await alice.Ask(Say("again"));
        Assert.Equal(("ack", 4), ((string?)ack["type"], (int)ack["seq"]!)); // so the one between was not carried out
    }

    [Fact]
    public async Task Who_has_been_told_and_goes_on_is_read_more_slowly_and_loses_nothing()
    {
        await using var limited = await Start(cluster, Rate("Publishes", 1, 1));
        await using var alice = await limited.Front.Connect("alice");
        await alice.Join(Room);
        await alice.Ask(Say("1"));
        Assert.Equal("rate_limited", (string?)(await alice.Ask(Say("told")))["code"]);

        var asking = alice.Ask(Say("2"));
        await limited.UntilMet("publishes", 3); // looked at more than once, so it has waited
        Assert.False(asking.IsCompleted);
        limited.Advance(1000);
        Assert.Equal(2, (int)(await asking)["seq"]!);
    }

    [Fact]
    public async Task A_wait_of_less_than_the_clock_can_tell_is_a_wait()
    {
        await using var limited = await Start(cluster, Rate("Commands", 10_000, 2)); // a tenth of a millisecond each
        await using var alice = await limited.Front.Connect($"alice-{_tag}"); // one command
        Assert.Equal("pong", (string?)(await alice.Ask(new() { ["type"] = "ping" }))["type"]);
        Assert.Equal("rate_limited", (string?)(await alice.Ask(new() { ["type"] = "ping" }))["code"]);
        var waits = alice.Ask(new() { ["type"] = "ping" });
        var since = Environment.TickCount64;
        while (!waits.IsCompleted && Environment.TickCount64 - since < TestClient.Bound.TotalMilliseconds)
        {
            limited.Advance(1);
            await Task.Delay(10);
        }
        Assert.Equal("pong", (string?)(await waits)["type"]);
    }

    [Fact]
    public async Task While_a_command_waits_nothing_behind_it_is_read()
    {
        await using var limited = await Start(cluster, Rate("Publishes", 1, 1));
        await using var alice = await limited.Front.Connect("alice");
        await alice.Join(Room);
        var first = new List<JsonObject>();
        await alice.Ask(Say("1"), first.Add);
        while (!first.Exists(frame => (string?)frame["type"] == "message"))
            first.Add(await alice.Receive()); // it and its ack come in either order
        await alice.Ask(Say("told"));
        await alice.Drain();
        await alice.Send(Frame("""
            "type":"message","room":"ROOM","content":"waits","id":"w"
            """).ToJsonString());
        await alice.Send("""{"type":"ping","id":"p"}"""); // which is answered at once
        var next = alice.Receive();
        await limited.UntilMet("publishes", 4); // looked at several times, half a second apart
        Assert.False(next.IsCompleted);
        limited.Advance(1000);
        var ids = new HashSet<string?> { (string?)(await next)["id"] };
        while (!ids.IsSupersetOf(["w", "p"]))
            ids.Add((string?)(await alice.Receive())["id"]);
    }

    [Theory]
    [InlineData("Commands", "commands", """ "type":"ping" """)]
    [InlineData("Commands", "commands", """ "type":"nonsense" """)]
    [InlineData("Joins", "joins", """ "type":"leave","room":"ROOM" """)]
    [InlineData("Reads", "reads", """ "type":"members","room":"ROOM" """)]
    [InlineData("Reads", "reads", """ "type":"history","room":"ROOM" """)]
    [InlineData("Refreshes", "refreshes", """ "type":"refresh","token":"x" """)]
    [InlineData("Directs", "directs", """ "type":"message","to":"bob","content":"psst" """)]
    public async Task Every_kind_has_its_limit(string setting, string metric, string fields)
    {
        await using var limited = await Start(cluster, Rate(setting, 1, 4));
        await using var alice = await limited.Front.Connect("alice");
        JsonObject answer;
        var asked = 0;
        do
        {
            answer = await alice.Ask(Frame(fields));
            Assert.True(++asked <= 5);
        }
        while ((string?)answer["code"] != "rate_limited");
        Assert.InRange((int)answer["retryAfter"]!, 1, 1000);
        Assert.Equal(1, limited.Met(metric));
        Assert.True(setting != "Directs" || (string?)answer["to"] == "bob");
    }

    [Fact]
    public async Task A_frame_that_is_no_JSON_counts_and_its_id_is_found()
    {
        await using var limited = await Start(cluster, Rate("Commands", 1, 2));
        await using var alice = await limited.Front.Connect("alice"); // its ping is the first
        Assert.Equal("bad_request", (string?)(await alice.Refused("""{"id":"x",,}"""))["code"]);
        var refused = await alice.Refused("""{"id":"y",,}""");
        Assert.Equal(("rate_limited", "y"), ((string?)refused["code"], (string?)refused["id"]));
    }

    [Fact]
    public async Task Messages_count_by_their_bytes_and_a_long_one_passes_alone()
    {
        await using var limited = await Start(cluster, Rate("MessageBytes", 1000, 1000));
        await using var alice = await limited.Front.Connect("alice");
        await alice.Join(Room);
        Assert.Equal("ack", (string?)(await alice.Ask(Say(new string('x', 600))))["type"]);
        var refused = await alice.Ask(Say(new string('x', 600)));
        Assert.Equal(("rate_limited", 200), ((string?)refused["code"], (int)refused["retryAfter"]!));
        Assert.Equal(1, limited.Met("message_bytes"));
        limited.Advance(600);
        Assert.Equal("ack", (string?)(await alice.Ask(new() { ["type"] = "message", ["to"] = "alice", ["data"] = new string('x', 5000 - 2) }))["type"]);
        limited.Advance(1000);
        refused = await alice.Ask(Say("x")); // its five seconds are not over
        Assert.Equal(("rate_limited", 3001), ((string?)refused["code"], (int)refused["retryAfter"]!));
    }

    [Fact]
    public async Task Who_makes_too_many_mistakes_is_closed()
    {
        await using var limited = await Start(cluster, Rate("Errors", 1, 5));
        await using var alice = await limited.Front.Connect("alice");
        for (var i = 0; i < 6; i++)
            await alice.Refused("[]");
        Assert.Null(await alice.ReceiveRaw());
        Assert.Equal(((WebSocketCloseStatus)4006, "too many errors"), (alice.CloseStatus, alice.CloseReason));
        Assert.Equal(1, limited.Met("errors"));
    }

    [Fact]
    public async Task Who_goes_on_is_closed()
    {
        await using var limited = await Start(cluster, [.. Rate("Publishes", 1, 1), ("Limits:MaxExcess", "00:00:03")]);
        await using var alice = await limited.Front.Connect("alice");
        await alice.Join(Room);
        for (var i = 0; i < 20; i++)
            await alice.Send(Say($"{i}").ToJsonString());
        using var stop = new CancellationTokenSource();
        var clock = MoveClock();
        while (await alice.ReceiveRaw() is not null)
        {
        }
        await stop.CancelAsync();
        await clock;
        Assert.Equal(((WebSocketCloseStatus)4006, "over its limits for too long"), (alice.CloseStatus, alice.CloseReason));
        Assert.Equal(1, limited.Met("excess"));

        async Task MoveClock()
        {
            var met = 0L;
            while (!stop.IsCancellationRequested)
            {
                await Task.Delay(5, CancellationToken.None);
                if (limited.Met("publishes") is var now && now == met)
                    continue;
                met = now;
                limited.Advance(400);
            }
        }
    }

    [Fact]
    public async Task Ordinary_use_meets_no_limit()
    {
        await using var front = await cluster.StartFront(configure: null, ("Limits:Enabled", "true"), ("Limits:Publishes:Rate", "100"), ("Limits:MessageBytes:Rate", "262144"));
        await using var alice = await front.Connect("alice");
        // Who comes back joins all of its rooms at once.
        for (var i = 0; i < 99; i++)
            await alice.Send(new JsonObject { ["type"] = "join", ["room"] = $"{Room}-{i}", ["id"] = $"j{i}" }.ToJsonString());
        await alice.Join(Room);
        for (var i = 0; i < 199; i++)
            await alice.Send(Say($"{i}").ToJsonString());
        var all = new List<JsonObject>();
        Assert.Equal("ack", (string?)(await alice.Ask(Say("last"), all.Add))["type"]);
        while (all.Count(frame => (string?)frame["type"] == "message") < 200)
            all.Add(await alice.Receive());
        Assert.DoesNotContain(all, frame => (string?)frame["type"] == "error");
    }

    [Fact]
    public async Task In_Development_a_load_can_be_tried_out_from_one_connection_and_the_rest_is_limited()
    {
        const int messages = 1000;
        await using var front = await cluster.StartFront(configure: null, ("Limits:Enabled", "true"));
        await using var alice = await front.Connect("alice");
        await alice.Join(Room);
        for (var i = 0; i < messages; i++)
            await alice.Send(Say($"{i}").ToJsonString());
        for (var i = 0; i < messages; i++)
            Assert.Equal($"{i}", (string?)(await alice.Receive("message"))["content"]);
        for (var i = 0; i < 30; i++)
            await alice.Send("{\"type\":\"members\",\"room\":\"other\"}");
        var answers = new List<string?>();
        while (!answers.Contains("rate_limited"))
            answers.Add((string?)(await alice.Receive())["code"]);
    }

    [Theory]
    [InlineData("Development", null, 0)]
    [InlineData("Development", "100", 100)]
    [InlineData("Production", null, 100)]
    public void How_often_a_connection_publishes_has_a_limit_outside_of_Development(string environment, string? set, int expected)
    {
        var builder = Host.CreateEmptyApplicationBuilder(new() { EnvironmentName = environment });
        if (set is not null)
            builder.Configuration["Limits:Publishes:Rate"] = set;
        builder.AddRealtimeFront();
        using var host = builder.Build();
        Assert.Equal(expected, host.Services.GetRequiredService<IOptions<LimitOptions>>().Value.Publishes.Rate);
    }

    [Theory]
    [InlineData("Limits:Publishes:Rate", "-1", "Limits:Publishes:Rate is -1; it must be from 0 to 1073741824.")]
    [InlineData("Limits:Joins:Burst", "0", "Limits:Joins:Burst is 0; it must be from 1 to 1073741824.")]
    [InlineData("Limits:Publishes:Rte", "1", "Limits:Publishes:Rte is no setting (its value is '1'); did you mean Rate? There are Rate, Burst.")]
    [InlineData("Limits:MaxExcess", "02:00:00", "Limits:MaxExcess is 02:00:00; it must be from 00:00:00 to 01:00:00.")]
    public async Task A_setting_out_of_range_stops_the_start(string key, string value, string expected)
    {
        var refused = await Assert.ThrowsAsync<OptionsValidationException>(() => cluster.StartFront(configure: null, (key, value)));
        Assert.Equal([expected], refused.Failures);
    }
}
