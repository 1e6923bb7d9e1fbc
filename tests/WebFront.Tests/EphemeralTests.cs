using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Realtime.Grains;

namespace Realtime.WebFront.Tests;

/// <summary>Messages that are of use only now.</summary>
[Collection(ClusterCollection.Name)]
public sealed class EphemeralTests(Cluster cluster)
{
    private readonly string _room = "room-" + Guid.NewGuid().ToString("N");

    [Fact]
    public async Task Members_of_two_fronts_get_them_in_one_order_with_the_rest_and_they_are_kept_nowhere()
    {
        await using var one = await cluster.StartFront();
        await using var two = await cluster.StartFront();
        await using var alice = await one.Connect("alice");
        await using var bob = await two.Connect("bob");
        var joined = await alice.Join(_room);
        await bob.Join(_room);
        await alice.Receive("join");

        for (var i = 1; i <= 20; i++)
            await (i % 2 == 0 ? alice : bob).Send(i % 3 == 0 ? Ephemeral($"{i}", """ "key":"cursor", """) : Message($"{i}"));
        var (seen, others) = (await Take(alice, 20), await Take(bob, 20)); // before services send the rest
        var grain = cluster.Client.GetGrain<IRoomGrain>(_room);
        Assert.Equal(0, (await grain.Broadcast(new RoomMessage { From = "alice", Content = "21", IsEphemeral = true, Key = "k" })).Sequence);
        using var posted = await one.Http.PostAsJsonAsync($"/api/rooms/{_room}/messages", new { content = "22", ephemeral = true });
        Assert.Equal(["room", "timestamp"], (await posted.Content.ReadFromJsonAsync<JsonObject>())!.Select(field => field.Key));
        using var batch = await one.Http.PostAsJsonAsync("/api/batch", new object[]
        {
            new { room = _room, content = "23", ephemeral = true }, new { room = _room, content = "24" }, new { room = _room, content = "x", ephemeral = true, key = "" },
        });
        var answers = (await batch.Content.ReadFromJsonAsync<JsonArray>())!;
        Assert.Equal((null, 15L, "bad_request"), (answers[0]!["seq"], (long)answers[1]!["seq"]!, (string?)answers[2]!["code"]));

        seen.AddRange(await Take(alice, 4));
        others.AddRange(await Take(bob, 4));
        Assert.Equal(seen.Select(Shown), others.Select(Shown));
        Assert.Equal(Enumerable.Range(1, 24).Select(i => $"{i}").Order(), seen.Select(frame => (string)frame["content"]!).Order());
        var kept = seen.Where(frame => frame["ephemeral"] is null).ToList();
        Assert.Equal(Enumerable.Range(1, 15).Select(seq => (long)seq), kept.Select(frame => (long)frame["seq"]!));
        foreach (var frame in seen.Except(kept))
            Assert.False(frame.ContainsKey("seq") || frame.ContainsKey("epoch"), frame.ToJsonString());
        var service = seen.Single(frame => (string?)frame["content"] == "21");
        Assert.Equal((true, "alice", "k"), ((bool)service["service"]!, (string)service["from"]!, (string)service["key"]!));

        var history = await alice.Ask(new JsonObject { ["type"] = "history", ["room"] = _room });
        Assert.Equal(15, history["messages"]!.AsArray().Count);
        await using var late = await two.Connect("late");
        await late.Ask(new JsonObject { ["type"] = "join", ["room"] = _room, ["epoch"] = (string)joined["epoch"]!, ["seq"] = 0 });
        Assert.Equal(kept.Select(Shown), (await Take(late, 15)).Select(Shown));
        Assert.Empty(await late.Drain());
    }

    [Fact]
    public async Task An_ack_has_no_position_an_id_recognises_no_repeat_and_echo_works()
    {
        await using var front = await cluster.StartFront();
        await using var alice = await front.Connect("alice");
        await using var bob = await front.Connect("bob");
        await alice.Join(_room);
        await bob.Join(_room);
        await alice.Receive("join");
        for (var i = 0; i < 2; i++)
        {
            var ack = await alice.Ask(JsonNode.Parse(Ephemeral("x", """ "id":"same","echo":false, """))!.AsObject());
            Assert.Equal(["type", "id", "room"], ack.Select(field => field.Key));
            Assert.True((bool)(await bob.Receive("message"))["ephemeral"]!);
        }
        var heard = new List<JsonObject>();
        Assert.Equal(1, (long)(await alice.Ask(JsonNode.Parse(Message("y", """ "id":"same", """))!.AsObject(), heard.Add))["seq"]!);
        Assert.Equal("y", (string)(await bob.Receive("message"))["content"]!);
        Assert.Equal("y", (string)(heard.Count > 0 ? heard[0] : await alice.Receive("message"))["content"]!);
    }

    [Fact]
    public async Task To_nobody_it_makes_no_room()
    {
        var receipt = await cluster.Client.GetGrain<IRoomGrain>(_room).Broadcast(new RoomMessage { Content = "x", IsEphemeral = true });
        Assert.Equal(("", 0), (receipt.Epoch, receipt.Sequence));
        Assert.Equal("", (await cluster.Client.GetGrain<IRoomGrain>(_room).Describe()).Position.Epoch);
    }

    [Theory]
    [InlineData(""" "room":"@","ephemeral":1 """, "'ephemeral' must be true or false")]
    [InlineData(""" "room":"@","ephemeral":true,"key":1 """, "'key' must be a string")]
    [InlineData(""" "room":"@","ephemeral":true,"key":"" """, "A key must have 1 to 128 bytes")]
    [InlineData(""" "room":"@","ephemeral":true,"key":"#" """, "A key must have 1 to 128 bytes")]
    [InlineData(""" "room":"@","ephemeral":true,"ephemeral":true """, "'ephemeral' is there twice")]
    [InlineData(""" "room":"@","ephemeral":true,"key":"k","if":0 """, "'if', 'ttl' and 'deleted' are for a message with a 'key' that is not ephemeral")]
    [InlineData(""" "to":"bob","ephemeral":true """, "Only a message to a 'room' may be 'ephemeral'")]
    [InlineData(""" "to":"bob","key":"k" """, "Only a message to a 'room' may be 'ephemeral'")]
    public async Task What_is_wrong_is_refused(string fields, string words)
    {
        await using var front = await cluster.StartFront();
        await using var alice = await front.Connect("alice");
        await alice.Join(_room);
        var refused = await alice.Refused($$"""{"type":"message","content":"x",{{fields.Replace("@", _room).Replace("#", new string('é', 65))}}}""");
        Assert.Equal("bad_request", (string)refused["code"]!);
        Assert.StartsWith(words, (string)refused["content"]!, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("rooms/x", """{"content":"x","ephemeral":1}""")]
    [InlineData("rooms/x", """{"content":"x","ephemeral":true,"key":""}""")]
    [InlineData("users/x", """{"content":"x","ephemeral":true}""")]
    public async Task A_service_is_refused_by_the_same_rules(string target, string body)
    {
        await using var front = await cluster.StartFront();
        using var answer = await front.Http.PostAsync($"/api/{target}/messages", new StringContent(body, System.Text.Encoding.UTF8, "application/json"));
        Assert.Equal("bad_request", (string)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["code"]!);
    }

    private string Message(string content, string fields = "") => $$"""{"type":"message",{{fields}}"room":"{{_room}}","content":"{{content}}"}""";

    private string Ephemeral(string content, string fields = "") => Message(content, $"\"ephemeral\":true,{fields}");

    private static string Shown(JsonObject frame) => $"{frame["content"]} {frame["from"]} {frame["seq"]}";

    private static async Task<List<JsonObject>> Take(TestClient client, int count)
    {
        var frames = new List<JsonObject>();
        while (frames.Count < count)
            frames.Add(await client.Receive("message"));
        return frames;
    }
}
