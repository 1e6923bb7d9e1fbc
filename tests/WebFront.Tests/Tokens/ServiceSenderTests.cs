using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Realtime.Grains;

namespace Realtime.WebFront.Tests.Tokens;

/// <summary>A user named billing and the service billing are two.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ServiceSenderTests(Cluster cluster)
{
    private readonly string _room = $"senders {Guid.NewGuid():N}";
    private readonly string _reader = $"reader-{Guid.NewGuid():N}";

    [Fact]
    public async Task What_a_service_sends_is_marked_wherever_it_is_read()
    {
        await using var front = await cluster.StartFront();
        await using var reader = await front.Connect(_reader);
        await using var user = await front.Connect("billing");
        await reader.Join(_room);
        await user.Join(_room);
        await user.Ask(new JsonObject { ["type"] = "message", ["room"] = _room, ["content"] = "user", ["data"] = new JsonObject { ["service"] = true } }, _ => { });
        await cluster.Client.GetGrain<IRoomGrain>(_room).Broadcast(new RoomMessage { From = "billing", Content = "grain" });
        using var posted = await front.Http.PostAsJsonAsync($"/api/rooms/{Uri.EscapeDataString(_room)}/messages", new { from = "billing", content = "http" });
        foreach (var (content, isService) in new[] { ("user", false), ("grain", true), ("http", true) })
            AssertMark(await reader.Receive("message"), content, isService);

        await user.Ask(new JsonObject { ["type"] = "message", ["to"] = _reader, ["content"] = "user" }, _ => { });
        AssertMark(await reader.Receive("message"), "user", false);
        await cluster.Client.GetGrain<IUserGrain>(_reader).Send(new RoomMessage { From = "billing", Content = "grain" });
        AssertMark(await reader.Receive("message"), "grain", true);

        var page = (await reader.Ask(new JsonObject { ["type"] = "history", ["room"] = _room }))["messages"]!.AsArray();
        var http = (await front.Http.GetFromJsonAsync<JsonObject>($"/api/rooms/{Uri.EscapeDataString(_room)}/messages"))!["messages"]!.AsArray();
        foreach (var messages in new[] { page, http })
            Assert.Equal([false, true, true], messages.Select(message => message!.AsObject().ContainsKey("service")));
    }

    [Fact]
    public async Task Ids_of_a_service_are_its_own()
    {
        await using var front = await cluster.StartFront();
        await using var user = await front.Connect("billing");
        await user.Join(_room);
        var room = cluster.Client.GetGrain<IRoomGrain>(_room);
        var first = await user.Ask(new JsonObject { ["type"] = "message", ["room"] = _room, ["content"] = "user" }, _ => { }, id: "same");
        var second = await room.Broadcast(new RoomMessage { From = "billing", Content = "service", Id = "same" });
        Assert.Equal((1, 2), ((int)first["seq"]!, second.Sequence));
        Assert.Equal(second, await room.Broadcast(new RoomMessage { From = "billing", Content = "service", Id = "same" }));
    }

    private static void AssertMark(JsonObject message, string content, bool isService) =>
        Assert.Equal((content, "billing", isService ? true : null), ((string?)message["content"], (string?)message["from"], (bool?)message["service"]));
}
