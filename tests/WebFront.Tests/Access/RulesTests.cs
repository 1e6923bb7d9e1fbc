using System.Text.Json.Nodes;

namespace Realtime.WebFront.Tests.Access;

/// <summary>Rules of the settings, and what a client hears of them.</summary>
[Collection(ClusterCollection.Name)]
public sealed class RulesTests(Cluster cluster)
{
    private static string Unique(string name) => $"{name}-{Guid.NewGuid():N}";

    [Fact]
    public async Task Each_operation_is_allowed_by_itself()
    {
        var id = Guid.NewGuid().ToString("N");
        await using var front = await AccessFront.Start(cluster,
            ("Rooms:Access:0:Room", $"all-{id}"), ("Rooms:Access:0:Allow:0", "*"),
            ("Rooms:Access:1:Room", $"listen-{id}"), ("Rooms:Access:1:Allow:0", "join"),
            ("Rooms:Access:2:Room", $"talk-{id}"), ("Rooms:Access:2:Allow:0", "join"), ("Rooms:Access:2:Allow:1", "publish"),
            ("Rooms:Access:3:Room", $"past-{id}"), ("Rooms:Access:3:Allow:0", "history"),
            ("Rooms:Access:4:Room", $"who-{id}"), ("Rooms:Access:4:Allow:0", "members"),
            ("Rooms:Access:5:Room", $"closed-{id}"),
            ("Rooms:Access:6:User", "bob-{user}"), ("Rooms:Access:6:Allow:0", "direct"));
        var alice = await front.Connect("alice");

        Assert.Equal("history members forbidden joined ack history members", await Results("all"));
        Assert.Equal("forbidden forbidden forbidden joined forbidden history members", await Results("listen"));
        Assert.Equal("forbidden forbidden forbidden joined ack history members", await Results("talk"));
        Assert.Equal("history forbidden forbidden forbidden", await Results("past"));
        Assert.Equal("forbidden members forbidden forbidden", await Results("who"));
        Assert.Equal("forbidden forbidden forbidden forbidden", await Results("closed"));
        Assert.Equal("forbidden forbidden forbidden forbidden", await Results("nowhere"));
        Assert.Equal("ack", await alice.TryDirect("bob-alice"));
        Assert.Equal("forbidden", await alice.TryDirect("bob"));

        async Task<string> Results(string name)
        {
            var room = $"{name}-{id}";
            List<string> results = [await alice.TryHistory(room), await alice.TryMembers(room), await alice.TryPublish(room) is "not_joined" ? "forbidden" : "?", await alice.TryJoin(room)];
            if (results[^1] == "joined")
                results.AddRange([await alice.TryPublish(room), await alice.TryHistory(room), await alice.TryMembers(room)]);
            return string.Join(' ', results);
        }
    }

    [Fact]
    public async Task The_error_names_room_and_operation_and_says_nothing_of_who_is_there()
    {
        var (used, unused) = (Unique("used"), Unique("unused"));
        await using var front = await AccessFront.Start(cluster, ("Rooms:Access:0:Room", "*{admin}*"), ("Rooms:Access:0:Allow:0", "*"));
        var boss = await front.Connect("boss", ("admin", used[..4]));
        await boss.Join(used);
        var alice = await front.Connect("alice");

        foreach (var (type, operation) in new[] { ("join", "join"), ("history", "history"), ("members", "members") })
        {
            foreach (var room in new[] { used, unused })
            {
                var error = await alice.Ask(new JsonObject { ["type"] = type, ["room"] = room }, id: "7");
                Assert.Equal($$"""{"type":"error","id":"7","room":"{{room}}","code":"forbidden","content":"'{{operation}}' is not allowed."}""", error.ToJsonString(s_plain));
            }
        }
        Assert.Equal("""{"type":"error","id":"8","to":"boss","code":"forbidden","content":"'direct' is not allowed."}""",
            (await alice.Ask(new JsonObject { ["type"] = "message", ["to"] = "boss", ["content"] = "x" }, id: "8")).ToJsonString(s_plain));
        // With a position too: who resumes is asked anew.
        Assert.Equal("forbidden", await alice.Try(new JsonObject { ["type"] = "join", ["room"] = used, ["epoch"] = "e", ["seq"] = 1 }));
        Assert.Empty(await boss.Drain());
    }

    private static readonly System.Text.Json.JsonSerializerOptions s_plain = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    [Fact]
    public async Task The_first_rule_that_fits_counts_alone()
    {
        var id = Guid.NewGuid().ToString("N");
        await using var front = await AccessFront.Start(cluster,
            ("Rooms:Access:0:Room", $"team-secret-{id}"),
            ("Rooms:Access:1:Room", $"team-{{team}}-{id}"), ("Rooms:Access:1:Allow:0", "join"),
            ("Rooms:Access:2:Room", $"*-{id}"), ("Rooms:Access:2:Allow:0", "history"));
        var alice = await front.Connect("alice", ("team", new JsonArray("red", "blue", "secret")));
        var star = await front.Connect("star", ("team", "*"));
        var none = await front.Connect("none", ("team", ""));

        Assert.Equal("joined", await alice.TryJoin($"team-red-{id}"));
        Assert.Equal("joined", await alice.TryJoin($"team-blue-{id}"));
        Assert.Equal("forbidden", await alice.TryJoin($"team-green-{id}"));
        Assert.Equal("history", await alice.TryHistory($"team-green-{id}"));
        Assert.Equal(("forbidden", "forbidden"), (await alice.TryJoin($"team-secret-{id}"), await alice.TryHistory($"team-secret-{id}")));
        Assert.Equal("forbidden", await star.TryJoin($"team-red-{id}"));
        Assert.Equal("joined", await star.TryJoin($"team-*-{id}"));
        Assert.Equal("forbidden", await none.TryJoin($"team--{id}"));
    }

    [Theory]
    [InlineData("{user}")]
    [InlineData("*")]
    public async Task A_user_is_the_user_of_the_token_whatever_its_name(string user)
    {
        var id = Guid.NewGuid().ToString("N");
        await using var front = await AccessFront.Start(cluster, ("Rooms:Access:0:Room", $"of-{{user}}-{id}"), ("Rooms:Access:0:Allow:0", "join"));
        var client = await front.Connect(user);
        Assert.Equal("joined", await client.TryJoin($"of-{user}-{id}"));
        Assert.Equal("forbidden", await client.TryJoin($"of-alice-{id}"));
    }

    [Fact]
    public async Task In_development_rules_hold_as_well_and_without_any_everything_is_open()
    {
        var room = Unique("r");
        await using var ruled = await cluster.StartFront(null, ("Rooms:Access:0:Room", $"{room}-1"), ("Rooms:Access:0:Allow:0", "join"));
        await using var alice = await ruled.Connect("alice");
        Assert.Equal(("joined", "forbidden", "forbidden"), (await alice.TryJoin($"{room}-1"), await alice.TryPublish($"{room}-1"), await alice.TryJoin(room)));

        await using var open = await cluster.StartFront();
        await using var bob = await open.Connect("bob");
        Assert.Equal(("history", "members", "joined", "ack"), (await bob.TryHistory(room), await bob.TryMembers(room), await bob.TryJoin(room), await bob.TryPublish(room)));
    }

    [Fact]
    public async Task What_is_forbidden_is_counted_by_operation()
    {
        await using var front = await AccessFront.Start(cluster, ("Rooms:Access:0:Room", "nothing"));
        var alice = await front.Connect("alice");
        front.Front.Http.DefaultRequestHeaders.Authorization = new("Bearer", front.Issuer.Token(TimeProvider.System, ("scope", "realtime.read")));
        var (joins, directs) = (await Count("join"), await Count("direct"));
        await alice.TryJoin("a");
        await alice.TryJoin("b");
        await alice.TryDirect("bob");
        Assert.Equal((joins + 2, directs + 1), (await Count("join"), await Count("direct")));

        // Of all fronts of this process together.
        async Task<int> Count(string operation) => (await front.Front.Http.GetStringAsync("/metrics")).Split('\n')
            .Where(line => line.StartsWith($"realtime_front_forbidden_operations_total{{realtime_operation=\"{operation}\"}} ", StringComparison.Ordinal)).Sum(line => int.Parse(line.Split(' ')[1]));
    }
}
