using System.Net.WebSockets;

namespace Realtime.Client.Tests;

/// <summary>Servers that lose, repeat, refuse and drop, and clients that read too slowly.</summary>
public sealed class ScriptTests
{
    private static async Task<(RealtimeClient Client, RealtimeRoom Room, ScriptedConnection Connection)> Member(ScriptedServer server, Action<RealtimeClientOptions>? configure = null, string more = "")
    {
        var client = Clients.Make(server.Address, configure);
        var joining = client.JoinAsync("lobby");
        var connection = await server.AcceptMember(more: more);
        return (client, await joining.Soon(), connection);
    }

    [Fact]
    public async Task A_hole_is_filled_by_leaving_and_joining_before_anything_newer_comes()
    {
        await using var server = await ScriptedServer.Start();
        var (client, room, connection) = await Member(server);
        await using var _ = client;
        await connection.SendMessage(1, "1");
        await connection.SendMessage(1, "a repeat");
        await connection.SendMessage(3, "3");
        var leave = await connection.Receive("leave");
        await connection.SendMessage(4, "of the former stay");
        await connection.Send($$"""{"type":"left","id":"{{leave["id"]}}","room":"lobby"}""");
        var join = await connection.LetIn(sequence: 4, more: ",\"recovered\":true");
        Assert.Equal(("e", 1L), ((string?)join["epoch"], (long?)join["seq"]));
        // 2 is lost for good: it is not fetched a second time, and told.
        await connection.SendMessage(3, "3");
        await connection.SendMessage(4, "4");
        await connection.SendMessage(7, "of a new epoch", "f");
        await connection.Send("""{"type":"joined","room":"lobby","epoch":"g","seq":2,"members":1,"recovered":false}""");
        await connection.SendMessage(3, "3 of g", "g");
        var messages = await room.MessagesAsync().Take(5);
        Assert.Equal(["1", "3", "4", "of a new epoch", "3 of g"], messages.Select(message => message.Content));
        var missed = messages.ConvertAll(message => message.Missed is { } loss ? $"{loss.Since}-{loss.Position}" : "");
        Assert.Equal(["", "e/1-e/2", "", "e/4-f/6", "f/7-g/2"], missed);
    }

    [Fact]
    public async Task Unwrapped_frames_fill_holes_and_what_is_no_frame_harms_nothing()
    {
        await using var server = await ScriptedServer.Start();
        var (client, room, connection) = await Member(server);
        await using var _ = client;
        var raw = client.RawFramesAsync().Take(5);
        await connection.Send("""{"type":"price","eur":7}""");
        await connection.Send("not JSON");
        await connection.Send("""{"type":"message" """);
        await connection.Send("\u0001\u0002", WebSocketMessageType.Binary);
        await connection.Send("");
        await connection.SendMessage(6, "6");
        // Of the protocol, and yet not: they are passed over.
        foreach (var broken in new[]
        {
            """{"type":"message","room":"lobby","epoch":7,"seq":7}""", """{"type":"message","room":"lobby","epoch":"e"}""", """{"type":"message","room":"lobby","epoch":"e","seq":-7}""",
            """{"type":"joined"}""", """{"type":"ack"}""", """{"type":"dropped"}""", """{"type":"error"}""", """{"type":"call"}""", """{"type":"members","id":"1"}""",
            """{"type":"presence","room":"lobby","members":"7"}""", """{"type":"message","room":"lobby","epoch":"e","seq":7,"content":"\ud800"}""",
            """{"type":"result","id":"unknown"}""", """{"type":"error","code":"odd","content":"nobody asked"}""", """{"type":"left","room":"elsewhere","by":"server"}""",
        })
            await connection.Send(broken);
        await connection.SendMessage(7, "7");
        var seen = await room.MessagesAsync().Take(2);
        Assert.Equal(["6", "7"], seen.Select(message => message.Content));
        Assert.Equal(5, (await raw).Count);
        Assert.Equal(RealtimeState.Connected, client.Status.State);
        Assert.All(seen, message => Assert.Null(message.Missed));
    }

    [Fact]
    public async Task A_hole_waits_for_the_acks_of_messages_without_an_echo()
    {
        await using var server = await ScriptedServer.Start();
        var (client, room, connection) = await Member(server);
        await using var _ = client;
        var publishes = new[] { room.PublishAsync("1", new() { Echo = false }), room.PublishAsync("3", new() { Echo = false }) };
        var frames = new[] { await connection.Receive("message"), await connection.Receive("message") };
        Assert.False((bool)frames[0]["echo"]!);
        await connection.SendMessage(2, "2");
        await connection.Send("""{"type":"presence","room":"lobby","members":7}""");
        await connection.SendMessage(4, "4");
        foreach (var (frame, sequence) in frames.Zip([1, 3]))
            await connection.Send($$"""{"type":"ack","id":"{{frame["id"]}}","room":"lobby","epoch":"e","seq":{{sequence}}}""");
        await connection.Send("""{"type":"excluded","room":"lobby","epoch":"e","seq":5}""");
        await connection.SendMessage(6, "6");
        await Task.WhenAll(publishes).Soon();
        var told = (await room.EventsAsync().Take(5)).ConvertAll(its => its is RoomMessage message ? message.Content : its.GetType().Name);
        Assert.Equal(["RoomJoined", "2", "MemberCount", "4", "6"], told);
        // One that is never answered: the hole is fetched when its time is over.
        var late = room.PublishAsync("late", new() { Echo = false, Timeout = TimeSpan.FromMilliseconds(50) });
        await connection.Receive("message");
        await connection.SendMessage(8, "8");
        await Clients.Fails(RealtimeErrorCodes.Timeout, late);
        var leave = await connection.Receive("leave");
        await connection.Send($$"""{"type":"left","id":"{{leave["id"]}}","room":"lobby"}""");
        Assert.Equal(6, (long?)(await connection.LetIn(sequence: 8, more: ",\"recovered\":true"))["seq"]);
    }

    [Fact]
    public async Task What_the_server_drops_is_told_in_its_place()
    {
        await using var server = await ScriptedServer.Start();
        var (client, room, connection) = await Member(server);
        await using var _ = client;
        await connection.SendMessage(1, "1");
        await connection.Send("""{"type":"dropped","room":"lobby","epoch":"e","from":2,"to":4}""");
        await connection.Send("""{"type":"dropped","room":"lobby","epoch":"e","from":2,"to":4}""");
        await connection.Send("""{"type":"dropped","room":"lobby","presence":true}""");
        await connection.Send("""{"type":"presence","room":"lobby","members":1234}""");
        await connection.SendMessage(5, "5");
        await connection.Send("""{"type":"members","room":"lobby","members":2,"order":3,"users":["alice","carl"],"data":{"carl":[1]}}""");
        await connection.Send("""{"type":"update","room":"lobby","from":"carl"}""");
        await connection.Send("""{"type":"dropped","direct":true,"sender":"bob"}""");
        await connection.Send("""{"type":"message","to":"me","from":"carl","content":"psst","timestamp":1760000000000}""");
        var told = (await room.EventsAsync().Take(8)).ConvertAll(its => its switch
        {
            RoomMissed missed => $"missed {missed.Since} {missed.Position} {missed.Reason} {missed.Presence}",
            RoomMessage message => message.Content,
            MemberCount count => $"{count.Members} members",
            RoomMembers { Page: var page } => $"{string.Join(',', page.Users)} of {page.Total}, {page.Order}, {page.Data["carl"]}",
            MemberUpdated update => $"{update.User} shows {(update.Data.IsNone ? "nothing" : update.Data.ToString())}",
            _ => its.GetType().Name,
        });
        Assert.Equal(["RoomJoined", "1", "missed e/1 e/4 SlowConnection False", "missed e/4 e/4 SlowConnection True", "1234 members", "5",
            "alice,carl of 2, 3, [1]", "carl shows nothing"], told);
        Assert.Equal(2, room.Members);
        var direct = (await client.DirectMessagesAsync().Take(1))[0];
        Assert.Equal(("psst", "bob", MissedReason.SlowConnection, null), (direct.Content, direct.Missed!.Sender, direct.Missed.Reason, direct.Position));
    }

    [Fact]
    public async Task A_publish_is_tried_under_one_id_until_it_is_answered()
    {
        await using var server = await ScriptedServer.Start();
        var (client, room, connection) = await Member(server);
        await using var _ = client;
        var publishes = new[] { room.PublishAsync("1"), room.PublishAsync("2") };
        var frames = new[] { await connection.Receive("message"), await connection.Receive("message") };
        foreach (var frame in frames)
            await connection.Send($$"""{"type":"error","id":"{{frame["id"]}}","room":"lobby","code":"rate_limited","content":"..","retryAfter":50}""");
        // After a pause, both and in their order, under the same ids.
        foreach (var frame in frames)
            Assert.Equal(frame.ToJsonString(), (await connection.Receive("message")).ToJsonString());
        var direct = client.SendToAsync("bob", "psst");
        Assert.Equal("psst", (string?)(await connection.Receive("message"))["content"]);
        var ping = client.PingAsync();
        await connection.Receive("ping");
        connection.Cut();
        // The connection is lost: the question and the direct message fail, the publishes go on.
        await Clients.Fails(RealtimeErrorCodes.Unconfirmed, direct);
        await Clients.Fails(RealtimeErrorCodes.Offline, ping);
        var next = await server.AcceptMember(more: ",\"recovered\":true");
        Assert.Equal(frames[0].ToJsonString(), (await next.Receive("message")).ToJsonString());
        Assert.Equal(frames[1].ToJsonString(), (await next.Receive("message")).ToJsonString());
        await next.Send($$"""{"type":"error","id":"{{frames[1]["id"]}}","code":"forbidden","content":"no"}""");
        await next.Send($$"""{"type":"ack","id":"{{frames[0]["id"]}}","room":"lobby","epoch":"e","seq":7}""");
        Assert.Equal(new Position("e", 7), await publishes[0].Soon());
        await Clients.Fails("forbidden", publishes[1]);
    }

    [Fact]
    public async Task What_waits_for_answers_is_bounded_in_messages_bytes_and_time()
    {
        await using var server = await ScriptedServer.Start();
        var (client, room, connection) = await Member(server, options => (options.OutboxMessages, options.OutboxBytes) = (4, 1_000));
        await using var _ = client;
        var waiting = new List<Task> { room.PublishAsync("1", new PublishOptions { Id = "same" }), room.PublishAsync("2") };
        await Assert.ThrowsAsync<ArgumentException>(() => room.PublishAsync("1", new PublishOptions { Id = "same" }));
        await Clients.Fails(RealtimeErrorCodes.QueueFull, room.PublishAsync(new string('x', 900)));
        await Clients.Fails(RealtimeErrorCodes.Timeout, room.PublishAsync("late", new PublishOptions { Timeout = TimeSpan.FromMilliseconds(20) }));
        waiting.AddRange([room.PublishAsync("3"), client.SendToAsync("bob", "4")]);
        await Clients.Fails(RealtimeErrorCodes.QueueFull, room.PublishAsync("5"));
        using var ends = new CancellationTokenSource();
        var pings = Enumerable.Range(0, 4).Select(_ => client.PingAsync(ends.Token)).ToArray();
        await Clients.Fails(RealtimeErrorCodes.QueueFull, client.PingAsync());
        await ends.CancelAsync();
        foreach (var ping in pings)
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => ping.Soon());
        await Clients.Fails(RealtimeErrorCodes.Timeout, client.CallAsync("m", timeout: TimeSpan.FromMilliseconds(20)));
        var leaving = room.LeaveAsync();
        foreach (var item in waiting.Take(3))
            await Clients.Fails(RealtimeErrorCodes.Left, item);
        connection.Cut();
        await leaving.Soon();
    }

    [Fact]
    public async Task Who_reads_too_slowly_keeps_the_newest_in_bounded_space_and_is_told()
    {
        await using var server = await ScriptedServer.Start();
        var (client, room, connection) = await Member(server, options => (options.ReceiveMessages, options.ReceiveBytes) = (10, 2_000));
        await using var _ = client;
        for (var i = 1; i <= 25; i++)
            await connection.SendMessage(i, $"{i}");
        var ping = client.PingAsync();
        await connection.Send($$"""{"type":"pong","id":"{{(await connection.Receive("ping"))["id"]}}","timestamp":1}""");
        await ping.Soon(); // all have come

        var first = (await room.MessagesAsync().Take(1))[0];
        Assert.Equal(MissedReason.SlowConsumer, first.Missed!.Reason);
        Assert.Equal((new Position("e", 0), first.Position with { Sequence = first.Position.Sequence - 1 }), (first.Missed.Since!.Value, first.Missed.Position));
        Assert.InRange(first.Position.Sequence, 16, 25); // the bound in bytes may be the nearer one
        var rest = await room.MessagesAsync().Take(25 - (int)first.Position.Sequence);
        Assert.Equal("25", rest.Count > 0 ? rest[^1].Content : first.Content);
        Assert.All(rest, message => Assert.Null(message.Missed));
        // One that is larger than all of the space comes by itself.
        await connection.SendMessage(26, new string('x', 5_000));
        Assert.Equal(5_000, (await room.MessagesAsync().Take(1))[0].Content!.Length);
    }

    [Fact]
    public async Task One_reads_at_a_time_and_a_consumer_that_throws_can_begin_again()
    {
        await using var server = await ScriptedServer.Start();
        var (client, room, connection) = await Member(server);
        await connection.SendMessage(1, "1");
        await connection.SendMessage(2, "2");
        await Assert.ThrowsAsync<FormatException>(async () =>
        {
            await foreach (var message in room.MessagesAsync())
                throw new FormatException(message.Content);
        });
        var next = room.MessagesAsync().GetAsyncEnumerator(TestContext.Current.CancellationToken);
        Assert.True(await next.MoveNextAsync().AsTask().Soon());
        Assert.Equal("2", next.Current.Content);
        await Assert.ThrowsAsync<InvalidOperationException>(() => room.EventsAsync().Take(1));
        var waits = next.MoveNextAsync().AsTask();
        await client.DisposeAsync().AsTask().Soon();
        Assert.False(await waits.Soon());
        using var cancelled = new CancellationTokenSource(50);
        await using var idle = Clients.Make(server.Address);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () =>
        {
            await foreach (var message in idle.DirectMessagesAsync(cancelled.Token))
                Assert.Fail(message.Content);
        });
    }

    [Fact]
    public async Task A_join_that_is_never_answered_is_given_up_and_one_that_is_cancelled_is_left()
    {
        await using var server = await ScriptedServer.Start();
        await using var client = Clients.Make(server.Address, options => options.AnswerTimeout = TimeSpan.FromMilliseconds(50));
        var joining = client.JoinAsync("lobby");
        for (var i = 0; i < 3; i++)
            await (await server.Accept()).Receive("join");
        await Clients.Fails(RealtimeErrorCodes.Timeout, joining);
        using var cancelled = new CancellationTokenSource(10);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.JoinAsync("other", cancellation: cancelled.Token).Soon());
        Assert.Empty(client.Rooms);

        // What may pass is tried again; what does not is told.
        var refused = client.JoinAsync("lobby");
        await server.Accept();
        await client.CloseAsync().Soon();
        await Clients.Fails(RealtimeErrorCodes.Offline, refused);
    }
}
