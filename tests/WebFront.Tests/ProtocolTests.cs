using System.Diagnostics.Metrics;
using System.Net;
using System.Net.Http.Json;
using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;

namespace Realtime.WebFront.Tests;

/// <summary>The wire protocol through two fronts of one cluster, with real sockets.</summary>
[Collection(ClusterCollection.Name)]
public sealed class ProtocolTests(Cluster cluster) : IAsyncLifetime
{
    private readonly string _room = "room " + Guid.NewGuid().ToString("N");
    private readonly string _tag = Guid.NewGuid().ToString("N")[..8];
    private Front _one = null!;
    private Front _two = null!;

    private string Alice => "alice-" + _tag;

    private string Bob => "bob-" + _tag;

    public async ValueTask InitializeAsync() => (_one, _two) = (await cluster.StartFront(), await cluster.StartFront());

    public async ValueTask DisposeAsync()
    {
        await _one.DisposeAsync();
        await _two.DisposeAsync();
    }

    private JsonObject Say(string content) => new() { ["type"] = "message", ["room"] = _room, ["content"] = content };

    [Fact]
    public async Task Members_on_two_fronts_see_every_message_once_and_in_one_order()
    {
        await using var alice = await _one.Connect(Alice);
        await using var bob = await _two.Connect(Bob);
        var joined = await alice.Join(_room);
        Assert.Equal(0, (long)joined["seq"]!);
        Assert.Equal(1, (int)joined["members"]!);
        Assert.False(joined.ContainsKey("recovered"));
        joined = await bob.Join(_room);
        Assert.Equal(2, (int)joined["members"]!);
        var epoch = (string)joined["epoch"]!;

        const int each = 100;
        var sending = Task.WhenAll(SendAll(alice, "a"), SendAll(bob, "b"));
        var (seenByAlice, seenByBob) = (await ReadAll(alice), await ReadAll(bob));
        await sending;

        Assert.Equal(seenByAlice, seenByBob);
        Assert.Equal(Enumerable.Range(1, 2 * each).Select(i => (long)i), seenByAlice.Select(message => message.Sequence));
        // What one sender said is in that sender's order.
        foreach (var (user, letter) in new[] { (Alice, "a"), (Bob, "b") })
            Assert.Equal(Enumerable.Range(0, each).Select(i => letter + i), seenByAlice.Where(message => message.From == user).Select(message => message.Content));

        async Task SendAll(TestClient client, string letter)
        {
            for (var i = 0; i < each; i++)
                await client.Send(Say(letter + i).ToJsonString());
        }

        async Task<List<(long Sequence, string From, string Content)>> ReadAll(TestClient client)
        {
            var seen = new List<(long, string, string)>();
            while (seen.Count < 2 * each)
            {
                var message = await client.Receive("message");
                Assert.Equal(epoch, (string?)message["epoch"]);
                Assert.Equal(_room, (string?)message["room"]);
                Assert.InRange((long)message["timestamp"]!, 1_700_000_000_000, 10_000_000_000_000);
                seen.Add(((long)message["seq"]!, (string)message["from"]!, (string)message["content"]!));
            }
            return seen;
        }
    }

    [Fact]
    public async Task A_publish_with_an_id_is_acknowledged_with_its_position()
    {
        await using var alice = await _one.Connect(Alice);
        await alice.Join(_room);
        var messages = new List<JsonObject>();
        var ack = await alice.Ask(Say("hi"), messages.Add);
        Assert.Equal("ack", (string?)ack["type"]);
        Assert.Equal(_room, (string?)ack["room"]);
        Assert.Equal(1, (long)ack["seq"]!);
        messages.AddRange(await DrainMessages(alice, 1 - messages.Count(message => (string?)message["type"] == "message")));
        var message = Assert.Single(messages, item => (string?)item["type"] == "message");
        Assert.Equal((string?)ack["epoch"], (string?)message["epoch"]);
    }

    private static async Task<List<JsonObject>> DrainMessages(TestClient client, int count)
    {
        var messages = new List<JsonObject>();
        while (messages.Count < count)
            messages.Add(await client.Receive("message"));
        return messages;
    }

    [Fact]
    public async Task Content_and_data_arrive_as_they_were_sent()
    {
        await using var alice = await _one.Connect(Alice);
        await using var bob = await _two.Connect(Bob);
        await alice.Join(_room);
        await bob.Join(_room);
        const string content = "quotes \" \\ \n tab\t ünïcode 😀 <script> \u0001 end";
        var data = JsonNode.Parse("""{"n":1.50,"deep":[[{"a":null}],"\u00e4\ud83d\ude00"],"e":{}}""")!;
        var frame = Say(content);
        frame["data"] = data.DeepClone();
        await alice.Send(frame.ToJsonString());
        var message = await bob.Receive("message");
        Assert.Equal(content, (string?)message["content"]);
        Assert.True(JsonNode.DeepEquals(data, message["data"]));
        Assert.Equal(Alice, (string?)message["from"]);
    }

    [Fact]
    public async Task Presence_is_by_user()
    {
        await using var alice = await _one.Connect(Alice);
        await alice.Join(_room);
        await using (var bob = await _two.Connect(Bob))
        {
            await bob.Join(_room);
            var join = await alice.Receive();
            Assert.Equal(("join", Bob, _room), ((string?)join["type"], (string?)join["from"], (string?)join["room"]));

            await using var secondTab = await _one.Connect(Bob);
            Assert.Equal(2, (int)(await secondTab.Join(_room))["members"]!);
            await secondTab.Ask(new JsonObject { ["type"] = "leave", ["room"] = _room });
            Assert.Empty(await alice.Drain());
            await bob.Close();
        }
        var leave = await alice.Receive();
        Assert.Equal(("leave", Bob), ((string?)leave["type"], (string?)leave["from"]));
    }

    [Fact]
    public async Task Nobody_is_told_of_ones_own_coming()
    {
        await using var alice = await _one.Connect(Alice);
        await alice.Join(_room);
        await alice.Send(Say("after").ToJsonString());
        // The event of the own join was on the stream before this message.
        Assert.Equal("message", (string?)(await alice.Receive())["type"]);
    }

    [Fact]
    public async Task A_direct_message_reaches_all_devices_and_nobody_else()
    {
        await using var alice = await _one.Connect(Alice);
        await using var phone = await _one.Connect(Bob);
        await using var laptop = await _two.Connect(Bob);
        var ack = await alice.Ask(new JsonObject { ["type"] = "message", ["to"] = Bob, ["content"] = "psst" });
        Assert.Equal(("ack", 2), ((string?)ack["type"], (int)ack["connections"]!));
        foreach (var device in new[] { phone, laptop })
        {
            var message = await device.Receive("message");
            Assert.Equal((Alice, Bob, "psst"), ((string?)message["from"], (string?)message["to"], (string?)message["content"]));
        }
        Assert.Empty(await alice.Drain());

        ack = await alice.Ask(new JsonObject { ["type"] = "message", ["to"] = "nobody-" + _tag, ["content"] = "psst" });
        Assert.Equal(0, (int)ack["connections"]!);
    }

    [Fact]
    public async Task Members_come_in_pages()
    {
        var clients = new List<TestClient>();
        foreach (var name in new[] { "c", "a", "b" })
        {
            clients.Add(await _one.Connect($"{name}-{_tag}"));
            await clients[^1].Join(_room);
        }
        var page = await clients[2].Ask(new JsonObject { ["type"] = "members", ["room"] = _room, ["limit"] = 2 });
        Assert.Equal(3, (int)page["members"]!);
        Assert.Equal([$"a-{_tag}", $"b-{_tag}"], page["users"]!.AsArray().Select(user => (string?)user));
        page = await clients[2].Ask(new JsonObject { ["type"] = "members", ["room"] = _room, ["after"] = (string)page["next"]! });
        Assert.Equal([$"c-{_tag}"], page["users"]!.AsArray().Select(user => (string?)user));
        Assert.False(page.ContainsKey("next"));
        foreach (var client in clients)
            await client.DisposeAsync();
    }

    [Fact]
    public async Task A_client_that_comes_back_resumes_where_it_was()
    {
        await using var alice = await _one.Connect(Alice);
        await alice.Join(_room);
        string epoch;
        await using (var bob = await _one.Connect(Bob))
        {
            await bob.Join(_room);
            await alice.Send(Say("seen").ToJsonString());
            epoch = (string)(await bob.Receive("message"))["epoch"]!;
            await bob.Close();
        }
        for (var i = 0; i < 50; i++)
            Assert.Equal("ack", (string?)(await alice.Ask(Say("missed" + i)))["type"]);

        await using var back = await _two.Connect(Bob);
        var joined = await back.Ask(new JsonObject { ["type"] = "join", ["room"] = _room, ["epoch"] = epoch, ["seq"] = 1 });
        Assert.True((bool)joined["recovered"]!);
        Assert.Equal(51, (long)joined["seq"]!);
        await alice.Send(Say("live").ToJsonString());
        for (var seq = 2; seq <= 52; seq++)
            Assert.Equal(seq, (long)(await back.Receive("message"))["seq"]!);

        await using var lost = await _two.Connect("carl-" + _tag);
        joined = await lost.Ask(new JsonObject { ["type"] = "join", ["room"] = _room, ["epoch"] = "other", ["seq"] = 1 });
        Assert.False((bool)joined["recovered"]!);
        Assert.DoesNotContain(await lost.Drain(), frame => (string?)frame["type"] == "message");
    }

    [Fact]
    public async Task A_repeated_publish_id_is_not_delivered_twice()
    {
        await using var alice = await _one.Connect(Alice);
        await using var bob = await _two.Connect(Bob);
        await alice.Join(_room);
        await bob.Join(_room);
        const string frame = """{"type":"message","id":"once","room":"$","content":"x"}""";
        await alice.Send(frame.Replace("$", _room));
        await alice.Send(frame.Replace("$", _room));
        var acks = new List<JsonObject>();
        while (acks.Count < 2)
        {
            var answer = await alice.Receive();
            if ((string?)answer["type"] == "ack")
                acks.Add(answer);
        }
        Assert.True(JsonNode.DeepEquals(acks[0], acks[1]));
        await alice.Send(Say("next").ToJsonString());
        Assert.Equal("x", (string?)(await bob.Receive("message"))["content"]);
        Assert.Equal("next", (string?)(await bob.Receive("message"))["content"]);
        await alice.Send(frame.Replace("$", _room).Replace("\"x\"", "\"y\""));
        var conflict = await alice.Receive();
        while ((string?)conflict["type"] != "error")
            conflict = await alice.Receive();
        Assert.Equal("id_conflict", (string?)conflict["code"]);
    }

    [Fact]
    public async Task Ping_is_answered_and_the_subprotocol_agreed()
    {
        await using var alice = await TestClient.Connect(
            new Uri($"ws://{_one.Address.Authority}/ws?user={Alice}"), options => options.AddSubProtocol("realtime.json.v1"));
        Assert.Equal("realtime.json.v1", alice.Subprotocol);
        var pong = await alice.Ask(new JsonObject { ["type"] = "ping" });
        Assert.Equal("pong", (string?)pong["type"]);
        Assert.InRange((long)pong["timestamp"]!, 1_700_000_000_000, 10_000_000_000_000);
    }

    [Theory]
    [InlineData("not json", "bad_request")]
    [InlineData("[1]", "bad_request")]
    [InlineData("7", "bad_request")]
    [InlineData("", "bad_request")]
    [InlineData("{}", "bad_request")]
    [InlineData("{\"type\":\"ping\"} x", "bad_request")]
    [InlineData("{\"type\":7}", "bad_request")]
    [InlineData("{\"type\":\"dance\"}", "unknown_type")]
    [InlineData("{\"type\":\"join\"}", "room_missing")]
    [InlineData("{\"type\":\"join\",\"room\":\"\"}", "room_missing")]
    [InlineData("{\"type\":\"join\",\"room\":7}", "bad_request")]
    [InlineData("{\"type\":\"join\",\"room\":null}", "bad_request")]
    [InlineData("{\"type\":\"join\",\"room\":\"a\\u0000b\"}", "name_invalid")]
    [InlineData("{\"type\":\"join\",\"room\":\"\\ud800\"}", "bad_request")]
    [InlineData("{\"type\":\"join\",\"room\":\"r\",\"seq\":1}", "bad_request")]
    [InlineData("{\"type\":\"join\",\"room\":\"r\",\"epoch\":\"e\",\"seq\":-1}", "bad_request")]
    [InlineData("{\"type\":\"join\",\"room\":\"r\",\"epoch\":\"e\",\"seq\":1.5}", "bad_request")]
    [InlineData("{\"type\":\"leave\",\"room\":\"never joined\"}", "not_joined")]
    [InlineData("{\"type\":\"message\",\"room\":\"never joined\",\"content\":\"x\"}", "not_joined")]
    [InlineData("{\"type\":\"message\",\"content\":\"x\"}", "room_missing")]
    [InlineData("{\"type\":\"message\",\"to\":\"\",\"content\":\"x\"}", "name_invalid")]
    [InlineData("{\"type\":\"message\",\"to\":\"bob\"}", "bad_request")]
    [InlineData("{\"type\":\"message\",\"to\":\"bob\",\"room\":\"r\",\"content\":\"x\"}", "bad_request")]
    [InlineData("{\"type\":\"message\",\"to\":\"bob\",\"content\":7}", "bad_request")]
    [InlineData("{\"type\":\"message\",\"to\":\"bob\",\"content\":\"\\udc00\"}", "bad_request")]
    [InlineData("{\"type\":\"message\",\"to\":\"bob\",\"data\":{\"a\":[\"\\udc00\"]}}", "bad_request")]
    [InlineData("{\"type\":\"message\",\"to\":\"bob\",\"data\":{\"a\":}}", "bad_request")]
    [InlineData("{\"type\":\"members\",\"room\":\"r\",\"limit\":0}", "bad_request")]
    [InlineData("{\"type\":\"members\",\"room\":\"r\",\"limit\":1001}", "bad_request")]
    public async Task Wrong_frames_get_an_error_and_the_connection_stays(string frame, string code)
    {
        await using var alice = await _one.Connect(Alice);
        var error = await alice.Refused(frame);
        Assert.Equal(code, (string?)error["code"]);
        Assert.NotEmpty((string)error["content"]!);
        Assert.Empty(await alice.Drain());
    }

    [Fact]
    public async Task An_error_names_the_frame_that_it_answers()
    {
        await using var alice = await _one.Connect(Alice);
        var error = await alice.Refused("""{"type":"leave","id":"7","room":"nowhere"}""");
        Assert.Equal(("7", "nowhere"), ((string?)error["id"], (string?)error["room"]));
        var tooLong = new string('i', 129);
        error = await alice.Refused($$"""{"type":"ping","id":"{{tooLong}}"}""");
        Assert.False(error.ContainsKey("id"));
    }

    [Fact]
    public async Task Names_have_128_bytes_of_utf8()
    {
        await using var alice = await _one.Connect(Alice);
        var longest = _tag + new string('ä', 60);
        await alice.Join(longest);
        var error = await alice.Refused($$"""{"type":"join","room":"{{longest}}x"}""");
        Assert.Equal("name_invalid", (string?)error["code"]);
        Assert.Contains("128", (string?)error["content"]);
    }

    [Theory]
    [InlineData("""{"type":"join","room":" "}""")]
    [InlineData("""{"type":"join","room":"\u3000\u00a0"}""")]
    [InlineData("""{"type":"join","room":".."}""")]
    [InlineData("""{"type":"join","room":"lobby "}""")]
    [InlineData("""{"type":"join","room":"a\u202eb"}""")]
    [InlineData("""{"type":"leave","room":"\u200b"}""")]
    [InlineData("""{"type":"message","room":"\u0000","content":"x"}""")]
    [InlineData("""{"type":"message","to":" ","content":"x"}""")]
    [InlineData("""{"type":"message","to":"","content":"x"}""")]
    [InlineData("""{"type":"message","to":".","content":"x"}""")]
    [InlineData("""{"type":"members","room":"\u2028"}""")]
    [InlineData("""{"type":"members","room":"lobby","after":" "}""")]
    [InlineData("""{"type":"history","room":"\ufeff"}""")]
    public async Task A_name_that_is_not_allowed_costs_its_frame_only(string frame)
    {
        await using var alice = await _one.Connect(Alice);
        var error = await alice.Refused(frame);
        Assert.Equal("name_invalid", (string?)error["code"]);
        Assert.Contains("it must be 1 to 128 bytes", (string?)error["content"]);
        await alice.Join(_room);
    }

    [Theory]
    [InlineData("""{"type":"ping","\ud83d":1,"id":"7"}""")]
    [InlineData("""{"type":"\ud83d","id":"7"}""")]
    [InlineData("""{"type":"ping","x":{"\udc00":1},"id":"7"}""")]
    [InlineData("""{"type":"message","room":"r","data":["\ud83dx"],"id":"7"}""")]
    [InlineData("""{"type":"message","room":"r","content":"cut\ud83d","id":"7"}""")]
    [InlineData("""{"type":"join","room":"cut\ud83d","id":"7"}""")]
    [InlineData("""{"type":"message","to":"\ud83d","content":"x","id":"7"}""")]
    [InlineData("""{"id":"7","type":"message","room":"r","content":"\udc00"}""")]
    [InlineData("""{"type":"members","room":"r","limit":"10","id":"7"}""")]
    [InlineData("""{"type":"members","room":"r","after":5,"id":"7"}""")]
    [InlineData("""{"type":"members","room":"r","after":{"a":[]},"id":"7"}""")]
    [InlineData("""{"type":"history","room":"r","before":1.5,"id":"7"}""")]
    [InlineData("""{"type":"history","room":"r","before":99999999999999999999,"id":"7"}""")]
    [InlineData("""{"type":["x"],"id":"7"}""")]
    [InlineData("""{"type":"ping","type":"ping","id":"7"}""")]
    [InlineData("""{"type":"ping","t\u0079pe":"ping","id":"7"}""")]
    [InlineData("""{"id":"7","id":"8","type":"ping"}""")]
    [InlineData("""{"type":join,"id":"7"}""")]
    [InlineData("""{"x\ud83d":"\ud83d","\u0069d":"7","type":"ping"}""")]
    [InlineData("""{"id":"7","type":"ping",}""")]
    [InlineData("""{"id" : "7","type":"ping" """)]
    [InlineData("""{"x":{"id":"8"},"y":01,"id":"7"}""")]
    [InlineData("""{"x":"id","id":"7"}x""")]
    public async Task A_frame_that_is_not_valid_is_answered_with_its_id_and_costs_nothing_else(string frame)
    {
        await using var alice = await _one.Connect(Alice);
        var error = await alice.Refused(frame);
        Assert.Equal(("bad_request", "7"), ((string?)error["code"], (string?)error["id"]));
        Assert.Empty(await alice.Drain());
    }

    [Theory]
    [InlineData("x")]
    [InlineData("\"id\":\"7\"")]
    [InlineData("[{\"id\":\"7\"}")]
    [InlineData("{\"x\":{\"id\":\"7\"},}")]
    [InlineData("{\"type\":\"ping\",\"id\":7,}")]
    [InlineData("{\"id\":\"\\ud83d\",\"type\":\"ping\"}")]
    [InlineData("[\"id\",\"7\"]")]
    [InlineData("null")]
    [InlineData("{")]
    [InlineData("")]
    public async Task A_frame_without_an_id_of_its_own_is_answered_without_one(string frame)
    {
        await using var alice = await _one.Connect(Alice);
        var error = await alice.Refused(frame);
        Assert.Equal("bad_request", (string?)error["code"]);
        Assert.False(error.ContainsKey("id"));
    }

    [Fact]
    public async Task A_fault_of_the_front_on_the_thread_pool_costs_one_command()
    {
        await using var front = await Front.Start(FaultyGrains.Of(cluster.Client), null, []);
        await using var alice = await front.Connect(Alice);
        for (var i = 0; i < 3; i++)
        {
            var error = await alice.Ask(new JsonObject { ["type"] = "join", ["room"] = FaultyGrains.Room });
            Assert.Equal(("unavailable", FaultyGrains.Room), ((string?)error["code"], (string?)error["room"]));
        }
        await alice.Join(_room);
    }

    [Fact]
    public async Task Data_is_as_deep_as_every_way_out_can_carry()
    {
        await using var alice = await _one.Connect(Alice);
        await alice.Join(_room);
        static string Nested(int depth) => new string('[', depth) + new string(']', depth);
        await alice.Send($$"""{"type":"message","room":"{{_room}}","data":{{Nested(32)}}}""");
        Assert.Equal(Nested(32), (await alice.Receive("message"))["data"]!.ToJsonString());
        Assert.Equal("bad_request", (string?)(await alice.Refused($$"""{"type":"message","room":"{{_room}}","data":{{Nested(33)}}}"""))["code"]);
        Assert.Equal("bad_request", (string?)(await alice.Refused($$"""{"type":"message","to":"{{Alice}}","data":{{Nested(62)}}}"""))["code"]);

        var post = await _one.Http.PostAsync($"/api/rooms/{Uri.EscapeDataString(_room)}/messages", Json(Nested(32)));
        Assert.Equal(HttpStatusCode.OK, post.StatusCode);
        post = await _one.Http.PostAsync($"/api/rooms/{Uri.EscapeDataString(_room)}/messages", Json(Nested(33)));
        Assert.Equal(HttpStatusCode.BadRequest, post.StatusCode);
        var history = await _one.Http.GetFromJsonAsync<JsonObject>($"/api/rooms/{Uri.EscapeDataString(_room)}/messages");
        Assert.Equal([Nested(32), Nested(32)], history!["messages"]!.AsArray().Select(message => message!["data"]!.ToJsonString()));
        var page = await alice.Ask(new JsonObject { ["type"] = "history", ["room"] = _room });
        Assert.Equal(2, page["messages"]!.AsArray().Count);

        static StringContent Json(string data) => new($$"""{"data":{{data}}}""", System.Text.Encoding.UTF8, "application/json");
    }

    [Fact]
    public async Task Content_has_one_bound_for_each_way_in()
    {
        await using var alice = await _one.Connect(Alice);
        await alice.Join(_room);
        var (most, over) = (new string('x', 65536), new string('x', 65537));
        foreach (var path in new[] { $"/api/rooms/{Uri.EscapeDataString(_room)}/messages", $"/api/users/{Alice}/messages", "/api/messages" })
        {
            foreach (var body in new[] { new JsonObject { ["content"] = over }, new JsonObject { ["data"] = over }, new JsonObject { ["content"] = new string('\u0001', 20_000) } })
            {
                var answer = await _one.Http.PostAsJsonAsync(path, body);
                Assert.Equal(HttpStatusCode.RequestEntityTooLarge, answer.StatusCode);
                var problem = await answer.Content.ReadFromJsonAsync<JsonObject>();
                Assert.Equal("content_too_long", (string?)problem!["code"]);
                Assert.Contains("65536", (string?)problem["detail"]);
            }
        }
        Assert.Equal("content_too_long", (string?)(await alice.Refused(Say(over).ToJsonString()))["code"]);
        Assert.Equal("content_too_long", (string?)(await alice.Refused(new JsonObject { ["type"] = "message", ["to"] = Alice, ["content"] = over }.ToJsonString()))["code"]);
        Assert.Empty(await alice.Drain());
        Assert.Equal(HttpStatusCode.OK, (await _one.Http.PostAsJsonAsync($"/api/rooms/{Uri.EscapeDataString(_room)}/messages", new JsonObject { ["content"] = most })).StatusCode);
        Assert.Equal(most, (string?)(await alice.Receive("message"))["content"]);
    }

    [Fact]
    public async Task The_former_name_of_the_bound_of_content_stops_the_start()
    {
        var error = await Assert.ThrowsAsync<OptionsValidationException>(() => cluster.StartFront(null, ("Front:MaxContentBytes", "1000")));
        Assert.Contains("Rooms:MaxContentBytes", error.Message);
        await using var front = await cluster.StartFront(null, ("Rooms:MaxContentBytes", "1000"));
        await using var alice = await front.Connect(Alice);
        var refused = await alice.Refused(new JsonObject { ["type"] = "message", ["to"] = Alice, ["content"] = new string('x', 1001) }.ToJsonString());
        Assert.Contains("1000", (string?)refused["content"]);
    }

    [Theory]
    [InlineData("/api/rooms/%20")]
    [InlineData("/api/rooms/a%E2%80%AEb/members")]
    [InlineData("/api/rooms?after=%20")]
    [InlineData("/api/rooms/lobby/members?after=%0A")]
    [InlineData("/api/users/alice%20")]
    public async Task A_name_that_is_not_allowed_is_a_bad_request(string path)
    {
        var answer = await _one.Http.GetAsync(path);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("name_invalid", (string?)(await answer.Content.ReadFromJsonAsync<JsonObject>())!["code"]);
    }

    [Fact]
    public async Task Joining_twice_is_an_error()
    {
        await using var alice = await _one.Connect(Alice);
        await alice.Join(_room);
        Assert.Equal("already_joined", (string?)(await alice.Refused($$"""{"type":"join","room":"{{_room}}"}"""))["code"]);
        await alice.Ask(new JsonObject { ["type"] = "leave", ["room"] = _room });
        Assert.Equal("not_joined", (string?)(await alice.Refused(Say("x").ToJsonString()))["code"]);
        await alice.Join(_room);
    }

    [Fact]
    public async Task Rooms_of_one_connection_are_bounded()
    {
        await using var alice = await _one.Connect(Alice);
        for (var i = 0; i < 10_000; i++)
            await alice.Send($$"""{"type":"join","id":"{{i}}","room":"{{_tag}}-{{i}}"}""");
        var counts = new Dictionary<string, int>();
        for (var i = 0; i < 10_000; i++)
        {
            var answer = await alice.Receive();
            var key = (string?)answer["code"] ?? (string)answer["type"]!;
            counts[key] = counts.GetValueOrDefault(key) + 1;
        }
        Assert.Equal(100, counts["joined"]);
        Assert.Equal(9_900, counts["too_many_rooms"]);
        Assert.Empty(await alice.Drain());
    }

    [Fact]
    public async Task Content_has_a_bound()
    {
        await using var alice = await _one.Connect(Alice);
        await alice.Join(_room);
        Assert.Equal("ack", (string?)(await alice.Ask(Say(new string('x', 64 * 1024))))["type"]);
        await using var bob = await _one.Connect(Bob);
        await bob.Join(_room);
        Assert.Equal("content_too_long", (string?)(await bob.Refused(Say(new string('x', 64 * 1024 + 1)).ToJsonString()))["code"]);
        var data = Say("x");
        data["data"] = new string('x', 64 * 1024);
        Assert.Equal("content_too_long", (string?)(await bob.Refused(data.ToJsonString()))["code"]);
    }

    [Fact]
    public async Task Binary_closes_with_1003_and_a_message_over_the_limit_with_1009()
    {
        await using var alice = await _one.Connect(Alice);
        await alice.Send([1, 2], WebSocketMessageType.Binary);
        Assert.Null(await alice.ReceiveRaw());
        Assert.Equal(WebSocketCloseStatus.InvalidMessageType, alice.CloseStatus);

        await using var bob = await _one.Connect(Bob);
        await bob.Send("{" + new string(' ', 160 * 1024 - 2) + "}");
        Assert.Equal("bad_request", (string?)(await bob.Receive("error"))["code"]);
        await bob.Send(new string('x', 160 * 1024 + 1));
        Assert.Null(await bob.ReceiveRaw());
        Assert.Equal(WebSocketCloseStatus.MessageTooBig, bob.CloseStatus);

        await using var carl = await _one.Connect("carl-" + _tag);
        await carl.Send([0xC3, 0x28], WebSocketMessageType.Text);
        Assert.Null(await carl.ReceiveRaw());
        Assert.Equal(WebSocketCloseStatus.InvalidPayloadData, carl.CloseStatus);
    }

    [Fact]
    public async Task A_room_that_all_have_left_is_gone_and_a_closed_connection_has_left()
    {
        await using var watcher = await _one.Connect("watcher-" + _tag);
        await watcher.Join(_room);
        await using (var alice = await _two.Connect(Alice))
        {
            await alice.Join(_room);
            Assert.Equal("join", (string?)(await watcher.Receive())["type"]);
            // No close handshake: the socket is simply gone.
        }
        Assert.Equal("leave", (string?)(await watcher.Receive())["type"]);
        await watcher.Ask(new JsonObject { ["type"] = "leave", ["room"] = _room });
        var answer = await _one.Http.GetAsync($"/api/rooms/{Uri.EscapeDataString(_room)}");
        Assert.Equal(System.Net.HttpStatusCode.NotFound, answer.StatusCode);
    }

    [Fact]
    public async Task A_front_keeps_nothing_of_rooms_that_its_connections_have_left()
    {
        var meters = _one.Services.GetRequiredService<IMeterFactory>();
        var rooms = 0;
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, listening) =>
        {
            if (instrument.Name == "realtime.front.rooms" && ReferenceEquals(instrument.Meter.Scope, meters))
                listening.EnableMeasurementEvents(instrument);
        };
        listener.SetMeasurementEventCallback<int>((_, value, _, _) => rooms = value);
        listener.Start();

        await using var watcher = await _one.Connect("watcher-" + _tag);
        await watcher.Join(_room);
        await using (var alice = await _one.Connect(Alice))
        {
            for (var i = 0; i < 10; i++)
                await alice.Join($"{_room}-{i}");
            await alice.Join(_room);
            await alice.Ask(new JsonObject { ["type"] = "leave", ["room"] = $"{_room}-0" });
            listener.RecordObservableInstruments();
            Assert.Equal(10, rooms);
            // The rest is left by closing; this room last.
        }
        while ((string?)(await watcher.Receive())["type"] != "leave")
        {
        }
        using var bound = new CancellationTokenSource(TestClient.Bound);
        do
        {
            bound.Token.ThrowIfCancellationRequested();
            await watcher.Drain(); // the answers to the other rooms' leaves are on their way
            listener.RecordObservableInstruments();
        }
        while (rooms != 1);
    }

    [Fact]
    public async Task Joins_between_messages_see_all_that_follows_and_nothing_of_before()
    {
        await using var alice = await _one.Connect(Alice);
        await alice.Join(_room);
        using var stop = new CancellationTokenSource();
        var talking = Task.Run(async () =>
        {
            for (var i = 0; !stop.IsCancellationRequested; i++)
                await alice.Ask(Say("m" + i));
        });
        for (var round = 0; round < 30; round++)
        {
            var front = round % 2 == 0 ? _one : _two;
            await using var guest = await front.Connect($"guest{round}-{_tag}");
            var joined = await guest.Join(_room);
            var seq = (long)joined["seq"]!;
            for (var i = 1; i <= 5; i++)
                Assert.Equal(seq + i, (long)(await guest.Receive("message"))["seq"]!);
        }
        await stop.CancelAsync();
        await talking.WaitAsync(TestClient.Bound);
    }

    [Fact]
    public async Task A_front_that_stops_tells_its_clients_and_empties_its_rooms()
    {
        await using var alice = await _one.Connect(Alice);
        await using var bob = await _two.Connect(Bob);
        await alice.Join(_room);
        await bob.Join(_room);
        await _two.Stop().WaitAsync(TestClient.Bound);
        while (await bob.ReceiveRaw() is not null)
        {
        }
        Assert.Equal(WebSocketCloseStatus.EndpointUnavailable, bob.CloseStatus); // 1001
        Assert.Equal("join", (string?)(await alice.Receive())["type"]);
        var leave = await alice.Receive();
        Assert.Equal(("leave", Bob), ((string?)leave["type"], (string?)leave["from"]));
    }
}
