using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Realtime.WebFront.Tests.Http;

namespace Realtime.WebFront.Tests.Operation;

/// <summary>A front is emptied while it runs.</summary>
[Collection(ClusterCollection.Name)]
public sealed class DrainTests(Cluster cluster)
{
    [Theory]
    [InlineData("false")]
    [InlineData("true")]
    public async Task It_lets_nobody_in_sends_everybody_away_and_goes_on_when_it_may(string limits)
    {
        var tag = Guid.NewGuid().ToString("N")[..12];
        await using var other = await cluster.StartFront();
        await using var front = await cluster.StartFront(null, ("Limits:Enabled", limits), ("Connections:DrainTime", "00:00:01"));
        var id = await front.Id();
        await using var alice = await front.Connect($"alice-{tag}");
        await using var bob = await other.Connect($"bob-{tag}");
        await using var events = await EventClient.Open(front, $"/api/rooms/room-{tag}/events?user=carol-{tag}");
        Assert.Equal(HttpStatusCode.OK, events.Response.StatusCode);

        for (var i = 0; i < 2; i++)
        {
            var answer = await Post(other, $"/api/fronts/{id}/drain");
            Assert.Equal((id, true), ((string?)answer["front"], (bool)answer["draining"]!));
        }
        Assert.Null(await alice.ReceiveRaw());
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, alice.CloseStatus);
        Assert.Matches(@"^front is drained; retry after \d+ ms$", alice.CloseReason);
        await Wait.Until(async () => (int)(await Details())["connections"]! == 0);
        var details = await Details();
        Assert.Equal((true, "The front is being drained."), ((bool)details["draining"]!, (string?)details["problem"]));
        using (var ready = await front.Http.GetAsync("/health/ready"))
            Assert.Equal((HttpStatusCode.ServiceUnavailable, "Unhealthy The front is being drained."), (ready.StatusCode, await ready.Content.ReadAsStringAsync()));
        Assert.Equal(HttpStatusCode.OK, (await front.Http.GetAsync("/health/live")).StatusCode);
        foreach (var (target, headers) in new[] { ($"/ws?user=alice-{tag}", s_upgrade), ($"/api/rooms/room-{tag}/events?user=carol-{tag}", ["Accept: text/event-stream"]) })
        {
            var refused = await RawHttp.Send(front.Address, "GET", target, (string?)null, headers);
            Assert.Equal((503, "unavailable"), (refused.Status, refused.Code));
            Assert.InRange(int.Parse(refused.Headers["retry-after"]), 1, 3);
        }
        Assert.Empty(await bob.Drain()); // of another front
        await using (var dave = await other.Connect($"dave-{tag}"))
            Assert.Empty(await dave.Drain());

        Assert.False((bool)(await Post(front, $"/api/fronts/{id}/undrain"))["draining"]!);
        await using var again = await front.Connect($"alice-{tag}");
        Assert.Empty(await again.Drain());
        Assert.Equal(HttpStatusCode.OK, (await front.Http.GetAsync("/health/ready")).StatusCode);
        details = await Details();
        Assert.Equal((1, false, false), ((int)details["connections"]!, (bool)details["draining"]!, details.ContainsKey("problem")));

        async Task<JsonObject> Details() =>
            (await other.Http.GetFromJsonAsync<JsonObject>("/api/fronts"))!["fronts"]!.AsArray().Single(item => (string?)item!["front"] == id)!.AsObject();
    }

    private static readonly string[] s_upgrade = ["Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="];

    private static async Task<JsonObject> Post(Front front, string path)
    {
        using var response = await front.Http.PostAsync(path, null);
        Assert.Equal(HttpStatusCode.OK, response.StatusCode);
        return (await response.Content.ReadFromJsonAsync<JsonObject>())!;
    }
}
