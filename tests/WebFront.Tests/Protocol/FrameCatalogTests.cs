using System.Net.WebSockets;
using System.Text.Json.Nodes;
using Realtime.Grains;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Tests.Protocol;

/// <summary>
/// The catalogue of frames against what a front accepts and sends. Besides, <see cref="TestClient"/> holds every frame of every
/// test against it.
/// </summary>
[Collection(ClusterCollection.Name)]
public sealed class FrameCatalogTests(Cluster cluster) : IAsyncLifetime
{
    private readonly string _room = $"catalogue {Guid.NewGuid():N}";
    private readonly string _bob = $"bob-{Guid.NewGuid():N}";
    private Front _front = null!;

    public static TheoryData<string, string> Forms
    {
        get
        {
            var forms = new TheoryData<string, string>();
            foreach (var form in FrameCatalog.Client)
                forms.Add(form.Type, form.Required);
            return forms;
        }
    }

    public async ValueTask InitializeAsync() => _front = await cluster.StartFront();

    public async ValueTask DisposeAsync() => await _front.DisposeAsync();

    [Theory]
    [MemberData(nameof(Forms))]
    public async Task What_a_client_may_send_is_read_to_the_last_field(string type, string required)
    {
        await using var alice = await _front.Connect("alice");
        if (type != "join")
            await alice.Join(_room);
        var form = FrameCatalog.Client.Single(form => form.Type == type && form.Required == required);
        foreach (var field in form.RequiredFields.Concat(form.OptionalFields).Where(field => field != "data")) // any JSON
        {
            // Of the wrong kind it is refused by its name, so the server reads it.
            var wrong = Frame(form);
            wrong[field] = new JsonArray();
            var error = await alice.Refused(wrong.ToJsonString());
            Assert.Equal("bad_request", (string?)error["code"]);
            Assert.Contains($"'{field}'", (string?)error["content"]);
        }
        // What is not in the catalogue is passed over.
        var right = Frame(form);
        right["other"] = new JsonArray();
        right.Remove("epoch"); // another one than the room's
        right.Remove("seq");
        if (type is "result" or "error") // of a call that nobody made
        {
            await alice.Send(right.ToJsonString());
            Assert.Empty(await alice.Drain());
            return;
        }
        var answer = await alice.Ask(right);
        // Who names itself has no token to renew, and there are no methods; the tests of both do that.
        Assert.Equal(type is "refresh" or "call", (string?)answer["type"] == "error");
    }

    [Fact]
    public async Task Only_the_types_of_the_catalogue_are_known()
    {
        await using var alice = await _front.Connect("alice");
        var types = FrameCatalog.Server.Select(form => form.Type).Except(FrameCatalog.Client.Select(form => form.Type)).Append("Join").Append("");
        foreach (var type in types)
        {
            var error = await alice.Refused(new JsonObject { ["type"] = type, ["room"] = _room }.ToJsonString());
            Assert.Equal("unknown_type", (string?)error["code"]);
            Assert.Contains(FrameCatalog.ClientTypes, (string?)error["content"]);
        }
    }

    [Fact]
    public async Task Every_form_of_the_catalogue_is_sent_with_every_field()
    {
        var seen = new List<JsonObject>();
        await using var alice = await _front.Connect("alice");
        await using var bob = await _front.Connect(_bob);
        var joined = await Ask(alice, $$"""{"type":"join","room":"{{_room}}","last":1}""");
        await Ask(bob, $$"""{"type":"join","room":"{{_room}}"}""");
        var grain = cluster.Client.GetGrain<IRoomGrain>(_room);
        await grain.Broadcast(new RoomMessage { From = "billing", Content = "x" });
        await cluster.Client.GetGrain<IUserGrain>(_bob).Send(new RoomMessage { From = "billing", Content = "x" });
        await grain.BroadcastText("text");
        await grain.BroadcastBinary([1, 2, 3]);
        Assert.NotNull(await alice.ReceiveRaw()); // bob's join
        Assert.NotNull(await alice.ReceiveRaw());
        Assert.NotNull(await alice.ReceiveRaw());
        Assert.NotNull(await alice.ReceiveRaw());
        for (var i = 0; i < 4; i++) // the one to him comes before, between or after those to the room
        {
            if (await bob.ReceiveRaw() is { Type: WebSocketMessageType.Text, Data: [(byte)'{', ..] data })
                seen.Add(JsonNode.Parse(data)!.AsObject());
        }
        await Ask(alice, $$"""{"type":"message","room":"{{_room}}","content":"hi","data":1}""");
        await Ask(alice, $$"""{"type":"message","to":"{{_bob}}","content":"hi","data":1}""");
        seen.Add(await bob.Receive("message"));
        seen.Add(await bob.Receive("message"));
        await Ask(alice, $$"""{"type":"message","room":"{{_room}}","data":1,"ephemeral":true,"key":"k"}""");
        seen.Add(await bob.Receive("message"));
        await grain.Broadcast(new RoomMessage { Content = "x", IsEphemeral = true });
        seen.Add(await bob.Receive("message"));
        await Ask(alice, $$"""{"type":"message","room":"{{_room}}","data":1,"key":"k","ttl":60000}""");
        seen.Add(await bob.Receive("message"));
        await Ask(alice, $$"""{"type":"message","room":"{{_room}}","key":"gone","deleted":true}""");
        seen.Add(await bob.Receive("message"));
        var connection = (string)(await Ask(bob, """{"type":"ping"}"""))["connection"]!;
        await grain.Broadcast(new RoomMessage { Content = "x", Exclude = connection });
        seen.Add(await bob.Receive("excluded"));
        await grain.Broadcast(new RoomMessage { Content = "x", Data = "1", Key = "other", Ttl = TimeSpan.FromHours(1), Exclude = connection });
        seen.Add(await bob.Receive("excluded"));
        await grain.Broadcast(new RoomMessage { From = "billing", Key = "other", IsDeleted = true, Exclude = connection });
        seen.Add(await bob.Receive("excluded"));
        await Ask(alice, $$"""{"type":"members","room":"{{_room}}","limit":1}""");
        await using var finn = await _front.Connect("finn");
        await Ask(finn, $$"""{"type":"join","room":"{{_room}}","presence":"members","data":1,"state":true}""");
        seen.Add(await finn.Receive("state"));
        seen.Add(await bob.Receive("join"));
        await Ask(finn, $$"""{"type":"update","room":"{{_room}}","data":2}""");
        await Ask(finn, $$"""{"type":"members","room":"{{_room}}"}""");
        await Ask(bob, $$"""{"type":"update","room":"{{_room}}","data":3}""");
        seen.Add(await finn.Receive("update"));
        await Ask(alice, $$"""{"type":"history","room":"{{_room}}"}""");
        await Ask(alice, """{"type":"ping"}""");
        await Ask(alice, """{"type":"leave","room":"nowhere"}""");
        await Ask(alice, $$"""{"type":"leave","room":"{{_room}}"}""");
        seen.Add(await bob.Receive("leave"));
        seen.Add(await finn.Receive("leave"));
        joined["type"] = "join";
        foreach (var field in new[] { "id", "members", "last" })
            joined.Remove(field);
        await Ask(alice, joined.ToJsonString());
        seen.Add(await bob.Receive("join"));
        seen.Add(await finn.Receive("join"));
        await grain.Remove(_bob);
        seen.Add(await bob.Receive("left"));
        await cluster.Client.GetGrain<IUserGrain>(_bob).Join(_room);
        seen.Add(await bob.Receive("joined"));
        await using var limited = await cluster.StartFront(configure: null, ("Limits:Enabled", "true"), ("Limits:Directs:Rate", "1"), ("Limits:Directs:Burst", "1"));
        await using var carl = await limited.Connect("carl");
        var sent = 0;
        while ((string?)(await Ask(carl, $$"""{"type":"message","to":"{{_bob}}","content":"from outside"}"""))["type"] != "error")
            sent++;
        await using var strict = await cluster.StartFront(null, ("Rooms:Access:0:Room", "nothing"));
        await using var dora = await strict.Connect("dora");
        if ((string?)(await Ask(dora, $$"""{"type":"message","to":"{{_bob}}","content":"from outside"}"""))["type"] != "error")
            sent++;

        var opened = await Ask(bob, """{"type":"inbox"}""");
        await using var eve = await _front.Connect("eve");
        await Ask(eve, $$"""{"type":"message","to":"{{_bob}}","content":"hi","data":1}""");
        await cluster.Client.GetGrain<IUserGrain>(_bob).Send(new RoomMessage { From = "billing", Content = "x" });
        // Those from outside the inbox come before, between or after, and are not to come to the phone.
        while (!seen.Any(frame => (int?)frame["seq"] == 2 && (string?)frame["to"] == _bob) || seen.Count(frame => (string?)frame["content"] == "from outside") < sent)
            seen.Add(await bob.Receive("message"));
        await using var phone = await _front.Connect(_bob);
        opened["seq"] = 2;
        await Ask(phone, opened.ToJsonString());

        // These take a crowd, a client that does not read, a token, methods: they are in the tests of those.
        foreach (var form in FrameCatalog.Server.Where(form => form.Type is not ("presence" or "dropped" or "refreshed" or "call" or "result")).Concat(FrameCatalog.History))
        {
            var frames = seen.Concat(seen.SelectMany(frame => frame["messages"]?.AsArray().Select(item => item!.AsObject()) ?? []))
                .Where(frame => FitsIn(form, frame)).ToArray();
            Assert.True(frames.Length > 0, $"{form.Type} of {form.Required} was not sent");
            Assert.All(form.OptionalFields.Where(field => (form.Type, field) != ("joined", "next")), field => Assert.Contains(frames, frame => frame.ContainsKey(field)));
        }

        JsonObject[] entries = [.. seen.Where(frame => (string?)frame["type"] == "state").SelectMany(frame => frame["entries"]!.AsArray()).Select(entry => entry!.AsObject())];
        Assert.NotEmpty(entries);
        Assert.All(entries, entry => Assert.True(FrameCatalog.StateEntry.Fits("", [.. entry.Select(field => field.Key)]), entry.ToJsonString()));

        async Task<JsonObject> Ask(TestClient client, string frame)
        {
            var answer = await client.Ask(JsonNode.Parse(frame)!.AsObject(), seen.Add);
            seen.Add(answer);
            return answer.DeepClone().AsObject();
        }
    }

    private static bool FitsIn(FrameForm form, JsonObject frame) =>
        form.Fits((string)frame["type"]!, [.. frame.Select(field => field.Key)]);

    private JsonObject Frame(FrameForm form)
    {
        var frame = new JsonObject { ["type"] = form.Type };
        foreach (var field in form.RequiredFields.Concat(form.OptionalFields))
        {
            frame[field] = field switch
            {
                "room" => _room,
                "to" => _bob,
                "seq" or "before" or "limit" or "last" => 1,
                "if" => 0,
                "ttl" => 1000,
                "echo" or "state" => true,
                "ephemeral" or "deleted" => false,
                "presence" => "members",
                "data" => new JsonObject(),
                _ => "text",
            };
        }
        return frame;
    }
}
