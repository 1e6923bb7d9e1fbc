using System.Net.Http.Json;
using System.Text.Json.Nodes;
using Realtime.Grains;

namespace Realtime.WebFront.Tests;

/// <summary>Direct messages that are numbered and kept: what the devices of a user get of them, and what those do that know nothing of it.</summary>
[Collection(ClusterCollection.Name)]
public sealed class InboxTests(Cluster cluster) : IAsyncLifetime
{
    private readonly string _bob = $"bob-{Guid.NewGuid():N}";
    private Front _front = null!;

    public async ValueTask InitializeAsync() => _front = await cluster.StartFront();

    public async ValueTask DisposeAsync() => await _front.DisposeAsync();

    [Fact]
    public async Task What_comes_while_a_user_is_away_is_there_when_he_comes_back()
    {
        await using var alice = await _front.Connect("alice");
        string epoch;
        await using (var device = await _front.Connect(_bob))
        {
            var opened = await Inbox(device);
            Assert.Equal(("inbox", 0), ((string?)opened["type"], (int)opened["seq"]!));
            Assert.False(opened.ContainsKey("recovered"));
            epoch = (string)opened["epoch"]!;
            Assert.Equal((1, epoch, 1), Ack(await Send(alice, "m1")));
            AssertKept(await device.Receive("message"), epoch, 1);
            await device.Close();
        }
        await Gone(_bob);
        for (var n = 2; n <= 4; n++)
            Assert.Equal((0, epoch, n), Ack(await Send(alice, $"m{n}")));
        Assert.Equal(5, (await cluster.Client.GetGrain<IUserGrain>(_bob).Deliver(new RoomMessage { From = "billing", Content = "m5" })).Kept!.Value.Sequence);
        using var posted = await _front.Http.PostAsJsonAsync($"/api/users/{_bob}/messages", new { content = "m6", id = "k" });
        var receipt = (await posted.Content.ReadFromJsonAsync<JsonObject>())!;
        Assert.Equal((0, epoch, 6, true), ((int)receipt["connections"]!, (string?)receipt["epoch"], (int)receipt["seq"]!, receipt.ContainsKey("timestamp")));

        await using var back = await _front.Connect(_bob);
        var resumed = await Inbox(back, epoch, 1);
        Assert.Equal((true, epoch, 6), ((bool)resumed["recovered"]!, (string?)resumed["epoch"], (int)resumed["seq"]!));
        for (var n = 2; n <= 6; n++)
            AssertKept(await back.Receive("message"), epoch, n, n == 5 ? "billing" : n == 6 ? null : "alice");
        Assert.Equal((1, epoch, 7), Ack(await Send(alice, "m7")));
        AssertKept(await back.Receive("message"), epoch, 7);
        Assert.Empty(await back.Drain());
    }

    [Fact]
    public async Task Each_device_goes_on_from_its_own_position_and_those_that_did_not_ask_get_each_message_once()
    {
        await using var other = await cluster.StartFront();
        await using var alice = await _front.Connect("alice");
        await using var phone = await _front.Connect(_bob);
        await using var desk = await other.Connect(_bob);
        await using var plainHere = await _front.Connect(_bob);
        await using var plainThere = await other.Connect(_bob);
        var epoch = (string)(await Inbox(phone))["epoch"]!;
        Assert.Equal((4, epoch, 1), Ack(await Send(alice, "m1"))); // the other front has nobody in the inbox
        Assert.Equal((4, epoch, 2), Ack(await Send(alice, "m2")));
        foreach (var device in new[] { phone, desk, plainHere, plainThere })
        {
            Assert.Equal("m1", (string?)(await device.Receive("message"))["content"]);
            Assert.Equal("m2", (string?)(await device.Receive("message"))["content"]);
        }
        Assert.Equal(2, (int)(await Inbox(desk))["seq"]!);
        for (var n = 3; n <= 5; n++)
            Assert.Equal((4, epoch, n), Ack(await Send(alice, $"m{n}")));
        foreach (var device in new[] { phone, desk, plainHere, plainThere })
        {
            for (var n = 3; n <= 5; n++)
                Assert.Equal(($"m{n}", _bob), ((string?)(await device.Receive("message"))["content"], (string?)null ?? _bob));
            Assert.Empty(await device.Drain());
        }
        await using var phone2 = await other.Connect(_bob);
        await using var desk2 = await _front.Connect(_bob);
        Assert.True((bool)(await Inbox(phone2, epoch, 3))["recovered"]!);
        Assert.True((bool)(await Inbox(desk2, epoch, 5))["recovered"]!);
        AssertKept(await phone2.Receive("message"), epoch, 4);
        AssertKept(await phone2.Receive("message"), epoch, 5);
        Assert.Empty(await phone2.Drain());
        Assert.Empty(await desk2.Drain());
    }

    [Fact]
    public async Task A_repeat_under_the_same_id_gets_the_first_ack_and_is_delivered_once()
    {
        await using var alice = await _front.Connect("alice");
        await using var carl = await _front.Connect("carl");
        await using var device = await _front.Connect(_bob);
        await using var plain = await _front.Connect(_bob);
        var epoch = (string)(await Inbox(device))["epoch"]!;
        Assert.Equal((2, epoch, 1), Ack(await Send(alice, "m1", "same")));
        Assert.Equal((2, epoch, 1), Ack(await Send(alice, "m1", "same")));
        var conflict = await Send(alice, "other", "same");
        Assert.Equal(("error", "id_conflict"), ((string?)conflict["type"], (string?)conflict["code"]));
        Assert.Equal((2, epoch, 2), Ack(await Send(carl, "m2", "same"))); // another sender's id
        foreach (var client in new[] { device, plain })
        {
            Assert.Equal("m1", (string?)(await client.Receive("message"))["content"]);
            Assert.Equal("m2", (string?)(await client.Receive("message"))["content"]);
            Assert.Empty(await client.Drain());
        }
        using var first = await _front.Http.PostAsJsonAsync($"/api/users/{_bob}/messages", new { content = "m3", id = "key" });
        using var again = await _front.Http.PostAsJsonAsync($"/api/users/{_bob}/messages", new { content = "m3", id = "key" });
        Assert.Equal(await first.Content.ReadAsStringAsync(), await again.Content.ReadAsStringAsync());
        using var wrong = await _front.Http.PostAsJsonAsync($"/api/users/{_bob}/messages", new { content = "m4", id = "key" });
        Assert.Equal(409, (int)wrong.StatusCode);
    }

    [Fact]
    public async Task Who_comes_back_after_more_than_is_kept_is_told_and_gets_nothing_of_it()
    {
        await using var alice = await _front.Connect("alice");
        await using var first = await _front.Connect(_bob);
        var epoch = (string)(await Inbox(first))["epoch"]!;
        for (var n = 1; n <= 101; n++) // one more than Inbox:Messages
            await Send(alice, $"m{n}");
        await using var late = await _front.Connect(_bob);
        var lost = await Inbox(late, epoch, 0);
        Assert.Equal((false, 101), ((bool)lost["recovered"]!, (int)lost["seq"]!));
        await using var elsewhere = await _front.Connect(_bob);
        Assert.False((bool)(await Inbox(elsewhere, "another", 5))["recovered"]!);
        await using var future = await _front.Connect(_bob);
        Assert.False((bool)(await Inbox(future, epoch, 102))["recovered"]!);
        await using var inTime = await _front.Connect(_bob);
        Assert.True((bool)(await Inbox(inTime, epoch, 1))["recovered"]!);
        for (var n = 2; n <= 101; n++)
            AssertKept(await inTime.Receive("message"), epoch, n);
        await Send(alice, "m102");
        foreach (var device in new[] { late, elsewhere, future, inTime })
        {
            AssertKept(await device.Receive("message"), epoch, 102);
            Assert.Empty(await device.Drain());
        }
    }

    [Fact]
    public async Task Who_has_no_inbox_lives_as_before_and_has_one_from_the_moment_of_the_answer()
    {
        await using var alice = await _front.Connect("alice");
        await using var device = await _front.Connect(_bob);
        for (var n = 1; n <= 2; n++)
        {
            var ack = await Send(alice, "m", "same id"); // nothing deduplicates it
            Assert.Equal((1, false, false), ((int)ack["connections"]!, ack.ContainsKey("epoch"), ack.ContainsKey("seq")));
            Assert.False((await device.Receive("message")).ContainsKey("seq"));
        }
        await Inbox(device);
        Assert.Equal(1, (int)(await Send(alice, "kept"))["seq"]!);
        Assert.Equal(1, (int)(await device.Receive("message"))["seq"]!);
        // It is nobody's room: not listed, not counted, not named.
        Assert.DoesNotContain("inbox", await _front.Http.GetStringAsync("/api/rooms"), StringComparison.Ordinal);
        Assert.DoesNotContain("inbox", await _front.Http.GetStringAsync($"/api/users/{_bob}"), StringComparison.Ordinal);
        Assert.DoesNotContain("inbox", await _front.Http.GetStringAsync("/api/connections"), StringComparison.Ordinal);
        foreach (var type in new[] { "join", "message", "leave", "members", "history" })
            Assert.Equal("name_invalid", (string?)(await device.Refused($$"""{"type":"{{type}}","room":" inbox:{{_bob}}","content":"x"}"""))["code"]);
        using var posted = await _front.Http.PostAsJsonAsync($"/api/rooms/%20inbox%3A{_bob}/messages", new { content = "x" });
        Assert.Equal(400, (int)posted.StatusCode);
        await Assert.ThrowsAsync<RequestException>(() => cluster.Client.GetGrain<IRoomGrain>($" inbox:{_bob}").Broadcast(new RoomMessage { Content = "x" }));
        Assert.Empty(await device.Drain());
    }

    [Fact]
    public async Task Wrong_questions_for_an_inbox_are_refused_with_what_is_allowed()
    {
        await using var device = await _front.Connect(_bob);
        await Refused("""{"type":"inbox","id":"1","seq":1}""", "bad_request", "'epoch' and 'seq' together");
        await Refused("""{"type":"inbox","id":"1","epoch":"e"}""", "bad_request", "'epoch' and 'seq' together");
        await Refused("""{"type":"inbox","id":"1","epoch":"e","seq":-1}""", "bad_request", "0 or more");
        await Refused("""{"type":"inbox","id":"1","epoch":"","seq":1}""", "bad_request", "'epoch'");
        await Refused("""{"type":"inbox","id":"1","epoch":7,"seq":1}""", "bad_request", "'epoch' must be a string");
        await Refused("""{"type":"inbox","id":"1","epoch":"e","seq":1.5}""", "bad_request", "whole number");
        await device.Send("""{"type":"inbox","id":"2","room":"passed over"}""");
        await Refused("""{"type":"inbox","id":"3"}""", "already_joined", "already"); // also before the answer
        var rest = await device.Drain();
        Assert.True(rest.Count <= 1);

        async Task Refused(string frame, string code, string words)
        {
            await device.Send(frame);
            JsonObject answer;
            do
                answer = await device.Receive();
            while ((string?)answer["type"] == "inbox");
            Assert.Equal(("error", code), ((string?)answer["type"], (string?)answer["code"]));
            Assert.Contains(words, (string?)answer["content"]);
        }
    }

    private static async Task<JsonObject> Inbox(TestClient device, string? epoch = null, long seq = 0)
    {
        var frame = new JsonObject { ["type"] = "inbox" };
        if (epoch is not null)
            (frame["epoch"], frame["seq"]) = (epoch, seq);
        var answer = await device.Ask(frame);
        Assert.True((string?)answer["type"] == "inbox", answer.ToJsonString());
        return answer;
    }

    private Task<JsonObject> Send(TestClient client, string content, string? id = null) =>
        client.Ask(new JsonObject { ["type"] = "message", ["to"] = _bob, ["content"] = content }, id: id);

    private static (int Connections, string? Epoch, int Seq) Ack(JsonObject ack)
    {
        Assert.True((string?)ack["type"] == "ack", ack.ToJsonString());
        return ((int)ack["connections"]!, (string?)ack["epoch"], (int)ack["seq"]!);
    }

    private void AssertKept(JsonObject message, string epoch, int seq, string? from = "alice") =>
        Assert.Equal((_bob, from, $"m{seq}", epoch, seq),
            ((string?)message["to"], (string?)message["from"], (string?)message["content"], (string?)message["epoch"], (int)message["seq"]!));

    /// <summary>The user has no connection any more, and the cluster knows.</summary>
    private async Task Gone(string user)
    {
        using var bound = new CancellationTokenSource(TestClient.Bound);
        while ((await cluster.Client.GetGrain<IUserGrain>(user).Describe()).Connections.Length > 0)
            await Task.Delay(10, bound.Token);
    }
}
