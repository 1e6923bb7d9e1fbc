using System.Text.Json.Nodes;

namespace Realtime.WebFront.Tests;

/// <summary>A connection that wants no echo of what it publishes.</summary>
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
