using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Realtime.Grains;
using Realtime.Silo.Hooks;

namespace Realtime.WebFront.Tests;

/// <summary>The hook of rooms whose name begins with <c>hooked-</c>.</summary>
internal sealed class WordHook : IRoomHook
{
    public ValueTask<PublishDecision> Publishing(RoomPublish publish, CancellationToken cancellation) => new(publish.Content switch
    {
        "bad" => PublishDecision.Refuse("Mind your words, \"friend\".", "bad_words"),
        "rude" => PublishDecision.Replace(new RoomMessage { Content = "***", Data = publish.Data }),
        "broken" => throw new InvalidOperationException("broken"),
        _ => PublishDecision.Allow,
    });
}

/// <summary>What clients see of hooks.</summary>
[Collection(ClusterCollection.Name)]
public sealed class HookTests(Cluster cluster)
{
    [Fact]
    public async Task A_client_and_a_service_are_told_what_a_hook_refuses_and_all_get_what_it_makes_of_a_message()
    {
        var room = "hooked-" + Guid.NewGuid().ToString("N");
        await using var front = await cluster.StartFront();
        await using var alice = await front.Connect("alice");
        await using var bob = await front.Connect("bob");
        await alice.Join(room);
        await bob.Join(room);

        var refused = await alice.Refused($$"""{"type":"message","id":"1","room":"{{room}}","content":"bad"}""");
        Assert.Equal(("1", room, "bad_words", "Mind your words, \"friend\"."),
            ((string?)refused["id"], (string?)refused["room"], (string?)refused["code"], (string?)refused["content"]));
        refused = await alice.Refused($$"""{"type":"message","id":"2","room":"{{room}}","content":"broken"}""");
        Assert.Equal("unavailable", (string?)refused["code"]);

        var ack = await alice.Ask(JsonNode.Parse($$"""{"type":"message","room":"{{room}}","content":"rude","data":[1]}""")!.AsObject()); // the message may come before
        Assert.Equal(("ack", 1), ((string?)ack["type"], (int)ack["seq"]!));
        var message = await bob.Receive("message");
        Assert.Equal(("alice", "***", 1), ((string?)message["from"], (string?)message["content"], (int)message["data"]![0]!));

        var answer = await front.Http.PostAsJsonAsync($"/api/rooms/{room}/messages", new { content = "bad" });
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("bad_words", (string?)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["code"]);
    }
}
