using System.Net;
using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Realtime.Grains;

namespace Realtime.WebFront.Tests;

/// <summary>Pages of what a room has said, and what becomes of positions that mean nothing.</summary>
[Collection(ClusterCollection.Name)]
public sealed class HistoryTests(Cluster cluster) : IAsyncLifetime
{
    private readonly string _room = "room-" + Guid.NewGuid().ToString("N");
    private Front _front = null!;
    private TestClient _alice = null!;

    public async ValueTask InitializeAsync()
    {
        _front = await cluster.StartFront();
        _alice = await _front.Connect("alice");
    }

    public async ValueTask DisposeAsync()
    {
        await _alice.DisposeAsync();
        await _front.DisposeAsync();
    }

    private IRoomGrain Room => cluster.Client.GetGrain<IRoomGrain>(_room);

    private async Task Say(int count, string content = "")
    {
        for (var i = 1; i <= count; i++)
            await Room.Broadcast(new RoomMessage { From = "bob", Content = content + i, Data = $"[{i}]" });
    }

    private async Task Pages(int[] expected, params (string Key, JsonNode Value)[] fields) => Assert.Equal(expected, Sequences(await History(fields)));

    private Task<JsonObject> History(params (string Key, JsonNode Value)[] fields)
    {
        var frame = new JsonObject { ["type"] = "history", ["room"] = _room };
        foreach (var (key, value) in fields)
            frame[key] = value;
        return _alice.Ask(frame);
    }

    private static int[] Sequences(JsonObject page) => [.. page["messages"]!.AsArray().Select(message => (int)message!["seq"]!)];

    [Fact]
    public async Task Pages_go_backwards_and_end_with_the_oldest()
    {
        await Say(7);
        var joined = await _alice.Join(_room);
        var newest = await History(("limit", 3));
        Assert.Equal(("history", _room, (string?)joined["epoch"], true), ((string?)newest["type"], (string?)newest["room"], (string?)newest["epoch"], (bool)newest["more"]!));
        Assert.Equal([5, 6, 7], Sequences(newest));
        await Pages([2, 3, 4], ("limit", 3), ("before", 5), ("epoch", (string)joined["epoch"]!));
        var last = await History(("limit", 3), ("before", 2));
        Assert.Equal([1], Sequences(last));
        Assert.False((bool)last["more"]!);
        var none = await History(("before", 1));
        Assert.Empty(Sequences(none));
        Assert.False((bool)none["more"]!);
        await Pages([1, 2, 3, 4, 5, 6, 7], ("before", 8));

        var message = newest["messages"]![2]!.AsObject();
        Assert.Equal(("message", _room, "bob", "7", "[7]", (string?)joined["epoch"]),
            ((string?)message["type"], (string?)message["room"], (string?)message["from"], (string?)message["content"], message["data"]!.ToJsonString(), (string?)message["epoch"]));
        Assert.True((long)message["timestamp"]! > 0);
    }

    [Fact]
    public async Task Http_gives_the_same_pages_also_to_who_is_not_in_the_room()
    {
        await Say(5);
        await Room.BroadcastText("plain \"text\"");
        await Room.BroadcastBinary([1, 2, 255]);
        var page = (await _front.Http.GetFromJsonAsync<JsonObject>($"/api/rooms/{_room}/messages?limit=3"))!;
        Assert.Equal([5, 6, 7], Sequences(page));
        Assert.True((bool)page["more"]!);
        Assert.Equal(("message", "bob", "5", "[5]"), ((string?)page["messages"]![0]!["type"], (string?)page["messages"]![0]!["from"], (string?)page["messages"]![0]!["content"], page["messages"]![0]!["data"]!.ToJsonString()));
        Assert.Equal(("text", "plain \"text\""), ((string?)page["messages"]![1]!["type"], (string?)page["messages"]![1]!["content"]));
        Assert.Equal(("binary", "AQL/"), ((string?)page["messages"]![2]!["type"], (string?)page["messages"]![2]!["data"]));
        page = (await _front.Http.GetFromJsonAsync<JsonObject>($"/api/rooms/{_room}/messages?before=5&epoch={page["epoch"]}"))!;
        Assert.Equal([1, 2, 3, 4], Sequences(page));
        Assert.False((bool)page["more"]!);

        await _alice.Join(_room);
        var frame = await History(("limit", 2));
        Assert.Equal(("text", "plain \"text\""), ((string?)frame["messages"]![0]!["type"], (string?)frame["messages"]![0]!["content"]));
        Assert.Equal(("binary", "AQL/"), ((string?)frame["messages"]![1]!["type"], (string?)frame["messages"]![1]!["data"]));
    }

    [Fact]
    public async Task A_page_of_large_messages_has_fewer_of_them()
    {
        await Say(10, new string('x', 60_000));
        await _alice.Join(_room);
        var page = await History();
        Assert.Equal([7, 8, 9, 10], Sequences(page)); // 4 times 60 KB are below 256 KiB
        Assert.True((bool)page["more"]!);
    }

    /// <summary>Joins with more fields, and expects the messages that come then, and the next one that is published.</summary>
    private async Task<JsonObject> JoinsAndGets(int[] expected, JsonObject fields)
    {
        (fields["type"], fields["room"]) = ("join", _room);
        await using var carl = await _front.Connect("carl" + Guid.NewGuid().ToString("N"));
        var joined = await carl.Ask(fields);
        Assert.Equal("joined", (string?)joined["type"]);
        await Room.Broadcast(new RoomMessage { From = "bob", Content = "live" });
        foreach (var sequence in expected)
            Assert.Equal(sequence, (int)(await carl.Receive("message"))["seq"]!);
        Assert.Equal("live", (string?)(await carl.Receive("message"))["content"]);
        return joined;
    }

    [Fact]
    public async Task A_join_brings_the_last_messages_and_then_what_is_live()
    {
        Assert.Equal(0, (int)(await JoinsAndGets([], new() { ["last"] = 2 }))["last"]!);
        await Say(4); // 2 to 5
        var joined = await JoinsAndGets([4, 5], new() { ["last"] = 2 });
        Assert.Equal((5, 2, false), ((int)joined["seq"]!, (int)joined["last"]!, joined.ContainsKey("recovered")));
        Assert.Equal(6, (int)(await JoinsAndGets([1, 2, 3, 4, 5, 6], new() { ["last"] = 100 }))["last"]!);
        Assert.False((await JoinsAndGets([], [])).ContainsKey("last"));
    }

    [Fact]
    public async Task Last_messages_come_only_when_the_position_cannot_be_resumed()
    {
        await Say(4);
        var epoch = (await Room.Describe()).Position.Epoch;
        var resumed = await JoinsAndGets([2, 3, 4], new() { ["epoch"] = epoch, ["seq"] = 1, ["last"] = 1 });
        Assert.Equal((true, false), ((bool)resumed["recovered"]!, resumed.ContainsKey("last")));
        var lost = await JoinsAndGets([4, 5], new() { ["epoch"] = "another", ["seq"] = 1, ["last"] = 2 });
        Assert.Equal((false, 2), ((bool)lost["recovered"]!, (int)lost["last"]!));
    }

    [Fact]
    public async Task Last_messages_that_are_large_are_fewer()
    {
        await Say(10, new string('x', 60_000));
        Assert.Equal(4, (int)(await JoinsAndGets([7, 8, 9, 10], new() { ["last"] = 10 }))["last"]!);
    }

    [Theory]
    [InlineData("0", "'last' is 0; it must be from 1 to 100.")]
    [InlineData("101", "'last' is 101; it must be from 1 to 100.")]
    [InlineData("-9223372036854775808", "it must be from 1 to 100.")]
    [InlineData("9223372036854775808", "'last' must be a whole number of at most 64 bits")]
    [InlineData("\"3\"", "'last' must be a whole number.")]
    [InlineData("null", "'last' must be a whole number.")]
    public async Task A_join_with_a_wrong_number_of_last_messages_is_refused(string last, string why)
    {
        var error = await _alice.Refused($$"""{"type":"join","room":"{{_room}}","last":{{last}}}""");
        Assert.Equal("bad_request", (string?)error["code"]);
        Assert.Contains(why, (string?)error["content"]);
    }

    [Theory]
    [InlineData("""{"type":"history","room":"ROOM","limit":0}""", "bad_request", "'limit' is 0; it must be from 1 to 100.")]
    [InlineData("""{"type":"history","room":"ROOM","limit":101}""", "bad_request", "'limit' is 101; it must be from 1 to 100.")]
    [InlineData("""{"type":"history","room":"ROOM","before":0}""", "bad_request", "'before' is 0; it must be 1 or more.")]
    [InlineData("""{"type":"history","room":"ROOM","before":"x"}""", "bad_request", "'before' must be a whole number.")]
    [InlineData("""{"type":"history","room":"ROOM","epoch":""}""", "bad_request", "'epoch' must have 1 to 128 characters.")]
    [InlineData("""{"type":"history","room":"ROOM","before":9}""", "position_invalid", "'before' is 9, and the room's last message is 2.")]
    [InlineData("""{"type":"history","room":"ROOM","epoch":"another"}""", "position_invalid", "positions of 'another' mean nothing in it.")]
    [InlineData("""{"type":"history"}""", "room_missing", "'room' is missing")]
    public async Task Bad_requests_for_history_are_refused(string request, string code, string why)
    {
        await Say(2);
        await _alice.Join(_room);
        var error = await _alice.Refused(request.Replace("ROOM", _room));
        Assert.Equal(code, (string?)error["code"]);
        Assert.Contains(why, (string?)error["content"]);
    }

    [Theory]
    [InlineData("limit=0", "bad_request")]
    [InlineData("limit=101", "bad_request")]
    [InlineData("before=0", "bad_request")]
    [InlineData("before=x", "bad_request")]
    [InlineData("before=9", "position_invalid")]
    [InlineData("epoch=another", "position_invalid")]
    public async Task Bad_requests_for_history_are_refused_over_http(string query, string code)
    {
        await Say(2);
        using var response = await _front.Http.GetAsync($"/api/rooms/{_room}/messages?{query}");
        Assert.Equal(HttpStatusCode.BadRequest, response.StatusCode);
        Assert.Equal(code, (string?)(await response.Content.ReadFromJsonAsync<JsonObject>())!["code"]);
    }

    [Theory]
    [InlineData(3)] // the future
    [InlineData(long.MaxValue)]
    public async Task A_join_from_the_future_is_not_recovered(long sequence)
    {
        await Say(2);
        var epoch = (await Room.Describe()).Position.Epoch;
        await NotRecovered(epoch, sequence, at: 2);
    }

    [Fact]
    public async Task A_join_with_a_position_of_another_room_or_epoch_is_not_recovered()
    {
        await Say(2);
        var other = await cluster.Client.GetGrain<IRoomGrain>(_room + "2").Broadcast(new RoomMessage { Content = "x" });
        await NotRecovered(other.Epoch, 1, at: 2);
    }

    [Fact]
    public async Task Who_missed_more_than_may_be_given_at_once_is_not_recovered_and_stays()
    {
        await using var front = await cluster.StartFront(settings: [("Front:MaxResumeBytes", "65536")]);
        await Say(10, new string('x', 20_000));
        var epoch = (await Room.Describe()).Position.Epoch;
        await using var late = await front.Connect("late");
        var joined = await late.Ask(new JsonObject { ["type"] = "join", ["room"] = _room, ["epoch"] = epoch, ["seq"] = 0 });
        Assert.Equal((false, 10), ((bool)joined["recovered"]!, (int)joined["seq"]!));
        Assert.Empty(await late.Drain());
        await using var later = await front.Connect("later");
        joined = await later.Ask(new JsonObject { ["type"] = "join", ["room"] = _room, ["epoch"] = epoch, ["seq"] = 7 });
        Assert.True((bool)joined["recovered"]!);
        Assert.Equal([8, 9, 10], (await later.Drain()).Select(message => (int)message["seq"]!));
    }

    [Fact]
    public async Task All_that_a_room_retains_is_resumed_at_once()
    {
        await Say(300);
        var joined = await _alice.Ask(new JsonObject { ["type"] = "join", ["room"] = _room, ["epoch"] = (await Room.Describe()).Position.Epoch, ["seq"] = 0 });
        Assert.True((bool)joined["recovered"]!);
        await Room.Broadcast(new RoomMessage { Content = "live" });
        for (var i = 1; i <= 301; i++)
            Assert.Equal(i, (int)(await _alice.Receive("message"))["seq"]!);
    }

    private async Task NotRecovered(string epoch, long sequence, long at)
    {
        var joined = await _alice.Ask(new JsonObject { ["type"] = "join", ["room"] = _room, ["epoch"] = epoch, ["seq"] = sequence });
        Assert.Equal(("joined", false, at), ((string?)joined["type"], (bool)joined["recovered"]!, (long)joined["seq"]!));
        Assert.Empty(await _alice.Drain());
        await Room.Broadcast(new RoomMessage { Content = "live" });
        Assert.Equal(at + 1, (long)(await _alice.Receive("message"))["seq"]!);
    }
}
