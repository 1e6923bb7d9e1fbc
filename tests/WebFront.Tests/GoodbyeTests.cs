using System.Net.WebSockets;
using System.Text.Json.Nodes;

namespace Realtime.WebFront.Tests;

/// <summary>Who says goodbye behind commands has their answers before the server's own close.</summary>
[Collection(ClusterCollection.Name)]
public sealed class GoodbyeTests(Cluster cluster) : IAsyncLifetime
{
    private const int Each = 20;

    private readonly string _room = "room " + Guid.NewGuid().ToString("N");
    private Front _front = null!;

    public async ValueTask InitializeAsync() => _front = await cluster.StartFront();

    public ValueTask DisposeAsync() => _front.DisposeAsync();

    [Fact]
    public async Task Commands_before_a_close_are_answered_before_the_close()
    {
        await using var client = await _front.Connect("alice-" + _room[^8..]);
        await client.Join(_room);
        for (var i = 0; i < Each; i++)
        {
            await client.Send(new JsonObject { ["type"] = "message", ["id"] = $"m{i}", ["room"] = _room, ["content"] = "bye" }.ToJsonString());
            await client.Send(new JsonObject { ["type"] = "message", ["id"] = $"d{i}", ["to"] = "nobody", ["content"] = "bye" }.ToJsonString());
            await client.Send(new JsonObject { ["type"] = "members", ["id"] = $"u{i}", ["room"] = _room }.ToJsonString());
        }
        await client.CloseOutput();
        Assert.Equal(3 * Each, await Answers(client));
        Assert.Equal(WebSocketCloseStatus.NormalClosure, client.CloseStatus);
    }

    [Fact]
    public async Task Commands_before_a_mistake_are_answered_before_it_is_told()
    {
        await using var client = await _front.Connect("alice-" + _room[^8..]);
        await client.Join(_room);
        for (var i = 0; i < Each; i++)
            await client.Send(new JsonObject { ["type"] = "message", ["id"] = $"m{i}", ["room"] = _room, ["content"] = "bye" }.ToJsonString());
        await client.Send([0xff], WebSocketMessageType.Text);
        Assert.Equal(Each, await Answers(client));
        Assert.Equal(WebSocketCloseStatus.InvalidPayloadData, client.CloseStatus);
    }

    private static async Task<int> Answers(TestClient client)
    {
        var answers = 0;
        while (await client.ReceiveRaw() is { } frame)
            if (JsonNode.Parse(frame.Data)!["id"] is not null)
                answers++;
        return answers;
    }
}
