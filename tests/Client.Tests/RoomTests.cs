using Orleans;
using Realtime.Grains;

namespace Realtime.Client.Tests;

/// <summary>Rooms of the real server, over connections that are cut.</summary>
public sealed class RoomTests(RealServer server)
{
    private readonly string _room = Clients.Name("room");

    private Task Say(string content) => server.Grains.GetGrain<IRoomGrain>(_room).Broadcast(new() { Content = content });

    [Fact]
    public async Task What_is_published_comes_back_once_with_its_position()
    {
        await using var alice = server.Client("alice");
        var room = await alice.JoinAsync(_room).Soon();
        Assert.Equal((RealtimeState.Connected, true, 1L), (alice.Status.State, room.IsJoined, room.Members));
        var first = await room.PublishAsync("hi \"you\" \u00e9 \ud83d\ude00\n").Soon();
        var second = await room.PublishAsync(new Order(7), TestJson.Default.Order).Soon();
        await room.PublishAsync(JsonData.Parse(" [1,2] "), "both").Soon();
        await Say("of a service");
        var messages = await room.MessagesAsync().Take(4);
        Assert.Equal([1, 2, 3, 4], messages.Select(message => message.Position.Sequence));
        Assert.Equal((first, second), (messages[0].Position, messages[1].Position));
        Assert.Equal(("alice", "hi \"you\" \u00e9 \ud83d\ude00\n", true), (messages[0].From, messages[0].Content, messages[0].Data.IsNone));
        Assert.Equal((null, new Order(7)), (messages[1].Content, messages[1].Data.To(TestJson.Default.Order)));
        Assert.Equal(("both", 2), (messages[2].Content, messages[2].Data.To(TestJson.Default.Int32Array)!.Length));
        Assert.Equal((true, null), (messages[3].IsService, messages[3].From));
        Assert.InRange(messages[0].Timestamp, DateTimeOffset.UtcNow.AddMinutes(-1), DateTimeOffset.UtcNow.AddMinutes(1));
        Assert.Equal(messages[3].Position, room.Position);
        Assert.Same(room, await alice.JoinAsync(_room).Soon());
        Assert.Same(room, Assert.Single(alice.Rooms));
        Assert.True(await alice.PingAsync().Soon() > TimeSpan.Zero);
    }

    [Fact]
    public async Task Under_cuts_each_message_arrives_once_and_in_order_at_everyone()
    {
        const int each = 300;
        await using var proxy = new CutProxy(new UriBuilder(server.Address) { Scheme = "http", Path = "" }.Uri.ToString());
        var through = new Uri(proxy.Address.Replace("http", "ws", StringComparison.Ordinal) + "/ws");
        await using var alice = Clients.Make(through, options => options.User = "alice");
        await using var bob = Clients.Make(through, options => options.User = "bob");
        await using var steady = server.Client("carl");
        var rooms = await Task.WhenAll(alice.JoinAsync(_room), bob.JoinAsync(_room), steady.JoinAsync(_room)).Soon();
        var reads = rooms.Select(room => room.MessagesAsync().Take(2 * each)).ToArray();
        var losses = alice.Statuses();

        using var done = new CancellationTokenSource();
        var cutter = Task.Run(async () =>
        {
            while (!done.IsCancellationRequested)
            {
                await Task.Delay(30);
                proxy.Cut();
            }
        });
        async Task<Position[]> Publish(RealtimeRoom room, string word)
        {
            var positions = new List<Position>();
            for (var i = 0; i < each; i += 10)
                positions.AddRange(await Task.WhenAll(Enumerable.Range(i, 10).Select(n => room.PublishAsync($"{word}{n}"))).Soon());
            return [.. positions];
        }
        var receipts = await Task.WhenAll(Publish(rooms[0], "a"), Publish(rooms[1], "b"));
        await done.CancelAsync();
        await cutter;

        var seen = await Task.WhenAll(reads).Soon();
        foreach (var messages in seen)
        {
            Assert.Equal(Enumerable.Range(1, 2 * each).Select(n => (long)n), messages.Select(message => message.Position.Sequence));
            Assert.Equal(seen[2].Select(message => message.Content), messages.Select(message => message.Content));
            Assert.All(messages, message => Assert.Null(message.Missed));
        }
        foreach (var (word, positions) in new[] { ("a", receipts[0]), ("b", receipts[1]) })
        {
            Assert.Equal(Enumerable.Range(0, each).Select(n => $"{word}{n}"), seen[2].Select(message => message.Content).Where(content => content!.StartsWith(word, StringComparison.Ordinal)));
            Assert.All(positions.Index(), item => Assert.Equal($"{word}{item.Index}", seen[2][(int)item.Item.Sequence - 1].Content));
        }
        Assert.True(losses.Count > 2, $"{losses.Count} changes of state");
    }

    [Fact]
    public async Task Who_comes_back_after_a_restart_goes_on_from_a_position()
    {
        Position last;
        await using (var before = server.Client("alice"))
        {
            var room = await before.JoinAsync(_room).Soon();
            await room.PublishAsync("1").Soon();
            last = (await room.MessagesAsync().Take(1))[0].Position;
        }
        await Say("2");
        await using var alice = server.Client("alice");
        var again = await alice.JoinAsync(_room, new() { Since = last }).Soon();
        Assert.Equal("2", (await again.MessagesAsync().Take(1))[0].Content);
        await again.LeaveAsync().Soon();
        Assert.Empty(alice.Rooms);

        // The newest ones, and a place that the room does not know.
        var newest = await alice.JoinAsync(_room, new() { Last = 1 }).Soon();
        var events = await newest.EventsAsync().Take(2);
        Assert.Equal((1, "2"), (Assert.IsType<RoomJoined>(events[0]).Last, Assert.IsType<RoomMessage>(events[1]).Content));
        await newest.LeaveAsync().Soon();
        var lost = await alice.JoinAsync(_room, new() { Since = new("another", 7) }).Soon();
        await Say("3");
        var third = (await lost.MessagesAsync().Take(1))[0];
        Assert.Equal((new Position("another", 7), 2L, MissedReason.Lost), (third.Missed!.Since!.Value, third.Missed.Position.Sequence, third.Missed.Reason));
    }

    [Fact]
    public async Task Who_comes_and_goes_is_told_and_can_be_asked_for()
    {
        await using var alice = server.Client("alice");
        var room = await alice.JoinAsync(_room).Soon();
        await using (var bob = server.Client("bob"))
            await bob.JoinAsync(_room).Soon();
        var events = await room.EventsAsync().Take(3);
        Assert.Equal(("bob", "bob"), (Assert.IsType<MemberJoined>(events[1]).User, Assert.IsType<MemberLeft>(events[2]).User));
        var page = await room.MembersAsync(limit: 10).Soon();
        Assert.Equal((1L, null), (page.Total, page.Next));
        Assert.Equal(["alice"], page.Users);
        for (var i = 1; i <= 3; i++)
            await Say($"{i}");
        var history = await room.HistoryAsync(before: 3, limit: 1).Soon();
        Assert.True(history.More);
        var only = Assert.Single(history.Messages);
        Assert.Equal(("message", "2", new Position(history.Epoch!, 2), true), (only.Type, only.Content, only.Position, only.IsService));
        await Clients.Fails("position_invalid", room.HistoryAsync(epoch: "another"));
    }

    [Fact]
    public async Task What_a_member_shows_is_told_with_who_is_there_and_shown_again_after_a_cut()
    {
        await using var proxy = new CutProxy(new UriBuilder(server.Address) { Scheme = "http", Path = "" }.Uri.ToString());
        await using var alice = Clients.Make(new Uri(proxy.Address.Replace("http", "ws", StringComparison.Ordinal) + "/ws"), options => options.User = "alice");
        await using var bob = server.Client("bob");
        await using var carl = server.Client("carl");
        var alices = await alice.JoinAsync(_room, new() { Data = JsonData.Parse("\"away\"") }).Soon();
        var room = await bob.JoinAsync(_room, new() { Presence = RoomPresence.Members }).Soon();
        await alices.UpdateAsync(new Order(7), TestJson.Default.Order).Soon();
        await Clients.Fails("content_too_long", alices.UpdateAsync(JsonData.Parse($"\"{new string('x', 5_000)}\"")));
        await carl.JoinAsync(_room, new() { Presence = RoomPresence.Count, Data = JsonData.Parse("null") }).Soon();
        var events = await room.EventsAsync().Take(3);
        var page = Assert.IsType<RoomJoined>(events[0]).Users!;
        Assert.Equal(["alice", "bob"], page.Users);
        Assert.Equal("\"away\"", Assert.Single(page.Data).Value.ToString());
        var update = Assert.IsType<MemberUpdated>(events[1]);
        Assert.Equal(("alice", new Order(7), true), (update.User, update.Data.To(TestJson.Default.Order), update.Order > page.Order));
        var join = Assert.IsType<MemberJoined>(events[2]);
        Assert.Equal(("carl", "null"), (join.User, join.Data.ToString()));

        var statuses = alice.Statuses();
        proxy.Cut();
        await statuses.Next(status => status.State == RealtimeState.Reconnecting);
        await alices.UpdateAsync(new Order(8), TestJson.Default.Order).Soon(); // the next join brings it
        var members = await room.MembersAsync().Soon();
        Assert.Equal("""{"number":8}""", members.Data["alice"].ToString());
        Assert.Equal((3, 3), (members.Users.Count, (int)members.Total));
        await alices.LeaveAsync().Soon();
        await Clients.Fails(RealtimeErrorCodes.NotJoined, alices.UpdateAsync(JsonData.Parse("1")));
        await Assert.ThrowsAsync<ArgumentException>(() => room.UpdateAsync(default(JsonData)));
    }

    [Fact]
    public async Task A_room_that_the_server_puts_the_client_into_is_handed_out_and_resumed()
    {
        var user = Clients.Name("dora");
        await using var proxy = new CutProxy(new UriBuilder(server.Address) { Scheme = "http", Path = "" }.Uri.ToString());
        await using var dora = Clients.Make(new Uri(proxy.Address.Replace("http", "ws", StringComparison.Ordinal) + "/ws"), options => options.User = user);
        var entered = new TaskCompletionSource<RealtimeRoom>();
        dora.RoomEntered += (_, room) => entered.TrySetResult(room);
        await dora.PingAsync().Soon();
        await server.Grains.GetGrain<IUserGrain>(user).Join(_room);
        var room = await entered.Task.Soon();
        Assert.Same(room, await dora.JoinAsync(_room).Soon());
        await Say("1");
        var events = await room.EventsAsync().Take(2);
        Assert.Equal((true, "1"), (Assert.IsType<RoomJoined>(events[0]).ByServer, Assert.IsType<RoomMessage>(events[1]).Content));
        proxy.Cut();
        await Say("2");
        Assert.Equal("2", (await room.MessagesAsync().Take(1))[0].Content);
        await server.Grains.GetGrain<IUserGrain>(user).Leave(_room);
        await Clients.Fails(RealtimeErrorCodes.Removed, room.MessagesAsync().ToList());
    }

    [Fact]
    public async Task Who_is_taken_out_is_told_behind_the_last_message()
    {
        await using var bob = server.Client("bob-out");
        var room = await bob.JoinAsync(_room).Soon();
        await Say("1");
        await server.Grains.GetGrain<IRoomGrain>(_room).Remove("bob-out");
        var messages = room.MessagesAsync().GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await messages.MoveNextAsync().AsTask().Soon());
        await Clients.Fails(RealtimeErrorCodes.Removed, messages.MoveNextAsync().AsTask());
        await Clients.Fails(RealtimeErrorCodes.NotJoined, room.PublishAsync("x"));
        Assert.Empty(bob.Rooms);
        Assert.NotSame(room, await bob.JoinAsync(_room).Soon());
    }

    [Fact]
    public async Task What_is_published_without_an_echo_is_no_hole_and_what_is_ephemeral_has_no_number()
    {
        await using var alice = server.Client("alice");
        await using var bob = server.Client("bob");
        var silent = await alice.JoinAsync(_room, new() { Echo = false }).Soon();
        var room = await bob.JoinAsync(_room).Soon();
        await Task.WhenAll(Enumerable.Range(0, 50).Select(n => (n % 2 == 0 ? silent : room).PublishAsync($"{n}"))).Soon();
        await silent.PublishAsync("heard", new() { Echo = true }).Soon();
        await room.PublishEphemeralAsync("typing", key: "typing").Soon();
        await silent.PublishEphemeralAsync(JsonData.Parse("[7]"), echo: false).Soon();
        await server.Grains.GetGrain<IRoomGrain>(_room).Broadcast(new() { Content = "for others", Exclude = await alice.ConnectionIdAsync().Soon() });
        await room.PublishAsync("last").Soon();
        var heard = await silent.EventsAsync().Take(30);
        Assert.Equal([.. Enumerable.Range(0, 25).Select(n => $"{n * 2 + 1}"), "heard", "last"], heard.OfType<RoomMessage>().Select(message => message.Content));
        Assert.Equal(("typing", "typing", "bob"), heard.OfType<EphemeralMessage>().Single() is var its ? (its.Content, its.Key, its.From) : default);
        Assert.Empty(heard.OfType<RoomMissed>());
        Assert.Single(heard.OfType<RoomJoined>()); // no hole was seen
        Assert.Equal(53, silent.Position!.Value.Sequence);
        Assert.Equal("[7]", (await room.EventsAsync().Take(54)).OfType<EphemeralMessage>().Last().Data.ToString());
    }

    [Fact]
    public async Task What_the_server_refuses_fails_and_the_rest_goes_on()
    {
        await using var alice = server.Client("alice");
        var room = await alice.JoinAsync(_room).Soon();
        await Clients.Fails("content_too_long", room.PublishAsync(new string('x', 70_000)));
        await Clients.Fails(RealtimeErrorCodes.TooBig, room.PublishAsync(new string('x', 200_000)));
        await room.PublishAsync("1", new() { Id = "one" }).Soon();
        Assert.Equal(1, (await room.PublishAsync("1", new() { Id = "one" }).Soon()).Sequence);
        await Clients.Fails("id_conflict", room.PublishAsync("2", new PublishOptions { Id = "one" }));
        for (var i = 1; i < 20; i++)
            await alice.JoinAsync($"{_room}-{i}").Soon();
        await Clients.Fails("too_many_rooms", alice.JoinAsync($"{_room}-20"));
        Assert.Equal(20, alice.Rooms.Count);
        await room.PublishAsync("3").Soon();
        Assert.Equal(["1", "3"], (await room.MessagesAsync().Take(2)).Select(message => message.Content));
    }
}
