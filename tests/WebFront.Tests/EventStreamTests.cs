using System.Net;
using System.Net.Http.Json;
using System.Net.Sockets;
using System.Text;
using System.Text.Json.Nodes;
using Microsoft.Extensions.DependencyInjection;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.WebFront.Tests.Access;
using Realtime.WebFront.Tests.Http;

namespace Realtime.WebFront.Tests;

/// <summary>Server-sent events: members that only listen, and resume by what a browser sends of itself.</summary>
[Collection(ClusterCollection.Name)]
public sealed class EventStreamTests(Cluster cluster) : IAsyncLifetime
{
    private readonly string _tag = Guid.NewGuid().ToString("N");
    private Front _front = null!;

    private string Room => $"room/{_tag}";

    private IRoomGrain Grain => cluster.Client.GetGrain<IRoomGrain>(Room);

    public async ValueTask InitializeAsync() => _front = await cluster.StartFront(configure: null, ("Front:EventsHeartbeat", "00:00:01"));

    public ValueTask DisposeAsync() => _front.DisposeAsync();

    private string Target(string user, string? room = null) => $"/api/rooms/{Uri.EscapeDataString(room ?? Room)}/events?user={user}";

    private Task<EventClient> Open(string user, string? lastEventId = null) => EventClient.Open(_front, Target(user), lastEventId);

    [Fact]
    public async Task A_stream_is_a_member_that_hears_what_others_hear_in_order()
    {
        await using var alice = await _front.Connect("alice");
        await alice.Join(Room);
        await using var bob = await Open("bob");
        var headers = bob.Response.Headers;
        Assert.Equal("text/event-stream; charset=utf-8", bob.Response.Content.Headers.ContentType!.ToString());
        Assert.Equal((true, true, "no"), (headers.CacheControl!.NoStore, headers.CacheControl.NoCache, headers.GetValues("X-Accel-Buffering").Single()));
        Assert.Empty(bob.Response.Content.Headers.ContentEncoding);

        var joined = await bob.Next("joined");
        Assert.Equal((Room, 2, $"{joined.Json["epoch"]}:{joined.Json["seq"]}"), ((string?)joined.Json["room"], (int)joined.Json["members"]!, joined.Id));
        Assert.InRange(bob.Retry, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(3));
        Assert.Equal("bob", (string?)(await alice.Receive("join"))["from"]);
        var connections = await Connections();
        Assert.Contains(connections, connection => (string?)connection!["user"] == "bob" && connection["rooms"]!.AsArray().Select(room => (string?)room).SequenceEqual([Room]));

        // White space of JSON is no end of an event.
        await alice.Send($$"""{"type":"message","room":"{{Room}}","content":"1","data":{"a":""" + "\r\n\n" + """[1,2]}}""");
        var first = await bob.Next("message");
        Assert.Equal(("alice", 2, joined.Id[..^1] + "1"), ((string?)first.Json["from"], first.Json["data"]!["a"]!.AsArray().Count, first.Id));
        for (var n = 2; n <= 20; n++)
            await alice.Send($$"""{"type":"message","room":"{{Room}}","content":"{{n}}"}""");
        for (var n = 2; n <= 20; n++)
        {
            var next = await bob.Next("message");
            Assert.Equal(($"{n}", $"{joined.Json["epoch"]}:{n}"), (next.Content, next.Id));
        }
        await using (var carl = await _front.Connect("carl"))
            await carl.Join(Room);
        Assert.Equal(("carl", "carl"), ((string?)(await bob.Next("join")).Json["from"], (string?)(await bob.Next("leave")).Json["from"]));
        // As a service sends them, unwrapped: no browser may take them for something else.
        await Grain.BroadcastText("id: x\n\nevent: y");
        await Grain.BroadcastBinary([1, 2, 3]);
        Assert.Equal("id: x\n\nevent: y", (await bob.Next("text")).Data);
        var binary = await bob.Next("binary");
        Assert.Equal(("AQID", $"{joined.Json["epoch"]}:20"), (binary.Data, binary.Id));
        // What is for the user comes too, and has no place in the room.
        await cluster.Client.GetGrain<IUserGrain>("bob").Deliver(new RoomMessage { Content = "psst" });
        var direct = await bob.Next("message");
        Assert.Equal(("psst", "bob", $"{joined.Json["epoch"]}:20"), (direct.Content, (string?)direct.Json["to"], direct.Id));

        await bob.DisposeAsync();
        while (!Encoding.UTF8.GetString((await alice.ReceiveRaw())!.Value.Data).EndsWith("\"from\":\"bob\"}", StringComparison.Ordinal))
        {
        }
        await Asking.Until(async () => (await Connections()).All(connection => (string?)connection!["user"] != "bob"));
    }

    [Fact]
    public async Task Who_comes_back_with_the_last_id_has_each_message_once()
    {
        const int messages = 300;
        var publishing = Publish();
        var got = new List<string>();
        string? id = null;
        var random = new Random(7);
        while (got.Count < messages)
        {
            await using var stream = await Open("bob", id);
            var joined = await stream.Next("joined");
            if (id is not null)
                Assert.Equal((true, id), ((bool?)joined.Json["recovered"], joined.Id));
            if (id is null)
                _first.TrySetResult();
            for (var most = random.Next(60); most > 0 && got.Count < messages; most--)
                got.Add((await stream.Next("message")).Content);
            id = stream.LastEventId;
        }
        await publishing;
        Assert.Equal(Enumerable.Range(0, messages).Select(n => $"{n}"), got);

        async Task Publish()
        {
            await _first.Task;
            for (var n = 0; n < messages; n++)
                await Grain.Broadcast(new RoomMessage { Content = $"{n}" });
        }
    }

    private readonly TaskCompletionSource _first = new(TaskCreationOptions.RunContinuationsAsynchronously);

    [Fact]
    public async Task Without_its_place_a_stream_says_that_it_goes_on_from_the_present()
    {
        for (var n = 1; n <= 3; n++)
            await Grain.Broadcast(new RoomMessage { Content = $"{n}" });
        await using var bob = await Open("bob");
        var here = (await bob.Next("joined")).Id;
        var epoch = here[..here.LastIndexOf(':')];
        foreach (var lost in new[] { $"{epoch}:4", $"{epoch}:{long.MaxValue}", "0123456789abcdef:1" })
        {
            await using var carl = await Open("carl", lost);
            var joined = await carl.Next("joined");
            Assert.Equal((false, here), ((bool?)joined.Json["recovered"], joined.Id));
        }
        foreach (var wrong in new[] { "7", ":7", $"{epoch}:", $"{epoch}:-1", $"{epoch}:1x", $"{epoch}:99999999999999999999", $"{new string('e', 200)}:1" })
        {
            Assert.Equal((400, "bad_request"), await EventClient.Refused(_front, Target("carl"), wrong));
            Assert.Equal((400, "bad_request"), await EventClient.Refused(_front, $"{Target("carl")}&lastEventId={Uri.EscapeDataString(wrong)}"));
        }
        Assert.Equal(400, (await RawHttp.Send(_front.Address, "GET", Target("carl"), null, $"Last-Event-ID: {here}", $"Last-Event-ID: {here}")).Status);
        Assert.Equal((400, "bad_request"), await EventClient.Refused(_front, $"{Target("carl")}&last=101"));

        // What begins with messages of before resumes after the last of them that came.
        await using (var dora = await EventClient.Open(_front, $"{Target("dora")}&last=2"))
        {
            var joined = await dora.Next("joined");
            Assert.Equal((2, $"{epoch}:1", $"{epoch}:2"), ((int)joined.Json["last"]!, joined.Id, (await dora.Next("message")).Id));
        }
        // A browser comes back to the address that it came to first: its header says where it is.
        await using var again = await EventClient.Open(_front, $"{Target("dora")}&last=2&lastEventId={epoch}:1", $"{epoch}:2");
        Assert.True((bool?)(await again.Next("joined")).Json["recovered"]);
        Assert.Equal("3", (await again.Next("message")).Content);
    }

    [Fact]
    public async Task A_stream_chooses_what_it_is_told_of_who_is_there()
    {
        await using var alice = await _front.Connect("alice");
        await alice.Ask(new JsonObject { ["type"] = "join", ["room"] = Room, ["data"] = "here" });
        await using var bob = await EventClient.Open(_front, $"{Target("bob")}&presence=members");
        var joined = await bob.Next("joined");
        Assert.Equal(("""["alice","bob"]""", """{"alice":"here"}"""), (joined.Json["users"]!.ToJsonString(), joined.Json["data"]!.ToJsonString()));
        await using var carl = await EventClient.Open(_front, $"{Target("carl")}&presence=count");
        Assert.Equal(3, (int)(await carl.Next("joined")).Json["members"]!);
        var came = await bob.Next("join");
        Assert.Equal(("carl", true), ((string?)came.Json["from"], (long)came.Json["order"]! > (long)joined.Json["order"]!));
        await using (var dora = await EventClient.Open(_front, Target("dora")))
        {
            Assert.False((await dora.Next("joined")).Json.ContainsKey("users"));
            Assert.Equal("dora", (string?)(await bob.Next("join")).Json["from"]);
        }
        Assert.Equal("dora", (string?)(await bob.Next("leave")).Json["from"]);
        await alice.Ask(new JsonObject { ["type"] = "message", ["room"] = Room, ["content"] = "x" });
        Event told;
        while ((told = (await carl.Next())!).Type == "presence") // how many, and nobody by name
            Assert.InRange((int)told.Json["members"]!, 3, 4);
        Assert.Equal("message", told.Type);
        // It is asked for anew by who comes back, as a browser does with its address.
        await using var back = await EventClient.Open(_front, $"{Target("bob")}&presence=members", told.Id);
        Assert.Equal((true, true), ((await back.Next("joined")).Json is var again ? ((bool)again["recovered"]!, again.ContainsKey("users")) : default));
        foreach (var wrong in new[] { "", "none", "counts", "Members", "members%00", "members&presence=count", $"{new string('x', 5000)}" })
            Assert.Equal((400, "bad_request"), await EventClient.Refused(_front, $"{Target("carl")}&presence={wrong}"));
    }

    [Fact]
    public async Task Who_is_sent_away_is_told_and_does_not_come_back()
    {
        await using var bob = await Open("bob");
        await bob.Next("joined");
        using (await _front.Http.PostAsJsonAsync("/api/users/bob/disconnect", new { reason = "go" }))
            Assert.Equal((4002, "go", "closed"), Closed(await bob.Next("closed")));
        Assert.Null(await bob.Next());
        Assert.Equal((204, null), await EventClient.Refused(_front, Target("bob"), bob.LastEventId));

        await using var carl = await Open("carl");
        await carl.Next("joined");
        using (await _front.Http.DeleteAsync($"/api/rooms/{Uri.EscapeDataString(Room)}/members/carl?for=60"))
            Assert.Equal("server", (string?)(await carl.Next("left")).Json["by"]);
        Assert.Equal((1000, "taken out of the room", "closed"), Closed(await carl.Next("closed")));
        Assert.Null(await carl.Next());
        Assert.Equal((403, "forbidden"), await EventClient.Refused(_front, Target("carl")));
        Assert.DoesNotContain("carl", (await Grain.Members(null, 10)).Users);
    }

    [Fact]
    public async Task A_front_that_stops_ends_its_streams_and_says_when_to_come_back()
    {
        var front = await cluster.StartFront();
        using var http = front.Http;
        await using var bob = await EventClient.Open(front, Target("bob"));
        var id = (await bob.Next("joined")).Id;
        var stop = front.Stop();
        var closed = await bob.Next("closed");
        Assert.Equal((1001, id), ((int)closed.Json["code"]!, closed.Id));
        Assert.EndsWith($"retry after {bob.Retry.TotalMilliseconds} ms", (string)closed.Json["reason"]!);
        Assert.Null(await bob.Next());
        await stop;
        await Grain.Broadcast(new RoomMessage { Content = "meanwhile" });
        await using var back = await Open("bob", id);
        Assert.True((bool?)(await back.Next("joined")).Json["recovered"]);
        Assert.Equal("meanwhile", (await back.Next("message")).Content);
    }

    [Fact]
    public async Task A_reader_that_is_too_slow_is_cut_and_resumes_with_all_of_it()
    {
        await using var front = await cluster.StartFront(configure: null, ("Connections:QueueBytes", "65536"), ("Connections:CloseTimeout", "00:00:01"), ("Rooms:ResumeBytesPerSecond", "1000000000"));
        using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { ReceiveBufferSize = 4096 };
        await socket.ConnectAsync(IPAddress.Loopback, front.Address.Port);
        await socket.SendAsync(Encoding.UTF8.GetBytes($"GET {Target("bob")} HTTP/1.1\r\nHost: {front.Address.Authority}\r\n\r\n"));
        await Asking.Until(async () => (await Grain.Describe()).Members == 1);
        var closing = front.Services.GetRequiredService<ConnectionRegistry>().GetUser("bob").Single();
        var since = Environment.TickCount64;
        while (closing.IsConnected)
        {
            Assert.True(Environment.TickCount64 - since < TestClient.Bound.TotalMilliseconds, "nothing was cut");
            await Grain.Broadcast(new RoomMessage { Content = new string('x', 60_000) });
        }
        Assert.Equal(CloseCodes.SlowConsumer, closing.CloseStatus!.Value.Code);
        await Asking.Until(async () => (await Grain.Describe()).Members == 0);
        await using var back = await EventClient.Open(front, $"{Target("bob")}&last=3");
        await back.Next("joined");
        Assert.Equal(60_000, (await back.Next("message")).Content.Length);
    }

    [Fact]
    public async Task Silence_is_filled_so_that_the_dead_are_found()
    {
        using (var response = await EventClient.Ask(_front, Target("bob")))
        {
            await using var stream = await response.Content.ReadAsStreamAsync();
            var (read, buffer) = ("", new byte[4096]);
            using var bound = new CancellationTokenSource(TestClient.Bound);
            while (!read.Contains("\n\n:\n\n", StringComparison.Ordinal))
                read += Encoding.UTF8.GetString(buffer, 0, await stream.ReadAsync(buffer, bound.Token));
            Assert.StartsWith("retry: ", read);
        }
        await Asking.Until(async () => (await Grain.Describe()).Members == 0);
    }

    [Fact]
    public async Task What_is_asked_in_a_wrong_way_is_refused_as_anywhere()
    {
        foreach (var method in new[] { "HEAD", "POST", "DELETE" })
        {
            var answer = await RawHttp.Send(_front.Address, method, Target("bob"));
            Assert.Equal((405, "GET"), (answer.Status, answer.Headers["allow"]));
        }
        Assert.Equal((406, "not_acceptable"), await EventClient.Refused(_front, Target("bob"), accept: "application/json"));
        Assert.Equal((400, "name_invalid"), await EventClient.Refused(_front, Target("bob", " x")));
        Assert.Equal((401, "unauthorized"), await EventClient.Refused(_front, "/api/rooms/x/events"));
        Assert.Equal((403, "forbidden"), (403, (await RawHttp.Send(_front.Address, "GET", Target("bob"), null, "Origin: https://elsewhere.example")).Code));
        await using var any = await cluster.StartFront(configure: null, ("Limits:Enabled", "true"), ("Limits:ConnectionsPerUser", "1"), ("Limits:Connections", "2"));
        await using var bob = await EventClient.Open(any, Target("bob"));
        await bob.Next("joined");
        Assert.Equal((429, "rate_limited"), await EventClient.Refused(any, Target("bob")));
        await using var carl = await EventClient.Open(any, Target("carl"));
        Assert.Equal((503, "unavailable"), await EventClient.Refused(any, Target("dora")));
    }

    [Fact]
    public async Task Access_is_decided_as_for_a_join()
    {
        await using var access = await AccessFront.Start(cluster, ("Rooms:Access:0:Room", "open/*"), ("Rooms:Access:0:Allow:0", "join"));
        var token = access.Issuer.Token(TimeProvider.System, ("sub", "bob"));
        Assert.Equal((403, "forbidden"), await EventClient.Refused(access.Front, "/api/rooms/closed/events", token: token));
        Assert.Equal((401, "unauthorized"), await EventClient.Refused(access.Front, $"/api/rooms/open%2F{_tag}/events", token: token + "x"));
        await using var bob = await EventClient.Open(access.Front, $"/api/rooms/open%2F{_tag}/events?access_token={token}");
        Assert.Equal($"open/{_tag}", (string?)(await bob.Next("joined")).Json["room"]);

        var soon = access.Issuer.Token(TimeProvider.System, ("sub", "carl"), ("exp", DateTimeOffset.UtcNow.ToUnixTimeSeconds() + 2));
        await using var carl = await EventClient.Open(access.Front, $"/api/rooms/open%2F{_tag}/events", token: soon);
        await carl.Next("joined");
        Assert.Equal(4003, (int)(await carl.Next("closed")).Json["code"]!);
    }

    [Fact]
    public async Task The_inbox_has_a_stream_too_also_over_http2()
    {
        await using var front = await cluster.StartFront(configure: null, ("Kestrel:EndpointDefaults:Protocols", "Http2"));
        (front.Http.DefaultRequestVersion, front.Http.DefaultVersionPolicy) = (HttpVersion.Version20, HttpVersionPolicy.RequestVersionExact);
        var user = $"bob-{_tag}";
        var grain = cluster.Client.GetGrain<IUserGrain>(user);
        string id;
        await using (var bob = await EventClient.Open(front, $"/api/inbox/events?user={user}"))
        {
            var opened = await bob.Next("inbox");
            Assert.Equal($"{opened.Json["epoch"]}:0", opened.Id);
            await grain.Deliver(new RoomMessage { Content = "1" });
            id = (await bob.Next("message")).Id;
            Assert.Equal($"{opened.Json["epoch"]}:1", id);
        }
        await grain.Deliver(new RoomMessage { Content = "2" });
        await using var back = await EventClient.Open(front, $"/api/inbox/events?user={user}", id);
        Assert.True((bool?)(await back.Next("inbox")).Json["recovered"]);
        Assert.Equal("2", (await back.Next("message")).Content);
        Assert.Equal((400, "bad_request"), await EventClient.Refused(front, $"/api/inbox/events?user={user}", "x"));
    }

    [Fact]
    public async Task A_whole_session_goes_down_as_events_and_comes_up_by_posts_to_any_front()
    {
        await using var other = await cluster.StartFront();
        await using var stream = await EventClient.Open(_front, "/api/session/events?user=bob");
        var session = (string)(await stream.Next("session")).Json["session"]!;
        Assert.Equal("pong", (string?)(await stream.Next("message")).Json["type"]);
        Assert.Equal(204, await Post(other, session, 1, new { type = "join", id = "1", room = Room }, new { type = "message", id = "2", room = Room, content = "a" }));
        Assert.Equal(["ack", "joined", "message"], await Types(3));
        // Twice, out of turn, by others: no harm.
        Assert.Equal(204, await Post(_front, session, 1, new { type = "message", id = "9", room = Room, content = "again" }));
        Assert.Equal(400, await Post(other, session, 3, new { type = "ping" }));
        var secret = session.LastIndexOf('.') + 1;
        Assert.Equal(404, await Post(other, $"{session[..secret]}{(session[secret] == 'A' ? 'B' : 'A')}{session[(secret + 1)..]}", 2, new { type = "ping" }));
        Assert.Equal(404, await PostAs(other, session, 2, "eve", new { type = "ping" }));
        Assert.Equal(404, await Post(other, "x.y.z", 2, new { type = "ping" }));
        Assert.Equal(404, await Post(other, "x", 2, new { type = "ping" }));
        Assert.Equal(400, (await RawHttp.Send(other.Address, "POST", $"/api/session/{session}?user=bob", "[{}]")).Status);
        Assert.Equal(400, (await RawHttp.Send(other.Address, "POST", $"/api/session/{session}?user=bob&number=2", "{}")).Status);
        Assert.Equal(204, await Post(_front, session, 2, new { type = "message", id = "3", room = Room, content = "b" }, new { type = "nothing", id = "4" }));
        Assert.Equal(["ack", "error", "message"], await Types(3));
        var id = session.Split('.')[1];
        using (await _front.Http.DeleteAsync($"/api/connections/{id}"))
            Assert.Equal(4002, (int)(await stream.Next("closed")).Json["code"]!);
        Assert.Null(await stream.Next());
        Assert.Equal(404, await Post(other, session, 3, new { type = "ping" }));

        async Task<string[]> Types(int count)
        {
            var types = new List<string>();
            while (types.Count < count)
                types.Add((string)(await stream.Next("message")).Json["type"]!);
            return [.. types.Order(StringComparer.Ordinal)];
        }

        static Task<int> Post(Front front, string session, long number, params object[] frames) => PostAs(front, session, number, "bob", frames);
    }

    private static async Task<int> PostAs(Front front, string session, long number, string user, params object[] frames)
    {
        using var answer = await front.Http.PostAsJsonAsync($"/api/session/{session}?user={user}&number={number}", frames);
        return (int)answer.StatusCode;
    }

    private async Task<JsonArray> Connections() => (await _front.Http.GetFromJsonAsync<JsonObject>("/api/connections?limit=1000"))!["connections"]!.AsArray();

    private static (int, string?, string) Closed(Event closed) => ((int)closed.Json["code"]!, (string?)closed.Json["reason"], closed.Id);
}
