using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Realtime.WebFront.Tests.Security;

namespace Realtime.WebFront.Tests.Access;

/// <summary>What tokens allow by themselves.</summary>
[Collection(ClusterCollection.Name)]
public sealed class CapabilityTests(Cluster cluster)
{
    private readonly LogCapture _log = new();
    private readonly string _id = Guid.NewGuid().ToString("N");

    private Task<AccessFront> Start(params (string, string)[] settings) =>
        AccessFront.Start(cluster, builder =>
        {
            builder.Logging.AddProvider(_log).AddFilter("Realtime.WebFront.Access", LogLevel.Debug);
        }, [("Rooms:Capabilities", "true"), .. settings]);

    [Fact]
    public async Task All_entries_that_fit_count_together()
    {
        await using var front = await Start();
        var alice = await front.Connect("alice",
            ("rooms", new JsonObject { [$"orders-*-{_id}"] = new JsonArray("join"), [$"*-7-{_id}"] = new JsonArray("publish", "history"), [$"all-{_id}"] = new JsonArray("*"), [$"none-{_id}"] = new JsonArray() }),
            ("users", new JsonObject { ["b*b"] = new JsonArray("direct") }));
        Assert.Equal(("joined", "forbidden"), (await alice.TryJoin($"orders-1-{_id}"), await alice.TryPublish($"orders-1-{_id}")));
        Assert.Equal(("joined", "ack"), (await alice.TryJoin($"orders-7-{_id}"), await alice.TryPublish($"orders-7-{_id}")));
        Assert.Equal(("forbidden", "history"), (await alice.TryJoin($"x-7-{_id}"), await alice.TryHistory($"x-7-{_id}")));
        Assert.Equal(("members", "joined"), (await alice.TryMembers($"all-{_id}"), await alice.TryJoin($"all-{_id}")));
        Assert.Equal("forbidden", await alice.TryJoin($"none-{_id}"));
        Assert.Equal(("ack", "forbidden"), (await alice.TryDirect("bob"), await alice.TryDirect("carl")));
    }

    [Fact]
    public async Task In_a_token_braces_are_characters()
    {
        await using var front = await Start();
        var alice = await front.Connect("alice", ("rooms", new JsonObject { [$"{{user}}-{_id}"] = new JsonArray("join") }));
        Assert.Equal(("joined", "forbidden"), (await alice.TryJoin($"{{user}}-{_id}"), await alice.TryJoin($"alice-{_id}")));
    }

    public static TheoryData<string> Malformed =>
    [
        """ "*" """, """ ["*"] """, """ [{"*":["*"]},{"*":["*"]}] """, "true", "7", """ {"*":"*"} """, """ {"*":["join","fly"]} """, """ {"*":["Join"]} """,
        """ {"*":["direct"]} """, """ {"*":[7]} """, """ {"*":["*"],"a":null} """, """ {"*":{"join":true}} """, """ "{\"*\":[\"*\"]" """, $"{{{string.Join(',', Enumerable.Range(0, 257).Select(i => $"\"{i}*\":[\"*\"]"))}}}",
    ];

    [Theory, MemberData(nameof(Malformed))]
    public async Task A_claim_that_is_anything_else_allows_nothing_and_is_told_in_the_log(string claim)
    {
        await using var front = await Start();
        var alice = await front.Connect("alice", ("rooms", JsonNode.Parse(claim)));
        Assert.Equal(("forbidden", "forbidden"), (await alice.TryJoin($"0-{_id}"), await alice.TryMembers($"0-{_id}")));
        await _log.WaitAsync(line => line.StartsWith("Debug", StringComparison.Ordinal) && line.Contains("claim 'rooms' allows nothing"), TestClient.Bound);
        Assert.Single(_log.Lines, line => line.Contains("claim 'rooms' allows nothing"));
    }

    [Fact]
    public async Task Without_the_setting_a_claim_allows_nothing_and_without_a_claim_nothing_is_allowed()
    {
        await using var ruled = await AccessFront.Start(cluster, ("Rooms:Access:0:Room", "nothing"));
        Assert.Equal("forbidden", await (await ruled.Connect("alice", ("rooms", new JsonObject { ["*"] = new JsonArray("*") }))).TryJoin(_id));
        await using var front = await Start();
        Assert.Equal("forbidden", await (await front.Connect("alice")).TryJoin(_id));
    }
}
