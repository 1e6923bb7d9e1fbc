using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Realtime.Grains;

namespace Realtime.WebFront.Tests;

/// <summary>The state of a room as clients and services have it.</summary>
[Collection(ClusterCollection.Name)]
public sealed class RoomStateTests(Cluster cluster) : IAsyncLifetime
{
    private readonly string _room = "state-" + Guid.NewGuid().ToString("N");
    private Front _front = null!;
    private TestClient _alice = null!;

    public async ValueTask InitializeAsync()
    {
        _front = await cluster.StartFront();
        _alice = await _front.Connect("alice");
        await _alice.Join(_room);
    }

    public async ValueTask DisposeAsync()
    {
        await _alice.DisposeAsync();
        await _front.DisposeAsync();
    }

    private IRoomGrain Room => cluster.Client.GetGrain<IRoomGrain>(_room);

    private Task<JsonObject> Set(string fields, string? id = null) =>
        _alice.Ask(JsonNode.Parse($$"""{"type":"message","room":"{{_room}}",{{fields}}}""")!.AsObject(), id: id);

    private static async Task<(JsonObject Joined, List<JsonObject> State)> Join(TestClient client, string room, string fields = "")
    {
        var joined = await client.Ask(JsonNode.Parse($$"""{"type":"join","room":"{{room}}","state":true{{fields}}}""")!.AsObject());
        Assert.Equal("joined", (string?)joined["type"]);
        return (joined, await State(client, room));
    }

    /// <summary>All entries of the pages that come now.</summary>
    private static async Task<List<JsonObject>> State(TestClient client, string room)
    {
        var entries = new List<JsonObject>();
        JsonObject page;
        do
        {
            page = await client.Receive("state");
            Assert.Equal(room, (string?)page["room"]);
            entries.AddRange(page["entries"]!.AsArray().Select(entry => entry!.DeepClone().AsObject()));
        }
        while ((bool)page["more"]!);
        return entries;
    }

    private static string Shown(IEnumerable<JsonObject> entries) => string.Join(' ', entries.Select(entry => $"{entry["key"]}{entry["seq"]}={entry["data"] ?? entry["content"]}"));

    [Fact]
    public async Task Who_joins_has_what_was_set_and_what_comes_after_it_and_services_have_the_same()
    {
        var ack = await Set(""" "key":"card-2","data":{"x":1},"echo":false """);
        Assert.Equal(1, (long)ack["seq"]!);
        Assert.Empty(await _alice.Drain());
        Assert.Equal(2, (long)(await Set(""" "key":"card-1","content":"é\u0000" """))["seq"]!);
        await Room.Broadcast(new RoomMessage { Key = "card-3", Data = "3", From = "billing", Ttl = TimeSpan.FromHours(1) });
        await Room.Broadcast(new RoomMessage { Content = "no state" });
        using var posted = await _front.Http.PostAsJsonAsync($"/api/rooms/{_room}/messages", new Dictionary<string, object> { ["key"] = "card-2", ["deleted"] = true, ["if"] = 1 });
        Assert.Equal(5, (long)(await posted.Content.ReadFromJsonAsync<JsonObject>())!["seq"]!);

        await using var bob = await _front.Connect("bob");
        var (joined, state) = await Join(bob, _room);
        Assert.Equal((5, "card-12=é\0 card-33=3"), ((long)joined["seq"]!, Shown(state)));
        Assert.Equal(("alice", "billing", true), ((string?)state[0]["from"], (string?)state[1]["from"], (bool)state[1]["service"]!));
        Assert.Equal((long)state[1]["timestamp"]! + 3_600_000, (long)state[1]["expires"]!);
        await Set(""" "key":"card-1","data":null,"echo":false """);
        var live = await bob.Receive("message");
        Assert.Equal(("card-1", 6, true), ((string?)live["key"], (long)live["seq"]!, live.ContainsKey("data")));

        // Who comes back with its position has what was changed, as the messages that they are.
        await using var again = await _front.Connect("bob");
        var resumed = await again.Ask(new JsonObject { ["type"] = "join", ["room"] = _room, ["epoch"] = (string)joined["epoch"]!, ["seq"] = 4, ["state"] = true });
        Assert.True((bool)resumed["recovered"]!);
        Assert.Equal((true, "card-2"), await again.Receive("message") is var gone ? ((bool)gone["deleted"]!, (string)gone["key"]!) : default);
        Assert.Equal("card-1", (string?)(await again.Receive("message"))["key"]);
        Assert.Empty(await again.Drain());
        await using var other = await _front.Connect("bob");
        Assert.Equal("card-16= card-33=3", Shown((await Join(other, _room, ""","epoch":"x","seq":1""")).State));

        var first = (await _front.Http.GetFromJsonAsync<JsonObject>($"/api/rooms/{_room}/state?limit=1"))!;
        Assert.Equal(((string?)joined["epoch"], 6, "card-1", "card-1"), ((string?)first["epoch"], (long)first["seq"]!, (string?)first["next"], (string?)first["entries"]![0]!["key"]));
        var second = (await _front.Http.GetFromJsonAsync<JsonObject>($"/api/rooms/{_room}/state?after=card-1"))!;
        Assert.Equal(("card-3", false), ((string?)Assert.Single(second["entries"]!.AsArray())!["key"], second.ContainsKey("next")));
        var history = (await _front.Http.GetFromJsonAsync<JsonObject>($"/api/rooms/{_room}/messages"))!["messages"]!.AsArray();
        Assert.Equal(["card-2", "card-1", "card-3", null, "card-2", "card-1"], history.Select(message => (string?)message!["key"]));
        Assert.Equal((true, (long)state[1]["expires"]!), ((bool)history[4]!["deleted"]!, (long)history[2]!["expires"]!));
        var unused = (await _front.Http.GetFromJsonAsync<JsonObject>($"/api/rooms/{_room}-unused/state"))!;
        Assert.Equal((false, 0, 0), (unused.ContainsKey("epoch"), (long)unused["seq"]!, unused["entries"]!.AsArray().Count));
    }

    [Fact]
    public async Task Whoever_writes_at_once_exactly_one_of_the_same_version_wins_and_all_are_told_one_order()
    {
        await using var two = await cluster.StartFront();
        await using var bob = await two.Connect("bob");
        await bob.Join(_room);
        await Set(""" "key":"k","data":0 """);
        var answers = await Task.WhenAll(Enumerable.Range(0, 8).Select(async i =>
        {
            await using var writer = await (i % 2 == 0 ? _front : two).Connect($"writer{i}");
            await writer.Join(_room);
            return await writer.Ask(JsonNode.Parse($$"""{"type":"message","room":"{{_room}}","key":"k","data":{{i}},"if":1}""")!.AsObject());
        }));
        Assert.Single(answers, answer => (string?)answer["type"] == "ack");
        Assert.Equal(7, answers.Count(answer => (string?)answer["code"] == "version_conflict"));
        using var late = await _front.Http.PostAsJsonAsync($"/api/rooms/{_room}/messages", new Dictionary<string, object> { ["key"] = "k", ["data"] = 1, ["if"] = 1 });
        Assert.Equal((409, "version_conflict"), ((int)late.StatusCode, (string?)(await late.Content.ReadFromJsonAsync<JsonObject>())!["code"]));
        Assert.Equal(2, Assert.Single((await Room.State()).Entries).Sequence);
    }

    [Fact]
    public async Task A_large_state_comes_in_pages_before_what_is_live()
    {
        var value = new string('x', 30_000);
        for (var i = 0; i < 5; i++)
            await Room.Broadcast(new RoomMessage { Key = $"k{i}", Content = value });
        await using var bob = await _front.Connect("bob");
        await bob.Send($$"""{"type":"join","room":"{{_room}}","state":true}""");
        await bob.Send($$"""{"type":"message","room":"{{_room}}","key":"k0","content":"live"}""");
        await bob.Receive("joined");
        var sizes = new List<int>();
        JsonObject page;
        do
            sizes.Add((page = await bob.Receive("state"))["entries"]!.AsArray().Count);
        while ((bool)page["more"]!);
        Assert.Equal([2, 2, 1], sizes);
        Assert.Equal("live", (string?)(await bob.Receive("message"))["content"]);
        var grain = await Room.State();
        Assert.Equal((3, "k2"), (grain.Entries.Length, grain.Next)); // k0 is short now
        Assert.Null((await Room.State("k2")).Next);
    }

    [Fact]
    public async Task A_key_with_a_time_is_gone_for_who_joins_later()
    {
        var before = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        await Set(""" "key":"k","data":1,"ttl":100 """);
        Assert.InRange((long)Assert.Single((await _alice.Ask(new JsonObject { ["type"] = "history", ["room"] = _room }))["messages"]!.AsArray())!["expires"]!, before + 100, before + 20_000);
        while ((await Room.State()).Entries.Length > 0)
            await Task.Delay(10);
        Assert.Equal("ack", (string?)(await Set(""" "key":"k","data":2,"if":0 """))["type"]);
    }

    [Theory]
    [InlineData(""" "content":"x","if":0 """, "'if', 'ttl' and 'deleted' are for a message with a 'key'")]
    [InlineData(""" "key":"k","content":"x","if":-1 """, "'if' is -1; it must be")]
    [InlineData(""" "key":"k","content":"x","if":"1" """, "'if' must be a whole number")]
    [InlineData(""" "key":"k","content":"x","if":1.5 """, "'if' must be a whole number")]
    [InlineData(""" "key":"k","content":"x","ttl":99 """, "'ttl' is 99; it must be from 100 to 31536000000")]
    [InlineData(""" "key":"k","content":"x","ttl":31536000001 """, "'ttl' is 31536000001; it must be")]
    [InlineData(""" "key":"k","content":"x","deleted":true """, "A message with 'deleted' has neither")]
    [InlineData(""" "key":"k","deleted":true,"ttl":100 """, "A message with 'deleted' has no 'ttl'")]
    [InlineData(""" "key":"k","deleted":false """, "A message needs")]
    [InlineData(""" "key":"k" """, "A message needs")]
    [InlineData(""" "key":"","content":"x" """, "A key must have 1 to 128 bytes")]
    [InlineData(""" "key":"k","key":"k","content":"x" """, "'key' is there twice")]
    public async Task What_is_wrong_is_refused_whichever_way_it_comes(string fields, string words)
    {
        var refused = await _alice.Refused($$"""{"type":"message","room":"{{_room}}",{{fields}}}""");
        Assert.Equal("bad_request", (string?)refused["code"]);
        Assert.StartsWith(words, (string)refused["content"]!, StringComparison.Ordinal);
        using var answer = await _front.Http.PostAsync($"/api/rooms/{_room}/messages", new StringContent($"{{{fields}}}", Encoding.UTF8, "application/json"));
        var problem = (await answer.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal("bad_request", (string?)problem["code"]);
        Assert.StartsWith(words, (string)problem["detail"]!, StringComparison.Ordinal);
        Assert.Empty(await _alice.Drain());
    }

    [Fact]
    public async Task What_is_at_the_wrong_place_is_refused()
    {
        Assert.Equal("bad_request", (string?)(await _alice.Refused($$"""{"type":"message","to":"bob","key":"k","content":"x"}"""))["code"]);
        Assert.Equal("bad_request", (string?)(await _alice.Refused($$"""{"type":"message","to":"bob","deleted":true}"""))["code"]);
        Assert.Equal("bad_request", (string?)(await _alice.Refused($$"""{"type":"join","room":"other","state":1}"""))["code"]);
        using var toUser = await _front.Http.PostAsJsonAsync("/api/users/bob/messages", new { key = "k", deleted = true });
        Assert.Equal(400, (int)toUser.StatusCode);
        using var after = await _front.Http.GetAsync($"/api/rooms/{_room}/state?after={new string('x', 129)}");
        Assert.Equal(400, (int)after.StatusCode);
        await Assert.ThrowsAsync<RequestException>(() => Room.Broadcast(new RoomMessage { Key = "k", Content = "x", Ttl = TimeSpan.FromMilliseconds(1) }));
        var batch = await Room.BroadcastMany([new RoomMessage { Key = "k", Content = "1" }, new RoomMessage { IsDeleted = true }, new RoomMessage { Key = "k", Content = "2", IfVersion = 1 }]);
        Assert.Equal(["PublishedReply", "RefusedReply", "PublishedReply"], batch.Select(reply => reply.GetType().Name));
    }
}
