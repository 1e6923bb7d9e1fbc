using System.Text.Json.Nodes;
using Realtime.Grains;
using Realtime.WebFront.Tests.Access;

namespace Realtime.WebFront.Tests;

/// <summary>A front gives a command up that the room has carried out: both come to agree on who is in the room.</summary>
[Collection(ClusterCollection.Name)]
public sealed class LostAnswerTests(Cluster cluster)
{
    private readonly string _room = $"lost answers {Guid.NewGuid():N}";

    [Fact]
    public async Task Who_was_told_that_the_leave_has_failed_goes_on_to_get_all_messages()
    {
        await using var front = await Front.Start(LostAnswers.Of<LeaveCommand>(cluster.Client), null, []);
        await using var alice = await front.Connect($"alice {_room}");
        await alice.Join(_room);
        var error = await alice.Ask(new JsonObject { ["type"] = "leave", ["room"] = _room });
        Assert.Equal("unavailable", (string?)error["code"]);
        await cluster.Client.GetGrain<IRoomGrain>(_room).Broadcast(new RoomMessage { Content = "1" }); // the room has nobody
        await cluster.Client.GetGrain<IRoomGrain>(_room).Broadcast(new RoomMessage { Content = "2" });
        Assert.Equal("1", (string?)(await alice.Receive("message"))["content"]);
        Assert.Equal("2", (string?)(await alice.Receive("message"))["content"]);
        Assert.Equal("left", (string?)(await alice.Ask(new JsonObject { ["type"] = "leave", ["room"] = _room }))["type"]);
        Assert.Equal(0, (await cluster.Client.GetGrain<IRoomGrain>(_room).Describe()).Connections);
    }

    [Fact]
    public async Task Who_was_told_that_the_join_has_failed_is_not_in_the_room()
    {
        await using var front = await Front.Start(LostAnswers.Of<JoinCommand>(cluster.Client), null, []);
        await using var other = await cluster.StartFront();
        await using var bob = await other.Connect($"bob {_room}");
        await bob.Join(_room);
        await using var alice = await front.Connect($"alice {_room}");
        var error = await alice.Ask(new JsonObject { ["type"] = "join", ["room"] = _room });
        Assert.Equal("unavailable", (string?)error["code"]);
        var came = await bob.Receive();
        var went = await bob.Receive();
        Assert.Equal(("join", $"alice {_room}", "leave", $"alice {_room}"),
            ((string?)came["type"], (string?)came["from"], (string?)went["type"], (string?)went["from"]));
        Assert.Equal(1, (await cluster.Client.GetGrain<IRoomGrain>(_room).Describe()).Connections);
        await alice.Join(_room);
    }

    [Fact]
    public async Task Who_goes_while_the_answer_to_the_leave_is_lost_is_not_in_the_room()
    {
        await using var front = await Front.Start(LostAnswers.Of<LeaveCommand>(cluster.Client), null, []);
        await using (var alice = await front.Connect($"alice {_room}"))
        {
            await alice.Join(_room);
            await alice.Close();
        }
        await using var bob = await front.Connect($"bob {_room}");
        Assert.Equal("joined", (string?)(await bob.Join(_room))["type"]);
        await Asking.Until(async () => (await cluster.Client.GetGrain<IRoomGrain>(_room).Describe()).Connections == 1);
    }
}
