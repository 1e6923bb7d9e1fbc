using Realtime.Grains;
using Realtime.Tests.Shared;

namespace Realtime.Client.Tests;

/// <summary>The state of rooms, as a client has it.</summary>
public sealed class StateTests(RealServer server)
{
    private readonly string _room = Clients.Name("board");

    private static string Shown(IReadOnlyDictionary<string, RoomEntry>? entries) =>
        string.Join(' ', entries!.Values.OrderBy(entry => entry.Key, StringComparer.Ordinal).Select(entry => $"{entry.Key}/{entry.Version}={entry.Data}"));

    [Fact]
    public async Task Who_joins_with_state_has_it_and_all_copies_follow_what_is_set_and_removed()
    {
        await using var alice = server.Client("alice");
        await using var bob = server.Client("bob");
        await using var carl = server.Client("carl");
        var writer = await alice.JoinAsync(_room).Soon();
        Assert.Null(writer.State);
        await writer.SetAsync("card-1", new Order(7), TestJson.Default.Order).Soon();
        var room = await bob.JoinAsync(_room, new() { State = true }).Soon();
        var known = room.State!["card-1"];
        Assert.Equal((1L, "alice", new Order(7), null), (known.Version, known.From, known.Data.To(TestJson.Default.Order), known.Expires));

        var silent = await carl.JoinAsync(_room, new() { State = true, Echo = false }).Soon();
        var before = silent.State!;
        var second = await silent.SetAsync("card-2", JsonData.Parse("null"), new() { IfVersion = 0, TimeToLive = TimeSpan.FromHours(1) }).Soon();
        Assert.Equal("""card-1/1={"number":7} card-2/2=null""", Shown(silent.State)); // at once, without an echo
        Assert.Single(before);
        Assert.Equal(2, second.Sequence);
        await Clients.Fails(RealtimeErrorCodes.VersionConflict, silent.SetAsync("card-2", JsonData.Parse("2"), new() { IfVersion = 1 }));
        var set = (await room.MessagesAsync().Take(1))[0];
        Assert.Equal(("card-2", false, "null"), (set.Key, set.IsDeleted, set.Data.ToString()));
        Assert.InRange(set.Expires!.Value, DateTimeOffset.UtcNow.AddMinutes(50), DateTimeOffset.UtcNow.AddMinutes(70));
        Assert.Equal(Shown(silent.State), Shown(room.State));

        await room.RemoveAsync("card-2", new() { IfVersion = 2 }).Soon();
        var removed = (await silent.MessagesAsync().Take(1))[0];
        Assert.Equal(("card-2", true, true), (removed.Key, removed.IsDeleted, removed.Data.IsNone));
        await silent.RemoveAsync("card-1").Soon();
        Assert.Empty(silent.State!);
        await room.MessagesAsync().Take(2);
        Assert.Empty(room.State!);
        var kept = (await writer.HistoryAsync().Soon()).Messages;
        Assert.Equal([("card-1", false, false), ("card-2", false, true), ("card-2", true, false), ("card-1", true, false)], kept.Select(message => (message.Key, message.IsDeleted, message.Expires is not null)));
        await writer.PublishAsync("about no key").Soon();
        Assert.Null((await room.MessagesAsync().Take(1))[0].Key);
    }

    [Fact]
    public async Task A_cut_loses_nothing_of_a_state_of_many_pages()
    {
        await using var proxy = new CutProxy(new UriBuilder(server.Address) { Scheme = "http", Path = "" }.Uri.ToString());
        await using var alice = server.Client("alice");
        await using var bob = Clients.Make(new Uri(proxy.Address.Replace("http", "ws", StringComparison.Ordinal) + "/ws"), options => options.User = "bob");
        var writer = await alice.JoinAsync(_room).Soon();
        var large = JsonData.Parse($"\"{new string('x', 60_000)}\"");
        await Task.WhenAll(Enumerable.Range(0, 16).Select(n => writer.SetAsync($"k{n:00}", large))).Soon();
        await Clients.Fails(RealtimeErrorCodes.StateFull, Task.WhenAll(Enumerable.Range(16, 2).Select(n => writer.SetAsync($"more{n}", large))));
        var room = await bob.JoinAsync(_room, new() { State = true }).Soon();
        var loaded = room.State!;
        Assert.Equal(Enumerable.Range(0, 16).Select(n => $"k{n:00}"), loaded.Keys.Where(key => key[0] == 'k').Order(StringComparer.Ordinal));

        proxy.Cut();
        await writer.RemoveAsync("k01").Soon();
        await writer.SetAsync("k02", JsonData.Parse("2")).Soon();
        var events = await room.EventsAsync().Take(5);
        Assert.Equal(loaded, Assert.IsType<StateLoaded>(events[1]).Entries);
        Assert.True(Assert.IsType<RoomJoined>(events[2]).Recovered);
        Assert.Equal(["k01", "k02"], events.OfType<RoomMessage>().Select(message => message.Key));
        Assert.Equal((loaded.Count - 1, false, "2"), (room.State!.Count, room.State.ContainsKey("k01"), room.State["k02"].Data.ToString()));
    }

    [Fact]
    public async Task What_a_service_changes_without_telling_the_client_is_in_its_copy()
    {
        await using var alice = server.Client("alice");
        var room = await alice.JoinAsync(_room, new() { State = true }).Soon();
        var grain = server.Grains.GetGrain<IRoomGrain>(_room);
        var id = await alice.ConnectionIdAsync().Soon();
        await grain.Broadcast(new() { Key = "stays", Data = "1", From = "billing", Ttl = TimeSpan.FromHours(1), Exclude = id });
        await grain.Broadcast(new() { Key = "goes", Data = "2", Exclude = id });
        await grain.Broadcast(new() { Key = "goes", IsDeleted = true, Exclude = id });
        await grain.Broadcast(new() { Content = "seen" });
        Assert.Equal("seen", (await room.MessagesAsync().Take(1))[0].Content); // and nothing before it
        Assert.Equal("stays/1=1", Shown(room.State));
        Assert.Equal(("billing", true, true), (room.State!["stays"].From, room.State["stays"].IsService, room.State["stays"].Expires > DateTimeOffset.UtcNow));
        Assert.Equal(4, room.Position!.Value.Sequence);
    }

    private static string Page(bool more, params string[] entries) =>
        $$"""{"type":"state","room":"lobby","entries":[{{string.Join(',', entries)}}],"more":{{(more ? "true" : "false")}}}""";

    private static async Task<System.Text.Json.Nodes.JsonObject> LeaveAndJoin(ScriptedConnection connection, long sequence, string more = "")
    {
        var leave = await connection.Receive("leave");
        await connection.Send($$"""{"type":"left","id":"{{leave["id"]}}","room":"lobby"}""");
        return await connection.LetIn(sequence: sequence, more: more);
    }

    [Fact]
    public async Task A_state_comes_whole_or_anew_and_keys_expire_by_the_clock()
    {
        await using var scripted = await ScriptedServer.Start();
        var clock = new ManualTimeProvider();
        await using var client = Clients.Make(scripted.Address, time: clock);
        var statuses = client.Statuses();
        var joining = client.JoinAsync("lobby", new() { State = true });
        var first = await scripted.Accept();
        Assert.True((bool)(await first.LetIn(sequence: 5))["state"]!);
        await first.Send(Page(more: true, """{"key":"old","seq":1,"timestamp":1,"data":1}"""));
        var ping = client.PingAsync();
        await first.Send($$"""{"type":"pong","id":"{{(await first.Receive("ping"))["id"]}}","timestamp":1,"connection":"c"}""");
        await ping.Soon(); // both have come
        first.Cut();
        await statuses.Next(status => status.State == RealtimeState.Reconnecting);
        client.RetryNow();

        // The cut was among the pages: a resume would not bring them.
        var connection = await scripted.Accept();
        Assert.Null((await connection.LetIn(sequence: 7))["seq"]);
        await connection.Send(Page(more: true, $$"""{"key":"a","seq":3,"timestamp":1,"from":"bob","content":"x","expires":{{clock.GetUtcNow().AddSeconds(10).ToUnixTimeMilliseconds()}}}"""));
        Assert.False(joining.IsCompleted);
        await connection.Send(Page(more: false, """{"key":"b\n","seq":6,"timestamp":1,"service":true,"data":[6]}"""));
        var room = await joining.Soon();
        Assert.Equal(["a", "b\n"], room.State!.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(("x", "bob", true), (room.State["a"].Content, room.State["a"].From, room.State["b\n"].IsService));
        clock.Advance(11);
        Assert.Equal("b\n/6=[6]", Shown(room.State));
        var told = (await room.EventsAsync().Take(5)).ConvertAll(its => its switch
        {
            RoomMissed missed => $"missed {missed.Since} {missed.Position}",
            KeyExpired expired => $"expired {expired.Key}",
            StateLoaded loaded => $"{loaded.Entries.Count} keys",
            _ => its.GetType().Name,
        });
        Assert.Equal(["RoomJoined", "RoomJoined", "missed e/5 e/7", "2 keys", "expired a"], told);

        // What is dropped is fetched; what cannot be is in the state that comes anew.
        await connection.Send("""{"type":"dropped","room":"lobby","epoch":"e","from":8,"to":9}""");
        Assert.Equal(7, (long?)(await LeaveAndJoin(connection, 9, ",\"recovered\":true"))["seq"]);
        await connection.Send("""{"type":"dropped","room":"lobby","epoch":"e","from":8,"to":9}""");
        Assert.Null((await LeaveAndJoin(connection, 9))["seq"]);
        await connection.Send(Page(more: false, """{"key":"c","seq":9,"timestamp":1,"data":9}"""));
        var anew = await room.EventsAsync().Take(4);
        Assert.Equal((new Position("e", 7), new Position("e", 9)), Assert.IsType<RoomMissed>(anew[2]) is var loss ? (loss.Since!.Value, loss.Position) : default);
        Assert.Equal("c/9=9", Shown(Assert.IsType<StateLoaded>(anew[3]).Entries));

        // Silent changes are had before what others have said earlier.
        var changes = new[] { room.SetAsync("c", JsonData.Parse("12"), new() { Echo = false }), room.RemoveAsync("d", new() { Echo = false }) };
        foreach (var sequence in new[] { 12, 13 })
            await connection.Acknowledge(sequence);
        await Task.WhenAll(changes).Soon();
        Assert.Equal("c/12=12", Shown(room.State));
        foreach (var (sequence, key) in new[] { (10, "c"), (11, "d") })
            await connection.Send($$"""{"type":"message","room":"lobby","key":"{{key}}","data":0,"epoch":"e","seq":{{sequence}},"timestamp":1}""");
        Assert.Equal(["c", "d"], (await room.MessagesAsync().Take(2)).Select(message => message.Key));
        Assert.Equal("c/12=12", Shown(room.State));
        await connection.SendMessage(1, "of a new epoch, which begins without a state", "f");
        await room.MessagesAsync().Take(1);
        Assert.Empty(room.State!);
    }

    [Fact]
    public async Task A_state_that_never_comes_is_given_up()
    {
        await using var scripted = await ScriptedServer.Start();
        await using var client = Clients.Make(scripted.Address, options => options.AnswerTimeout = TimeSpan.FromMilliseconds(50));
        var joining = client.JoinAsync("lobby", new() { State = true });
        for (var i = 0; i < 3; i++)
        {
            var connection = await scripted.AcceptMember();
            await connection.Send(Page(more: false, """{"seq":1}""")); // it has no key
        }
        await Clients.Fails(RealtimeErrorCodes.Timeout, joining);
        Assert.Empty(client.Rooms);
    }
}
