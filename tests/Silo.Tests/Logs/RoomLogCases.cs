using System.Text;
using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests.Logs;

/// <summary>
/// What every log that keeps messages does. It uses nothing but the public interfaces: who writes a log for another store takes this file
/// along, and derives from it.
/// </summary>
public abstract class RoomLogCases : IAsyncLifetime
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(30);
    private static readonly Retention s_retention = new(300, TimeSpan.FromMinutes(10), 1_000_000);

    private IRoomLogs _logs = null!;

    /// <summary>Makes an empty store.</summary>
    protected abstract Task Create();

    /// <summary>The logs of a process that has started on the store; those of the process before have been ended.</summary>
    protected abstract Task<IRoomLogs> Start();

    /// <summary>Ends what <see cref="Start"/> has given.</summary>
    protected abstract Task End();

    public async ValueTask InitializeAsync()
    {
        await Create();
        _logs = await Start();
    }

    public async ValueTask DisposeAsync()
    {
        await End();
        GC.SuppressFinalize(this);
    }

    private async Task Restart()
    {
        await End();
        _logs = await Start();
    }

    private async Task<OpenedLog> Open(string room = "lobby") => await _logs.Open(room, s_retention).AsTask().WaitAsync(s_bound);

    private static byte[] Body(string content) => Encoding.UTF8.GetBytes($"\"content\":\"{content}\"");

    private static LogEntry Entry(OpenedLog log, long sequence, string content = "hi", string? id = null, string? from = "alice",
        FrontEventKind kind = FrontEventKind.Message, bool isService = false) =>
        new(new FrontEvent
        {
            Kind = kind,
            Target = "lobby",
            From = from,
            Epoch = log.Epoch,
            Sequence = sequence,
            Order = log.Log.Mark.FirstOrder + sequence,
            Timestamp = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds(),
            Body = Body(content),
            IsService = isService,
        }, id, ulong.MaxValue - (ulong)sequence);

    private static Task Append(OpenedLog log, params LogEntry[] entries) => log.Log.Append(entries).AsTask().WaitAsync(s_bound);

    [Fact]
    public async Task What_was_kept_is_there_after_a_restart_in_the_same_epoch()
    {
        var first = await Open();
        Assert.Equal((0, 0, 0), (first.Sequence, first.Messages.Length, first.Publishes.Length));
        Assert.NotEqual(first.Epoch, (await Open("other")).Epoch);
        await Append(first, Entry(first, 1, "a", id: "id\0 1"), Entry(first, 2, "b", from: null, id: "two"));
        await Append(first, Entry(first, 3, "c", kind: FrontEventKind.Text), Entry(first, 4, "d", kind: FrontEventKind.Binary));
        await Append(first, Entry(first, 5, "e", id: "two", isService: true));

        await Restart();
        var second = await Open();
        Assert.Equal((first.Epoch, 5), (second.Epoch, second.Sequence));
        Assert.True(second.Log.Mark.Term > first.Log.Mark.Term);
        Assert.True(second.Log.Mark.FirstOrder > first.Log.Mark.FirstOrder + 1_000_000);
        Assert.Equal([1, 2, 3, 4, 5], second.Messages.Select(message => message.Sequence));
        Assert.Equal(["alice", null, "alice", "alice", "alice"], second.Messages.Select(message => message.From));
        Assert.Equal([false, false, false, false, true], second.Messages.Select(message => message.IsService));
        Assert.Equal([FrontEventKind.Message, FrontEventKind.Message, FrontEventKind.Text, FrontEventKind.Binary, FrontEventKind.Message], second.Messages.Select(message => message.Kind));
        Assert.Equal(Body("c"), second.Messages[2].Body);
        Assert.All(second.Messages, message => Assert.Equal(("lobby", first.Epoch, second.Log.Mark.FirstOrder), (message.Target, message.Epoch, message.Order)));

        Assert.Equal(["id\0 1", "two", "two"], second.Publishes.Select(publish => publish.Id));
        Assert.Equal(["alice", null, KnownPublish.OfService("alice")], second.Publishes.Select(publish => publish.User));
        Assert.Equal([1, 2, 5], second.Publishes.Select(publish => publish.Receipt.Sequence));
        Assert.Equal(ulong.MaxValue - 1, second.Publishes[0].BodyHash);
        Assert.Equal((first.Epoch, second.Messages[0].Timestamp), (second.Publishes[0].Receipt.Epoch, second.Publishes[0].Receipt.Timestamp));
        await Append(second, Entry(second, 6));
    }

    [Fact]
    public async Task The_state_is_kept_with_the_messages_that_change_it_and_stays_when_they_go()
    {
        var first = await Open();
        var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
        StateEntry Set(string key, long sequence, string? content, long expires = 0) => new(key, sequence, content is null ? [] : Body(content))
        {
            From = sequence == 2 ? null : "alice",
            IsService = sequence == 2,
            Timestamp = now,
            Expires = expires,
        };
        LogEntry Change(OpenedLog log, StateEntry entry) => Entry(log, entry.Sequence) with { State = entry };
        await Append(first, Change(first, Set("a\0", 1, "one")), Change(first, Set("b", 2, "two")), Entry(first, 3), Change(first, Set("a\0", 4, "four")));
        await Append(first, Change(first, Set("b", 5, null)), Change(first, Set("c", 6, null)), Change(first, Set("c", 7, "seven", now + 3_600_000)));
        await Append(first, Change(first, Set("d", 8, "eight", now - 1)), Change(first, Set("e", 9, "nine")), Change(first, Set("e", 10, null)), Change(first, Set("b", 11, "eleven")));
        var other = await Open("other");
        await Append(other, Entry(other, 1) with { State = Set("a\0", 1, "of another room") });
        var lost = await Open("lost");
        await Open("lost");
        await Assert.ThrowsAsync<LogFencedException>(() => Append(lost, Entry(lost, 1) with { State = Set("a", 1, "lost") }));
        first.Log.Trim(12);

        await Restart();
        var second = await Open();
        Assert.Equal(
            [("a\0", 4, "four", 0), ("b", 11, "eleven", 0), ("c", 7, "seven", now + 3_600_000)],
            second.State.Where(entry => entry.Expires == 0 || entry.Expires >= now).OrderBy(entry => entry.Key, StringComparer.Ordinal)
                .Select(entry => (entry.Key, entry.Sequence, Encoding.UTF8.GetString(entry.Body)[11..^1], entry.Expires)));
        Assert.All(second.State, entry => Assert.Equal(("alice", false, now), (entry.From, entry.IsService, entry.Timestamp)));
        Assert.Empty((await Open("lost")).State);
        await Append(second, Change(second, Set("a\0", 12, null)));
        Assert.DoesNotContain((await Open()).State, entry => entry.Key == "a\0");
        Assert.Equal("of another room", Encoding.UTF8.GetString(Assert.Single((await Open("other")).State).Body)[11..^1]);
    }

    [Fact]
    public async Task A_log_is_found_where_there_is_one_and_else_none_is_made()
    {
        Assert.Null(await _logs.Find("nobody", s_retention).AsTask().WaitAsync(s_bound));
        Assert.Null(await _logs.Find("nobody", s_retention).AsTask().WaitAsync(s_bound));
        var first = await Open();
        await Append(first, Entry(first, 1));
        var found = await _logs.Find("lobby", s_retention).AsTask().WaitAsync(s_bound);
        Assert.Equal((first.Epoch, 1, 1), (found!.Epoch, found.Sequence, found.Messages.Length));
        await Assert.ThrowsAsync<LogFencedException>(() => Append(first, Entry(first, 2)));
        await Append(found, Entry(found, 2));
    }

    [Fact]
    public async Task Who_has_lost_the_room_cannot_write()
    {
        var first = await Open();
        await Append(first, Entry(first, 1));
        var second = await Open();
        await Assert.ThrowsAsync<LogFencedException>(() => Append(first, Entry(first, 2, "lost")));
        await Append(second, Entry(second, 2, "kept"));
        await Assert.ThrowsAsync<LogFencedException>(() => Append(first, Entry(first, 3, "lost")));
        Assert.Equal([Body("hi"), Body("kept")], (await Open()).Messages.Select(message => message.Body));
    }

    [Fact]
    public async Task Rooms_that_are_written_together_do_not_share_a_refusal()
    {
        var lost = await Open("lost");
        await Open("lost");
        var appends = Enumerable.Range(1, 50).Select(i => (Task)Task.Run(async () =>
        {
            var room = await Open($"room{i}");
            await Append(room, Entry(room, 1));
        })).ToList();
        await Assert.ThrowsAsync<LogFencedException>(() => Append(lost, Entry(lost, 1)));
        await Task.WhenAll(appends);
    }

    [Fact]
    public async Task A_room_that_moves_with_its_log_goes_on_in_its_term()
    {
        var first = await Open();
        await Append(first, Entry(first, 1));
        await _logs.Resume(first.Log.Mark).Append([Entry(first, 2)]).AsTask().WaitAsync(s_bound);
        Assert.Equal(2, (await Open()).Sequence);
    }

    [Fact]
    public async Task An_append_that_does_not_follow_the_last_one_is_refused()
    {
        var log = await Open();
        await Append(log, Entry(log, 1));
        Assert.IsNotType<LogFencedException>(await Assert.ThrowsAsync<LogException>(() => Append(log, Entry(log, 1))));
        await Assert.ThrowsAsync<LogException>(() => Append(log, Entry(log, 3)));
        Assert.Equal(1, (await Open()).Sequence);
    }

    [Fact]
    public async Task Many_appends_at_once_are_all_kept_in_the_order_of_their_rooms()
    {
        const int rooms = 40, appends = 25, each = 4;
        await Task.WhenAll(Enumerable.Range(0, rooms).Select(async i =>
        {
            var log = await Open($"room{i}");
            for (var n = 0; n < appends; n++)
                await Append(log, [.. Enumerable.Range(1 + n * each, each).Select(sequence => Entry(log, sequence, $"m{sequence}"))]);
        })).WaitAsync(s_bound);
        await Restart();
        for (var i = 0; i < rooms; i++)
        {
            var log = await Open($"room{i}");
            Assert.Equal(appends * each, log.Sequence);
            Assert.Equal(Enumerable.Range(1, appends * each).Select(n => Body($"m{n}")), log.Messages.Select(message => message.Body));
        }
    }

    [Fact]
    public async Task What_a_room_does_not_need_may_go_and_what_it_retains_stays()
    {
        var log = await Open();
        for (var n = 0; n < 4; n++)
            await Append(log, [.. Enumerable.Range(1 + n * 100, 100).Select(sequence => Entry(log, sequence))]);
        log.Log.Trim(301);
        var again = await Open();
        Assert.Equal(400, again.Messages[^1].Sequence);
        Assert.True(again.Messages.Length >= 100);
        Assert.Empty((await _logs.Open("lobby", s_retention with { Messages = 0 })).Messages);
    }
}
