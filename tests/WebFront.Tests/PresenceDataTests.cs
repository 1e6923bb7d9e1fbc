using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.Configuration;
using Orleans;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Grains;
using Realtime.Silo;
using Realtime.Silo.Hosting;
using Realtime.WebFront.Tests.Access;
using Realtime.WebFront.Tests.Limiting;

namespace Realtime.WebFront.Tests;

/// <summary>What members of a room show of themselves, and what those who ask for it know of who is there.</summary>
[Collection(ClusterCollection.Name)]
public sealed class PresenceDataTests(Cluster cluster)
{
    private readonly string _room = "room-" + Guid.NewGuid().ToString("N");

    private Task<JsonObject> Join(TestClient client, string fields, string? room = null, Action<JsonObject>? other = null) =>
        client.Ask(JsonNode.Parse($$"""{"type":"join","room":"{{room ?? _room}}"{{(fields.Length > 0 ? "," : "")}}{{fields}}}""")!.AsObject(), other);

    private Task<JsonObject> Update(TestClient client, string data, string? room = null, Action<JsonObject>? other = null) =>
        client.Ask(JsonNode.Parse($$"""{"type":"update","room":"{{room ?? _room}}","data":{{data}}}""")!.AsObject(), other);

    private string Text(string frame) => frame.Replace("ROOM", _room, StringComparison.Ordinal);

    private static string Without(JsonObject frame, params string[] fields)
    {
        foreach (var field in fields)
            frame.Remove(field);
        return frame.ToJsonString();
    }

    [Fact]
    public async Task The_others_see_the_data_of_who_comes_and_what_it_becomes()
    {
        await using var one = await cluster.StartFront();
        await using var two = await cluster.StartFront();
        await using var alice = await one.Connect("alice");
        await using var bob = await two.Connect("bob");
        await using var phone = await one.Connect("bob");
        await Join(alice, "");
        Assert.Equal("joined", (string?)(await Join(bob, """ "data":{"status":"away","n":null} """))["type"]);
        Assert.Equal(Text("""{"type":"join","room":"ROOM","from":"bob","data":{"status":"away","n":null}}"""), (await alice.Receive()).ToJsonString());
        await Join(phone, "");

        await bob.Send(Text("""{"type":"update","id":"7","room":"ROOM","data":"busy"}"""));
        foreach (var other in new[] { alice, phone })
            Assert.Equal(Text("""{"type":"update","room":"ROOM","from":"bob","data":"busy"}"""), (await other.Receive()).ToJsonString());
        Assert.Equal(Text("""{"type":"updated","id":"7","room":"ROOM"}"""), (await bob.Receive()).ToJsonString());
        await bob.Send(Text("""{"type":"update","room":"ROOM","data":null}""")); // without an id there is no answer
        Assert.Equal(Text("""{"type":"update","room":"ROOM","from":"bob","data":null}"""), (await alice.Receive()).ToJsonString());
        Assert.Empty(await bob.Drain());

        await Update(alice, "[1]");
        Assert.Equal("[1]", (await bob.Receive())["data"]!.ToJsonString());
        var page = await bob.Ask(new JsonObject { ["type"] = "members", ["room"] = _room });
        Assert.Equal(Text("""{"type":"members","room":"ROOM","members":2,"users":["alice","bob"],"data":{"alice":[1],"bob":null}}"""), Without(page, "id"));
        var http = await one.Http.GetFromJsonAsync<JsonObject>($"/api/rooms/{_room}/members");
        Assert.Equal(Text("""{"room":"ROOM","members":["alice","bob"],"total":2,"data":{"alice":[1],"bob":null}}"""), http!.ToJsonString());
        Assert.Equal("[1]", Encoding.UTF8.GetString((await cluster.Client.GetGrain<IRoomGrain>(_room).Members()).Data![0]!));

        // The connection that had written leaves: the one that is left shows nothing.
        await bob.Ask(new JsonObject { ["type"] = "leave", ["room"] = _room });
        Assert.Equal(Text("""{"type":"update","room":"ROOM","from":"bob"}"""), (await alice.Receive()).ToJsonString());
        await phone.Close();
        Assert.Equal(Text("""{"type":"leave","room":"ROOM","from":"bob"}"""), (await alice.Receive()).ToJsonString());
    }

    [Fact]
    public async Task A_join_that_asks_for_members_brings_them_and_what_changes_after_that_is_numbered()
    {
        await using var front = await cluster.StartFront();
        await using var alice = await front.Connect("alice");
        await using var bob = await front.Connect("bob");
        await using var carl = await front.Connect("carl");
        await Join(alice, """ "data":1 """);
        var joined = await Join(bob, """ "presence":"members","data":{"b":2} """);
        var order = (long)joined["order"]!;
        Assert.Equal(Text("""{"type":"joined","room":"ROOM","seq":0,"members":2,"users":["alice","bob"],"data":{"alice":1,"bob":{"b":2}}}"""), Without(joined, "id", "epoch", "order"));
        await Join(carl, "");
        await Update(alice, "2");
        await carl.Ask(new JsonObject { ["type"] = "leave", ["room"] = _room });
        foreach (var told in new[] { """{"type":"join","room":"ROOM","from":"carl","order":N}""", """{"type":"update","room":"ROOM","from":"alice","data":2,"order":N}""", """{"type":"leave","room":"ROOM","from":"carl","order":N}""" })
            Assert.Equal(Text(told).Replace("N", $"{++order}", StringComparison.Ordinal), (await bob.Receive()).ToJsonString());
        var page = await bob.Ask(new JsonObject { ["type"] = "members", ["room"] = _room, ["limit"] = 1 });
        Assert.Equal((order, "alice"), ((long)page["order"]!, (string?)page["next"]));
        Assert.False((await alice.Ask(new JsonObject { ["type"] = "members", ["room"] = _room })).ContainsKey("order"));
    }

    [Fact]
    public async Task In_a_large_room_a_join_brings_the_first_page_and_members_the_others()
    {
        await using var front = await cluster.StartFront();
        var shown = Encoding.UTF8.GetBytes($"\"{new string('x', 1022)}\"");
        var grain = cluster.Client.GetGrain<IRoomGrain>(_room);
        RoomCommand[] joins = [.. Enumerable.Range(0, 149).Select(i => new JoinCommand($"u{i:000}", $"c{i}", null) { Data = shown })];
        // Of a front that lives: those of one that is only named would be dropped as soon as its lease is missed.
        await using var another = await cluster.StartFront();
        var theirs = await another.Id();
        Assert.All((await grain.Submit(theirs, 1, joins)).Replies, reply => Assert.IsType<JoinedReply>(reply));
        await using var alice = await front.Connect("z");
        var joined = await Join(alice, """ "presence":"members" """);
        Assert.Equal((150, 100, "u099", 100), ((int)joined["members"]!, joined["users"]!.AsArray().Count, (string?)joined["next"], joined["data"]!.AsObject().Count));
        var page = await alice.Ask(new JsonObject { ["type"] = "members", ["room"] = _room, ["after"] = "u099" });
        Assert.Equal((50, (long)joined["order"]!, false), (page["users"]!.AsArray().Count, (long)page["order"]!, page.ContainsKey("next")));
        // Of all that a page may have it brings no more than 128 KiB.
        var large = await alice.Ask(new JsonObject { ["type"] = "members", ["room"] = _room, ["limit"] = 1000 });
        Assert.Equal((128, "u127"), (large["users"]!.AsArray().Count, (string?)large["next"]));
        await grain.Drop(theirs);
        // It is small again.
        JsonObject told;
        while ((string?)(told = await alice.Receive())["type"] != "members")
        {
        }
        Assert.Equal(Text("""{"type":"members","room":"ROOM","members":1,"users":["z"]}"""), Without(told, "order"));
    }

    [Fact]
    public async Task Who_knows_the_members_from_its_join_on_knows_them_in_the_end()
    {
        await using var one = await cluster.StartFront();
        await using var two = await cluster.StartFront();
        var actors = new TestClient[6];
        for (var i = 0; i < actors.Length; i++)
            actors[i] = await (i % 2 == 0 ? one : two).Connect($"u{i % 5}"); // one user has two connections
        var acting = actors.Select((actor, i) => Act(actor, new Random(i))).ToArray();
        var watchers = new List<(TestClient Client, Dictionary<string, string> Known)>();
        for (var i = 0; i < 10; i++)
        {
            var watcher = await (i % 2 == 0 ? one : two).Connect($"w{i}");
            watchers.Add((watcher, Known(await Join(watcher, """ "presence":"members" """, other: frame => Assert.Fail(frame.ToJsonString())))));
        }
        await Task.WhenAll(acting);
        var page = Known(await actors[0].Ask(new JsonObject { ["type"] = "members", ["room"] = _room }));
        foreach (var (client, known) in watchers)
        {
            while (!page.OrderBy(entry => entry.Key).SequenceEqual(known.OrderBy(entry => entry.Key)))
                Apply(known, await client.Receive());
        }
        foreach (var client in watchers.Select(watcher => watcher.Client).Concat(actors))
            await client.DisposeAsync();

        async Task Act(TestClient actor, Random random)
        {
            for (var i = 0; i < 30; i++)
            {
                await Join(actor, random.Next(2) == 0 ? $""" "data":{i} """ : "");
                for (var updates = random.Next(3); updates > 0; updates--)
                    await Update(actor, $"\"{i}.{updates}\"");
                if (random.Next(3) > 0)
                    await actor.Ask(new JsonObject { ["type"] = "leave", ["room"] = _room });
            }
        }

        static Dictionary<string, string> Known(JsonObject page) =>
            page["users"]!.AsArray().ToDictionary(user => (string)user!, user => page["data"]?[(string)user!]?.ToJsonString() ?? "-");

        static void Apply(Dictionary<string, string> known, JsonObject frame)
        {
            Assert.True(frame.ContainsKey("order"), frame.ToJsonString());
            var user = (string)frame["from"]!;
            if ((string)frame["type"]! == "leave")
                known.Remove(user);
            else
                known[user] = frame["data"]?.ToJsonString() ?? "-";
        }
    }

    [Fact]
    public async Task Who_asks_for_the_count_is_told_nobody_by_name_and_not_more_than_once_an_interval()
    {
        var interval = TimeSpan.FromSeconds(0.3);
        await using var front = await cluster.StartFront(null, ("Rooms:PresenceCountInterval", $"{interval}"));
        await using var alice = await front.Connect("alice");
        var began = TimeProvider.System.GetTimestamp();
        Assert.Equal(1, (int)(await Join(alice, """ "presence":"count" """))["members"]!);
        var others = new List<TestClient>();
        for (var i = 0; i < 20; i++)
        {
            others.Add(await front.Connect($"u{i}"));
            await Join(others[^1], """ "data":1 """);
            await Update(others[^1], "2");
        }
        var counts = new List<int>();
        while (counts is not [.., 21])
        {
            var frame = await alice.Receive();
            counts.Add((int)frame["members"]!);
            Assert.Equal(Text($$"""{"type":"presence","room":"ROOM","members":{{counts[^1]}}}"""), frame.ToJsonString());
        }
        Assert.InRange(counts.Count, 2, 2 + (TimeProvider.System.GetElapsedTime(began) / interval));
        Assert.Equal(counts.Distinct().Order(), counts);
        foreach (var other in others)
            await other.DisposeAsync();
        while ((int)(await alice.Receive("presence"))["members"]! > 1)
        {
        }
    }

    [Theory]
    [InlineData("""{"type":"join","room":"ROOM","data":"LONG"}""", "content_too_long", "Rooms:MaxPresenceBytes")]
    [InlineData("""{"type":"update","room":"ROOM","data":"LONG"}""", "content_too_long", "Rooms:MaxPresenceBytes")]
    [InlineData("""{"type":"update","room":"ROOM"}""", "bad_request", "'data' is missing")]
    [InlineData("""{"type":"update","room":"ROOM","data":1,"data":2}""", "bad_request", "twice")]
    [InlineData("""{"type":"update","room":"ROOM","data":DEEP}""", "bad_request", "nested")]
    [InlineData("""{"type":"update","room":"elsewhere","data":1}""", "not_joined", "join it first")]
    [InlineData("""{"type":"update","data":1}""", "room_missing", "'room'")]
    [InlineData("""{"type":"join","room":"ROOM2","presence":"all"}""", "bad_request", "'presence' is 'all'; it must be 'members' or 'count'")]
    [InlineData("""{"type":"join","room":"ROOM2","presence":true}""", "bad_request", "'presence' must be a string")]
    [InlineData("""{"type":"join","room":"ROOM2","presence":null}""", "bad_request", "'presence' must be a string")]
    [InlineData("""{"type":"join","room":"ROOM2","presence":"count","presence":"count"}""", "bad_request", "twice")]
    public async Task What_is_wrong_is_refused_and_changes_nothing(string frame, string code, string words)
    {
        await using var front = await cluster.StartFront();
        await using var alice = await front.Connect("alice");
        await using var bob = await front.Connect("bob");
        await Join(alice, $$""" "data":"{{new string('a', 1022)}}" """);
        await Join(bob, "");
        Assert.Equal("join", (string?)(await alice.Receive())["type"]);
        var text = Text(frame).Replace("LONG", new string('a', 1023), StringComparison.Ordinal).Replace("DEEP", new string('[', 33) + new string(']', 33), StringComparison.Ordinal);
        var refused = await alice.Refused(text.Insert(1, "\"id\":\"x\","));
        Assert.Equal((code, "x"), ((string?)refused["code"], (string?)refused["id"]));
        Assert.Contains(words, (string?)refused["content"]);
        Assert.Empty(await bob.Drain());
        Assert.Equal("updated", (string?)(await Update(alice, new string('[', 32) + new string(']', 32)))["type"]);
    }

    [Fact]
    public async Task What_a_member_shows_counts_like_a_publish_and_its_bytes_do()
    {
        await using var front = await LimitedFront.Start(cluster, [.. LimitedFront.Rate("Publishes", 1, 3), .. LimitedFront.Rate("MessageBytes", 1000, 2000)]);
        await using var alice = await front.Front.Connect("alice");
        await Join(alice, $$""" "data":"{{new string('a', 998)}}" """);
        Assert.Equal("updated", (string?)(await Update(alice, $"\"{new string('a', 998)}\""))["type"]);
        var refused = await Update(alice, "1"); // the bytes are used up
        Assert.Equal(("rate_limited", true), ((string?)refused["code"], refused.ContainsKey("retryAfter")));
        front.Advance(200);
        Assert.Equal("updated", (string?)(await Update(alice, "1"))["type"]);
        Assert.Equal("updated", (string?)(await Update(alice, "1"))["type"]);
        front.Advance(20);
        Assert.Equal("rate_limited", (string?)(await Update(alice, "1"))["code"]);
    }

    [Fact]
    public async Task What_a_hidden_member_shows_is_seen_by_nobody_until_it_is()
    {
        (string, string)[] rules =
        [
            ("Rooms:Access:0:Room", "*{spy}"), ("Rooms:Access:0:Allow:0", "join"), ("Rooms:Access:1:Room", $"{_room}*"), ("Rooms:Access:1:Allow:0", "*"),
        ];
        await using var front = await AccessFront.Start(cluster, rules);
        var (alice, spy) = (await front.Connect("alice"), await front.Connect("bob", ("spy", _room[^3..])));
        await Join(alice, """ "presence":"members" """);
        await Join(spy, """ "data":"secret" """);
        Assert.Equal("updated", (string?)(await Update(spy, "\"secret too\""))["type"]);
        Assert.Empty(await alice.Drain());
        var page = await alice.Ask(new JsonObject { ["type"] = "members", ["room"] = _room });
        Assert.Equal(Text("""{"type":"members","room":"ROOM","members":1,"users":["alice"]}"""), Without(page, "id", "order"));
        // With another token it is seen, with what it has shown last.
        var token = front.Issuer.Token(TimeProvider.System, [("sub", "bob")]);
        Assert.Equal("refreshed", (string?)(await spy.Ask(new JsonObject { ["type"] = "refresh", ["token"] = token }))["type"]);
        Assert.Equal(Text("""{"type":"join","room":"ROOM","from":"bob","data":"secret too"}"""), Without(await alice.Receive(), "order"));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task What_members_show_outlives_the_silo_of_their_room(bool killed)
    {
        var builder = new InProcessTestClusterBuilder(2);
        builder.ConfigureHost(host => host.Configuration.AddEnvironmentVariables());
        builder.ConfigureSilo((_, silo) => silo.UseClusterTimings().AddRealtime());
        builder.ConfigureClient(client => client.UseClusterTimings().AddRealtimeClient());
        await using var own = builder.Build();
        await own.DeployAsync();
        await using var one = await Front.Start(own.Client, null, []);
        await using var two = await Front.Start(own.Client, null, []);
        await using var alice = await one.Connect("alice");
        await using var bob = await two.Connect("bob");
        await using var carl = await one.Connect("carl");
        // Some of the rooms are on the silo that goes.
        string[] rooms = [.. Enumerable.Range(0, 8).Select(i => $"{_room}-{i}")];
        foreach (var room in rooms)
        {
            await Join(alice, """ "presence":"members","data":"a" """, room);
            await Join(bob, """ "data":1 """, room);
            await Update(bob, "2", room);
            Assert.Equal("join", (string?)(await alice.Receive())["type"]);
            Assert.Equal("update", (string?)(await alice.Receive())["type"]);
        }
        await (killed ? own.KillSiloAsync(own.Silos[1]) : own.StopSiloAsync(own.Silos[1]));
        foreach (var room in rooms)
        {
            Assert.Equal("updated", (string?)(await Update(alice, "\"b\"", room))["type"]); // also one that waits for another silo
            await Asking.Until(async () => (await carl.Ask(new JsonObject { ["type"] = "members", ["room"] = room }))["data"]?.ToJsonString() == """{"alice":"b","bob":2}""");
            // Who follows who is there has been told so where that was lost, and goes on from there.
            Assert.Equal("updated", (string?)(await Update(bob, "3", room))["type"]);
            JsonObject told;
            var order = 0L;
            do
            {
                told = await alice.Receive();
                if ((string?)told["room"] != room)
                    continue;
                if ((string?)told["type"] == "joined")
                    order = 0; // another epoch
                else if (told.ContainsKey("order"))
                    Assert.True(order < (order = (long)told["order"]!), told.ToJsonString());
                if ((string?)told["type"] == "members")
                    Assert.Equal("""["alice","bob"]""", told["users"]!.ToJsonString());
            }
            while ((string?)told["room"] != room || ((string?)told["type"] == "update" ? told["data"] : told["data"]?["bob"])?.ToJsonString() != "3");
        }
    }
}
