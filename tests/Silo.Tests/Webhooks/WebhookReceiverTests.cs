using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Realtime.Grains;
using Realtime.Settings;
using Realtime.Silo.Hooks;
using Realtime.Silo.Logs;
using Realtime.Silo.Webhooks;

namespace Realtime.Silo.Tests.Webhooks;

/// <summary>What rooms tell a receiver, whatever it answers.</summary>
public sealed class WebhookReceiverTests : IAsyncLifetime
{
    private readonly WebhookOptions _options = new() { BatchDelay = TimeSpan.FromMilliseconds(5), RetryDelay = TimeSpan.FromMilliseconds(20), MaxRetryDelay = TimeSpan.FromMilliseconds(100), Timeout = TimeSpan.FromSeconds(10) };
    private TestReceiver _receiver = null!;
    private WebhookService? _service;
    private readonly Dictionary<string, long> _orders = [];

    public async ValueTask InitializeAsync() => _receiver = await TestReceiver.Start();

    public async ValueTask DisposeAsync()
    {
        _service?.Dispose();
        await _receiver.DisposeAsync();
        Assert.Empty(_receiver.Faults);
    }

    private WebhookService Service => _service ??= NewService();

    private WebhookService NewService()
    {
        if (_options.Receivers.Count == 0)
            _options.Receivers.Add(new WebhookRule { Room = "*", Url = _receiver.Url + "/hook", Secret = TestReceiver.Secret });
        Assert.Empty(SettingsCheck.Problems("Webhooks", _options));
        return new WebhookService(Options.Create(_options), TimeProvider.System, NullLogger<WebhookReceiver>.Instance);
    }

    private RoomWebhooks Room(string name)
    {
        var room = Service.For(name)!;
        room.Open([]);
        return room;
    }

    /// <summary>The next messages of a room.</summary>
    private RoomFact[] Say(string room, int count = 1, string content = "x", long? timestamp = null) =>
        [.. Enumerable.Range(0, count).Select(_ =>
        {
            var order = _orders[room] = _orders.GetValueOrDefault(room) + 1;
            var message = new FrontEvent
            {
                Kind = FrontEventKind.Message, Target = room, From = "alice", Epoch = "e1", Sequence = order, Order = order,
                Timestamp = timestamp ?? DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(), Body = System.Text.Encoding.UTF8.GetBytes($"\"content\":\"{content}\""),
            };
            return new RoomFact(RoomFactKind.Message, "e1", order, message.Timestamp, message);
        })];

    private static long[] Sequences(IEnumerable<JsonObject> events) => [.. events.Select(item => (long?)item["seq"] ?? -1)];

    private static long[] UpTo(int count) => [.. Enumerable.Range(1, count).Select(i => (long)i)];

    private static Task<bool> Refuse(HttpContext context, int status = 500)
    {
        context.Response.StatusCode = status;
        return Task.FromResult(false);
    }

    [Fact]
    public async Task Each_room_keeps_its_order_and_nothing_is_lost_whatever_the_receiver_answers()
    {
        var random = new Random(1);
        (_options.Concurrency, _options.BatchEvents, _options.Timeout) = (3, 20, TimeSpan.FromMilliseconds(500));
        _receiver.Answer = async (context, events) =>
        {
            int dice;
            lock (random)
                dice = random.Next(12);
            if (dice == 0)
                await Task.Delay(Timeout.Infinite, context.RequestAborted).ContinueWith(_ => { }, TaskScheduler.Default); // too late, though it is taken
            if (dice == 1)
                context.Abort();
            if (dice == 2)
                return await Refuse(context);
            if (dice == 3)
                context.Response.StatusCode = 500; // it is taken all the same
            return true;
        };
        string[] names = [.. Enumerable.Range(0, 20).Select(i => "room-" + i)];
        var rooms = names.ToDictionary(name => name, Room);
        for (var i = 0; i < 50; i++)
        {
            foreach (var name in names)
                rooms[name].Add(Say(name));
            if (i % 5 == 0)
                await Task.Delay(10);
        }
        foreach (var name in names)
            Assert.Equal(UpTo(50), Sequences(await _receiver.Events(name, 50)));
        Assert.True(_receiver.Repeats > 0);
        Assert.True(_receiver.Requests < 700, $"{_receiver.Requests} requests for 1,000 events");
    }

    [Fact]
    public async Task A_receiver_gets_so_many_requests_at_once()
    {
        (_options.Concurrency, _options.BatchEvents) = (3, 1);
        var (running, all) = (0, new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously));
        _receiver.Answer = async (_, _) =>
        {
            if (Interlocked.Increment(ref running) == 3)
                all.SetResult();
            await all.Task; // the first ones wait until there are three
            return true;
        };
        for (var i = 0; i < 20; i++)
            Room("room-" + i).Add(Say("room-" + i));
        for (var i = 0; i < 20; i++)
            await _receiver.Events("room-" + i, 1);
        Assert.Equal(3, _receiver.MostAtOnce);
    }

    [Fact]
    public async Task Redirects_are_not_followed_and_answers_are_not_read()
    {
        var visits = 0;
        var step = 0;
        _receiver.Answer = async (context, _) =>
        {
            if (context.Request.Path == "/elsewhere")
                Interlocked.Increment(ref visits);
            switch (Interlocked.Increment(ref step))
            {
                case 1:
                    context.Response.Redirect(_receiver.Url + "/elsewhere", permanent: false, preserveMethod: true);
                    return false;
                case 2:
                    context.Response.StatusCode = 400;
                    context.Response.Headers["X-Long"] = new string('x', 20_000); // more than is taken
                    return false;
                case 3:
                    context.Response.StatusCode = 500;
                    await WriteMuch(context);
                    return false;
                case 4:
                    context.Response.StatusCode = 429;
                    context.Response.Headers.RetryAfter = "86400"; // and it waits no longer than ever
                    return false;
                default:
                    await WriteMuch(context);
                    return true;
            }
        };
        var room = Room("a");
        room.Add(Say("a"));
        await _receiver.Events("a", 1);
        room.Add(Say("a"));
        Assert.True(Sequences(await _receiver.Events("a", 2)) is [1, 2]);
        Assert.Equal((0, 6), (visits, _receiver.Requests));

        static async Task WriteMuch(HttpContext context)
        {
            try
            {
                var block = new byte[1024 * 1024];
                for (var i = 0; i < 10; i++)
                {
                    await context.Response.Body.WriteAsync(block);
                    await context.Response.Body.FlushAsync();
                }
            }
            catch (Exception exception) when (exception is IOException or OperationCanceledException)
            {
                // It is not read to its end.
            }
        }
    }

    [Fact]
    public async Task What_the_receiver_does_not_take_of_one_room_keeps_no_other_from_it()
    {
        var isBad = true;
        _receiver.Answer = (context, events) => isBad && events.Any(item => (string?)item!["room"] == "bad") ? Refuse(context) : Task.FromResult(true);
        var (bad, good) = (Room("bad"), Room("good"));
        bad.Add(Say("bad", 3));
        good.Add(Say("good", 3));
        await _receiver.Events("good", 3);
        good.Add(Say("good"));
        await _receiver.Events("good", 4);
        bad.Add(Say("bad"));
        Assert.True(bad.HasWaiting);
        isBad = false;
        Assert.Equal(UpTo(4), Sequences(await _receiver.Events("bad", 4)));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_backlog_has_bounds_and_the_receiver_is_told_what_it_lacks(bool byNumber)
    {
        if (byNumber)
            _options.BacklogEvents = 5;
        else
            _options.BacklogBytes = 2500; // for five of those below, but not for six
        var isDown = true;
        _receiver.Answer = (context, _) => isDown ? Refuse(context) : Task.FromResult(true);
        var room = Room("a");
        room.Add(Say("a", 20, new string('x', 280)));
        isDown = false;
        var events = await _receiver.Events("a", 6);
        Assert.True(Sequences(events) is [1, 2, 3, 4, 5, -1]);
        Assert.Equal(("dropped", "e1", 20, 15, 6, 20),
            ((string?)events[5]["type"], (string?)events[5]["epoch"], (long)events[5]["order"]!, (long)events[5]["events"]!, (long)events[5]["from"]!, (long)events[5]["to"]!));
        room.Add(Say("a", 2));
        Assert.True(Sequences((await _receiver.Events("a", 8))[6..]) is [21, 22]);
    }

    [Fact]
    public async Task Events_that_are_too_old_are_dropped_and_the_receiver_is_told()
    {
        var room = Room("a");
        room.Add([.. Say("a", 3, timestamp: 1000), .. Say("a", 2)]);
        var events = await _receiver.Events("a", 3);
        Assert.True(Sequences(events) is [-1, 4, 5]);
        Assert.Equal((3, 1, 3), ((long)events[0]["events"]!, (long)events[0]["from"]!, (long)events[0]["to"]!));
    }

    [Fact]
    public async Task The_bytes_of_a_silo_have_a_bound_for_all_rooms_together()
    {
        _options.TotalBacklogBytes = 65536;
        var isDown = true;
        _receiver.Answer = (context, _) => isDown ? Refuse(context) : Task.FromResult(true);
        for (var i = 0; i < 10; i++)
            Room("room-" + i).Add(Say("room-" + i, 1, new string('x', 20_000)));
        isDown = false;
        for (var i = 0; i < 10; i++)
            Assert.Equal(i < 3 ? "message" : "dropped", (string?)(await _receiver.Events("room-" + i, 1))[0]["type"]);
    }

    [Fact]
    public async Task A_request_is_bounded_in_bytes_and_a_larger_event_goes_alone()
    {
        _options.BatchBytes = 1024;
        _receiver.Answer = (context, events) =>
        {
            if (events.Count > 1 && context.Request.ContentLength > 1024)
                _receiver.Faults.Add($"{context.Request.ContentLength} bytes");
            return Task.FromResult(true);
        };
        var room = Room("a");
        room.Add([.. Say("a", 5, new string('x', 300)), .. Say("a", 1, new string('x', 5000)), .. Say("a", 5, new string('x', 300))]);
        Assert.Equal(UpTo(11), Sequences(await _receiver.Events("a", 11)));
    }

    [Fact]
    public async Task A_room_takes_along_what_waits_and_what_was_under_way_is_marked_as_a_repeat()
    {
        var gate = new TaskCompletionSource();
        _receiver.Answer = async (_, _) =>
        {
            await gate.Task;
            return true;
        };
        var room = Room("a");
        room.Add(Say("a", 3));
        while (Volatile.Read(ref _receiver.Requests) == 0)
            await Task.Delay(5);
        room.Add(Say("a", 2));
        Assert.Equal(1, Assert.Single(Service.Waiting));
        await room.Pause(TimeSpan.FromMilliseconds(50)); // it hangs
        var state = Assert.Single(room.Close());
        Assert.Equal((5, 1), (state.Events.Length, state.Attempts));
        gate.SetResult();

        using var other = NewService();
        var there = other.For("a")!;
        there.Open([state]);
        there.Add(Say("a"));
        Assert.Equal(UpTo(6), Sequences(await _receiver.Events("a", 6)));
        // Without anything under way nothing comes twice.
        await there.Pause(TimeSpan.FromSeconds(10));
        there.Add(Say("a"));
        state = Assert.Single(there.Close());
        Assert.Equal((1, 0), (state.Events.Length, state.Attempts));
        // Rooms without anything that waits are not held.
        other.For("b")!.Open([]);
        await other.For("c")!.Pause(TimeSpan.FromSeconds(1));
        Assert.Equal(0, Assert.Single(other.Waiting));
    }

    [Fact]
    public async Task What_a_killed_silo_had_not_sent_comes_from_the_log_and_what_that_has_no_more_is_told()
    {
        var facts = new RoomFacts();
        facts.Open(term: 2);
        FrontEvent[] kept = [.. Say("a", 9).Select(fact => fact.Message!)];
        var opened = new OpenedLog(null!, "e1", 9, kept[5..], []); // the last four
        var room = Room("a");
        room.CatchUp(opened, [7], known: 0, facts, now: DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        Assert.True(Sequences(await _receiver.Events("a", 2)) is [8, 9]);
        var other = Room("b");
        other.CatchUp(opened, [2], known: 0, facts, now: DateTimeOffset.UtcNow.ToUnixTimeMilliseconds());
        var events = await _receiver.Events("b", 5);
        Assert.Equal((-1, 6, 9), (Sequences(events)[0], Sequences(events)[1], Sequences(events)[4]));
        Assert.Equal((3, 3, 5), ((long)events[0]["events"]!, (long)events[0]["from"]!, (long)events[0]["to"]!));
        Assert.All(events, item => Assert.InRange((long)item["order"]!, (2L << 32) + 1, (2L << 32) + 20));
        // What the room has given already is not given again.
        Room("c").CatchUp(opened, [2], known: 9, facts, now: 0);
        Assert.False(Service.For("c")!.HasWaiting);
    }

    [Fact]
    public async Task Each_secret_signs_so_that_one_can_take_the_place_of_another()
    {
        const string next = "the next one, 16+";
        _options.Receivers.Add(new WebhookRule { Room = "*", Url = _receiver.Url, Secret = TestReceiver.Secret, Secrets = { next } });
        Room("a").Add(Say("a"));
        await _receiver.Messages("a", 1);
        var (signature, body) = _receiver.Last;
        Assert.Equal(3, signature.Split(',').Length);
        foreach (var known in new string[][] { [TestReceiver.Secret], [next], [next, TestReceiver.Secret], ["of something else", next] })
            Assert.True(Verifier(known).IsGenuine(signature, body));
        foreach (var unknown in new string[][] { ["of something else"], [""], [] })
            Assert.False(Verifier(unknown).IsGenuine(signature, body));
        Assert.False(Verifier([next]).IsGenuine(signature, [.. body, (byte)' ']));

        // As a receiver is shown to do it.
        static Realtime.Webhooks.WebhookVerifier Verifier(string[] secrets) => new(secrets, TimeProvider.System);
    }

    [Theory]
    [InlineData("Receivers:0:Secrets:0 has 5 characters; it must have 16 to 256.", "", "short")]
    [InlineData("Receivers:0:Secrets:1 is there twice; each secret may be there once.", "", "0123456789abcdef", "0123456789abcdef")]
    [InlineData("Receivers:0:Secrets:0 is there twice; each secret may be there once.", "0123456789abcdef", "0123456789abcdef")]
    [InlineData("Receivers:0:Secrets has 4 entries; with Secret there may be 4.", "0123456789abcdef", "1123456789abcdef", "2123456789abcdef", "3123456789abcdef", "4123456789abcdef")]
    [InlineData(null, "0123456789abcdef", "1123456789abcdef", "2123456789abcdef", "3123456789abcdef")]
    [InlineData(null, "", "1123456789abcdef")]
    public void Secrets_are_checked_and_not_repeated(string? problem, string secret, params string[] secrets)
    {
        var options = new WebhookOptions { Receivers = { new() { Room = "a", Url = "http://x/", Secret = secret, Secrets = [.. secrets] } } };
        Assert.Equal(problem is null ? [] : [$"Webhooks:{problem}"], SettingsCheck.Problems("Webhooks", options));
    }

    [Fact]
    public void Settings_are_checked()
    {
        var options = new WebhookOptions
        {
            RetryDelay = TimeSpan.FromMinutes(2),
            Receivers =
            {
                new() { Room = "a*b", Url = "ftp://x/", Secret = "short", Events = { "message", "Join" } },
                new() { Room = "a", Url = "https://user:password@x/?key=1", Secret = "" },
                new() { Room = "a", Url = "/relative", Secret = new string('x', 257) },
                new() { Room = "b", Url = "http://x/#a", Secret = TestReceiver.Secret },
                new() { Room = "c", Url = "http://x/", Secret = TestReceiver.Secret },
                new() { Room = "c", Url = "http://x/", Secret = TestReceiver.Secret },
            },
        };
        string[] problems = [.. SettingsCheck.Problems("Webhooks", options)];
        foreach (var part in new[]
        {
            "Receivers:0:Room is 'a*b'", "Receivers:0:Url must be", "Receivers:0:Secret has 5", "Receivers:0:Events:1 is 'Join'; it must be one of message, join, leave, occupied, vacated.",
            "Receivers:1:Url must be", "Receivers:1:Secret is missing", "Receivers:2:Url must be", "Receivers:2:Secret has 257", "Receivers:3:Url must be", "Receivers:5 has the Room and Url", "MaxRetryDelay is",
        })
            Assert.Contains(problems, problem => problem.StartsWith("Webhooks:" + part, StringComparison.Ordinal));
        Assert.Equal(11, problems.Length);
        Assert.DoesNotContain(problems, problem => problem.Contains("password", StringComparison.Ordinal) || problem.Contains("key", StringComparison.Ordinal));
    }
}
