using System.Diagnostics;
using System.Text.Json.Nodes;
using Realtime.Grains;

namespace Realtime.WebFront.Tests;

/// <summary>Messages that wait for others at the front (Front:WriteDelay).</summary>
public sealed class WriteDelayTests(Cluster cluster) : IClassFixture<Cluster>, IAsyncLifetime
{
    private readonly string _room = $"delay-{Guid.NewGuid():N}";
    private Front _front = null!;
    private TestClient _alice = null!;
    private TestClient _bob = null!;

    public async ValueTask InitializeAsync()
    {
        _front = await cluster.StartFront(settings: [("Front:WriteDelay", "00:00:01")]);
        _alice = await _front.Connect("alice");
        _bob = await _front.Connect("bob");
        await _alice.Join(_room);
        await _bob.Join(_room);
    }

    public async ValueTask DisposeAsync()
    {
        await _alice.DisposeAsync();
        await _bob.DisposeAsync();
        await _front.DisposeAsync();
    }

    [Fact]
    public async Task They_come_together_in_order_when_it_is_over()
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 1; i <= 10; i++)
            await Publish(_alice, $"{i}");
        var first = await _bob.Receive("message");
        Assert.InRange(Stopwatch.GetElapsedTime(start), TimeSpan.FromSeconds(0.9), TestClient.Bound); // timers may be a little early
        Assert.Equal("1", (string?)first["content"]);
        for (var i = 2; i <= 10; i++)
            Assert.Equal($"{i}", (string?)(await _bob.Receive("message"))["content"]);
        Assert.DoesNotContain(await _bob.Drain(), frame => (string?)frame["type"] == "message");
    }

    [Fact]
    public async Task Who_leaves_gets_first_what_was_said_before()
    {
        await Publish(_alice, "before");
        // The ack may be faster than the front's stream, on which the silo sends this after the room's message.
        await _alice.Ask(new JsonObject { ["type"] = "message", ["to"] = "bob", ["content"] = "psst" });
        var seen = new List<JsonObject>();
        do
            seen.Add(await _bob.Receive("message"));
        while ((string?)seen[^1]["content"] != "psst");
        await _bob.Ask(new JsonObject { ["type"] = "leave", ["room"] = _room }, seen.Add);
        Assert.Equal("before", Assert.Single(seen, frame => (string?)frame["room"] == _room && (string?)frame["type"] == "message")["content"]?.ToString());
    }

    [Fact]
    public async Task Who_joins_gets_what_is_said_after_and_nothing_from_before()
    {
        await Publish(_alice, "before");
        await using var carol = await _front.Connect("carol");
        await carol.Join(_room);
        await Publish(_alice, "after");
        Assert.Equal("after", (string?)(await carol.Receive("message"))["content"]);
        Assert.Equal("before", (string?)(await _bob.Receive("message"))["content"]);
        Assert.Equal("after", (string?)(await _bob.Receive("message"))["content"]);
    }

    private async Task Publish(TestClient client, string content)
    {
        var ack = await client.Ask(new JsonObject { ["type"] = "message", ["room"] = _room, ["content"] = content });
        Assert.Equal("ack", (string?)ack["type"]);
    }
}
