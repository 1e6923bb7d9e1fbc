using System.Net.Http.Json;
using System.Text;
using System.Text.Json.Nodes;
using Realtime.Grains;

namespace Realtime.WebFront.Tests;

/// <summary>A connection that wants no echo of what it publishes, or that a service leaves out.</summary>
[Collection(ClusterCollection.Name)]
public sealed class EchoTests(Cluster cluster)
{
    private readonly string _room = "room-" + Guid.NewGuid().ToString("N");

    [Fact]
    public async Task All_but_the_connection_that_sends_get_the_message_and_a_resume_from_before_it_brings_it()
    {
        await using var front = await cluster.StartFront();
        await using var alice = await front.Connect("alice");
        await using var phone = await front.Connect("alice");
        await using var bob = await front.Connect("bob");
        var epoch = (string)(await alice.Join(_room))["epoch"]!;
        await phone.Join(_room);
        await bob.Join(_room);

        for (var i = 1; i <= 6; i++)
            await alice.Send($$"""{"type":"message","id":"{{i}}","room":"{{_room}}","content":"{{i}}","echo":{{(i % 3 == 0 ? "true" : "false")}}}""");

        string[] all = ["1", "2", "3", "4", "5", "6"];
        Assert.Equal(all, await Contents(phone, 6));
        Assert.Equal(all, await Contents(bob, 6));
        var acks = new List<long>();
        var echoes = new List<string>();
        while (acks.Count < 6 || echoes.Count < 2)
        {
            var frame = await alice.Receive();
            if ((string)frame["type"]! == "ack")
                acks.Add((long)frame["seq"]!);
            else if ((string)frame["type"]! == "message")
                echoes.Add((string)frame["content"]!);
        }
        Assert.Equal([1, 2, 3, 4, 5, 6], acks);
        Assert.Equal(["3", "6"], echoes);

        await using var later = await front.Connect("alice");
        await later.Ask(JsonNode.Parse($$"""{"type":"join","room":"{{_room}}","epoch":"{{epoch}}","seq":4}""")!.AsObject());
        Assert.Equal(["5", "6"], await Contents(later, 2));
    }

    [Fact]
    public async Task A_join_says_it_for_all_publishes_to_the_room_and_a_publish_for_itself()
    {
        await using var front = await cluster.StartFront();
        await using var alice = await front.Connect("alice");
        await using var bob = await front.Connect("bob");
        await alice.Ask(JsonNode.Parse($$"""{"type":"join","room":"{{_room}}","echo":false}""")!.AsObject());
        await bob.Join(_room);
        await alice.Receive("join");
        string[] fields = ["", ""","ephemeral":true""", ""","echo":false""", ""","echo":true"""];
        for (var i = 0; i < fields.Length; i++)
            await alice.Send($$"""{"type":"message","room":"{{_room}}","content":"{{i}}"{{fields[i]}}}""");
        Assert.Equal(["0", "1", "2", "3"], await Contents(bob, 4));
        Assert.Equal(["3"], await Contents(alice, 1));
        Assert.Empty(await alice.Drain());
    }

    [Fact]
    public async Task A_service_leaves_a_connection_out_which_is_told_the_number()
    {
        await using var one = await cluster.StartFront();
        await using var two = await cluster.StartFront();
        await using var alice = await one.Connect("alice");
        await using var phone = await one.Connect("alice");
        await using var bob = await two.Connect("bob");
        var joined = await alice.Join(_room);
        await phone.Join(_room);
        await bob.Join(_room);
        await alice.Receive("join");
        await phone.Receive("join");
        var id = (string)(await alice.Ask(new JsonObject { ["type"] = "ping" }))["connection"]!;

        using var posted = await two.Http.PostAsJsonAsync($"/api/rooms/{_room}/messages", new { content = "1", exclude = id });
        Assert.Equal(1, (long)(await posted.Content.ReadFromJsonAsync<JsonObject>())!["seq"]!);
        using var batch = await two.Http.PostAsJsonAsync("/api/batch", new object[]
        {
            new { room = _room, content = "2", exclude = id }, new { room = _room, content = "3" }, new { room = _room, content = "4", exclude = id, ephemeral = true },
        });
        await cluster.Client.GetGrain<IRoomGrain>(_room).Broadcast(new RoomMessage { Content = "5", Exclude = "nobody" });

        Assert.Equal(["1", "2", "3", "4", "5"], await Contents(phone, 5));
        Assert.Equal(["1", "2", "3", "4", "5"], await Contents(bob, 5));
        var told = new List<(string, long)>();
        for (var i = 0; i < 4; i++)
        {
            var frame = await alice.Receive();
            told.Add(((string)frame["type"]!, (long)frame["seq"]!));
            Assert.Equal(joined["epoch"]!.ToString(), frame["epoch"]!.ToString());
        }
        Assert.Equal([("excluded", 1), ("excluded", 2), ("message", 3), ("message", 4)], told);
    }

    [Fact]
    public async Task Who_is_left_out_of_a_change_of_the_state_is_told_the_change()
    {
        await using var front = await cluster.StartFront();
        await using var alice = await front.Connect("alice");
        await using var bob = await front.Connect("bob");
        await bob.Join(_room);
        await alice.Join(_room);
        var id = (string)(await alice.Ask(new JsonObject { ["type"] = "ping" }))["connection"]!;
        await Post(new { key = "card", data = new { x = 1 }, ttl = 60_000, from = "billing", exclude = id });
        await Post(new { key = "card", deleted = true, exclude = id });
        await Post(new { content = "no key", exclude = id });
        for (var i = 0; i < 3; i++)
        {
            var told = await alice.Receive("excluded");
            var message = await bob.Receive("message");
            told["type"] = "message";
            if (i < 2)
                Assert.Equal(message.ToJsonString(), told.ToJsonString());
            else
                Assert.Equal(["epoch", "room", "seq", "type"], told.Select(field => field.Key).Order());
        }

        async Task Post(object message)
        {
            using var answer = await front.Http.PostAsJsonAsync($"/api/rooms/{_room}/messages", message);
            answer.EnsureSuccessStatusCode();
        }
    }

    [Theory]
    [InlineData("rooms/x", "\"\"")]
    [InlineData("rooms/x", "[\"a\"]")]
    [InlineData("users/x", "\"a\"")]
    public async Task What_cannot_be_left_out_is_refused(string target, string exclude)
    {
        await using var front = await cluster.StartFront();
        using var body = new StringContent($$"""{"content":"x","exclude":{{exclude}}}""", Encoding.UTF8, "application/json");
        using var answer = await front.Http.PostAsync($"/api/{target}/messages", body);
        Assert.Equal("bad_request", (string)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["code"]!);
    }

    [Theory]
    [InlineData("1")]
    [InlineData("\"false\"")]
    [InlineData("null")]
    [InlineData("{}")]
    public async Task Another_kind_than_a_boolean_is_refused_and_nothing_is_sent(string echo)
    {
        await using var front = await cluster.StartFront();
        await using var alice = await front.Connect("alice");
        await alice.Join(_room);
        var refused = await alice.Refused($$"""{"type":"message","id":"1","room":"{{_room}}","content":"x","echo":{{echo}}}""");
        Assert.Equal("bad_request", (string)refused["code"]!);
        Assert.StartsWith("'echo' must be true or false", (string)refused["content"]!, StringComparison.Ordinal);
    }

    private static async Task<string[]> Contents(TestClient client, int count)
    {
        var contents = new string[count];
        for (var i = 0; i < count; i++)
            contents[i] = (string)(await client.Receive("message"))["content"]!;
        return contents;
    }
}
