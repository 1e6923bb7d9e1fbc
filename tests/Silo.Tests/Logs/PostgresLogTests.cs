using System.Text;
using Npgsql;
using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests.Logs;

/// <summary>The log on a real PostgreSQL. Each <see cref="TestLogs"/> on one database stands for a silo.</summary>
public sealed class PostgresLogTests(PostgresFixture postgres) : IAsyncLifetime
{
    private readonly ManualTimeProvider _time = new();
    private string _database = "";
    private TestLogs _logs = null!;

    public async ValueTask InitializeAsync()
    {
        _database = await TestLogs.NewDatabase(postgres);
        _logs = new TestLogs(_database);
    }

    public async ValueTask DisposeAsync()
    {
        if (_logs is not null)
            await _logs.DisposeAsync();
    }

    private static Task Append(OpenedLog log, params LogEntry[] entries) => log.Log.Append(entries).AsTask().WaitAsync(TestLogs.Bound);

    [Fact]
    public async Task Another_silo_goes_on_in_the_same_epoch_with_all_that_was_kept()
    {
        var first = await _logs.Open();
        await Append(first, Entries.Of(first, 1, "a", id: "id\0 1"), Entries.Of(first, 2, "b", from: null, id: "two"));
        await Append(first, Entries.Of(first, 3, "c", kind: FrontEventKind.Text), Entries.Of(first, 4, "d", kind: FrontEventKind.Binary));

        await using var other = new TestLogs(_database);
        var second = await other.Open();
        Assert.Equal((first.Epoch, 4), (second.Epoch, second.Sequence));
        Assert.True(second.Log.Mark.Term > first.Log.Mark.Term);
        Assert.True(second.Log.Mark.FirstOrder > first.Log.Mark.FirstOrder + 1_000_000);
        Assert.Equal([1, 2, 3, 4], second.Messages.Select(message => message.Sequence));
        Assert.Equal(["alice", null, "alice", "alice"], second.Messages.Select(message => message.From));
        Assert.Equal([FrontEventKind.Message, FrontEventKind.Message, FrontEventKind.Text, FrontEventKind.Binary], second.Messages.Select(message => message.Kind));
        Assert.Equal("\"content\":\"c\"", Encoding.UTF8.GetString(second.Messages[2].Body));
        Assert.All(second.Messages, message => Assert.Equal(("lobby", first.Epoch, second.Log.Mark.FirstOrder), (message.Target, message.Epoch, message.Order)));

        Assert.Equal(["id\0 1", "two"], second.Publishes.Select(publish => publish.Id));
        Assert.Equal(["alice", null], second.Publishes.Select(publish => publish.User));
        Assert.Equal([1, 2], second.Publishes.Select(publish => publish.Receipt.Sequence));
        Assert.Equal(PublishDedupe.Hash(Entries.Body("a")), second.Publishes[0].BodyHash);
        Assert.Equal(first.Epoch, second.Publishes[0].Receipt.Epoch);
    }

    [Fact]
    public async Task Messages_of_a_service_stay_apart_from_a_users()
    {
        var first = await _logs.Open();
        var (user, service) = (Entries.Of(first, 1, "a", id: "same"), Entries.Of(first, 2, "b", id: "same"));
        await Append(first, user, service with { Message = service.Message with { IsService = true } });
        await using var other = new TestLogs(_database);
        var second = await other.Open();
        Assert.Equal([false, true], second.Messages.Select(message => message.IsService));
        Assert.All(second.Messages, message => Assert.Equal((FrontEventKind.Message, "alice"), (message.Kind, message.From)));
        Assert.Equal(["alice", KnownPublish.OfService("alice")], second.Publishes.Select(publish => publish.User));
    }

    [Fact]
    public async Task A_log_is_found_where_there_is_one_and_else_nothing_is_written()
    {
        Assert.Null(await _logs.Logs.Find("nobody", TestLogs.Retention(300)).AsTask().WaitAsync(TestLogs.Bound));
        Assert.Equal(0L, await _logs.Execute("SELECT count(*) FROM realtime_rooms"));
        var first = await _logs.Open();
        await Append(first, Entries.Of(first, 1));
        await using var other = new TestLogs(_database);
        var found = await other.Logs.Find("lobby", TestLogs.Retention(300)).AsTask().WaitAsync(TestLogs.Bound);
        Assert.Equal((first.Epoch, 1, 1), (found!.Epoch, found.Sequence, found.Messages.Length));
        await Assert.ThrowsAsync<LogFencedException>(() => Append(first, Entries.Of(first, 2)));
        await Append(found, Entries.Of(found, 2));
    }

    [Fact]
    public async Task Who_has_lost_the_room_cannot_write()
    {
        var first = await _logs.Open();
        await Append(first, Entries.Of(first, 1));
        await using var other = new TestLogs(_database);
        var second = await other.Open();
        await Assert.ThrowsAsync<LogFencedException>(() => Append(first, Entries.Of(first, 2, "lost")));
        await Append(second, Entries.Of(second, 2, "kept"));
        await Assert.ThrowsAsync<LogFencedException>(() => Append(first, Entries.Of(first, 3, "lost")));

        var third = await _logs.Open();
        Assert.Equal(["\"content\":\"hi\"", "\"content\":\"kept\""], third.Messages.Select(message => Encoding.UTF8.GetString(message.Body)));
    }

    [Fact]
    public async Task Rooms_that_are_written_together_do_not_share_a_refusal()
    {
        var mine = await _logs.Open("mine");
        var lost = await _logs.Open("lost");
        await using var other = new TestLogs(_database);
        await other.Open("lost");
        var appends = Enumerable.Range(1, 50).Select(i => (Task)Task.Run(async () =>
        {
            var room = await _logs.Open($"room{i}");
            await Append(room, Entries.Of(room, 1));
        })).ToList();
        appends.Add(Append(mine, Entries.Of(mine, 1)));
        await Assert.ThrowsAsync<LogFencedException>(() => Append(lost, Entries.Of(lost, 1)));
        await Task.WhenAll(appends);
    }

    [Fact]
    public async Task A_room_that_moves_with_its_log_goes_on_in_its_term()
    {
        var first = await _logs.Open();
        await Append(first, Entries.Of(first, 1));
        await using var other = new TestLogs(_database);
        await other.Logs.Resume(first.Log.Mark).Append([Entries.Of(first, 2)]).AsTask().WaitAsync(TestLogs.Bound);
        Assert.Equal(2, (await _logs.Open()).Sequence);
    }

    [Fact]
    public async Task An_append_that_does_not_follow_the_last_one_is_refused()
    {
        var log = await _logs.Open();
        await Append(log, Entries.Of(log, 1));
        var error = await Assert.ThrowsAsync<LogException>(() => Append(log, Entries.Of(log, 1)));
        Assert.Contains("not in the log as it was", error.Message);
        await Assert.ThrowsAsync<LogException>(() => Append(log, Entries.Of(log, 3)));
        Assert.Equal(1, (await _logs.Open()).Sequence);
    }

    [Fact]
    public async Task Many_appends_at_once_are_all_kept_in_the_order_of_their_rooms()
    {
        const int rooms = 40, appends = 25, each = 4;
        await Task.WhenAll(Enumerable.Range(0, rooms).Select(async i =>
        {
            var log = await _logs.Open($"room{i}");
            for (var n = 0; n < appends; n++)
                await Append(log, Entries.Of(log, 1 + n * each, each));
        })).WaitAsync(TestLogs.Bound);
        for (var i = 0; i < rooms; i++)
        {
            var log = await _logs.Open($"room{i}");
            Assert.Equal(appends * each, log.Sequence);
            Assert.Equal(Enumerable.Range(1, appends * each).Select(n => $"\"content\":\"m{n}\""), log.Messages.Select(message => Encoding.UTF8.GetString(message.Body)));
        }
    }

    [Fact]
    public async Task What_a_room_does_not_retain_is_trimmed_in_the_background()
    {
        var log = await _logs.Open();
        for (var i = 0; i < 10; i++)
            await Append(log, Entries.Of(log, 1 + 100 * i, 100));
        log.Log.Trim(701);
        await _logs.Trimmer.TrimCounts().WaitAsync(TestLogs.Bound);
        Assert.Equal(701L, await _logs.Execute("SELECT min(sequence) FROM realtime_messages"));
        // A new opening takes no more bytes than the room keeps, though more is there.
        var bytes = Enumerable.Range(951, 50).Sum(i => RoomHistory.Overhead + Entries.Body($"m{i}").Length);
        Assert.Equal(Enumerable.Range(951, 50).Select(i => (long)i),
            (await _logs.Logs.Open("lobby", TestLogs.Retention(300, bytes))).Messages.Select(message => message.Sequence));
        Assert.Empty((await _logs.Logs.Open("lobby", TestLogs.Retention(0))).Messages);
    }

    [Fact]
    public async Task Who_opens_very_many_rooms_keeps_nobody_else_waiting()
    {
        var many = Enumerable.Range(0, 200).Select(i => _logs.Logs.Open($"mallory{i}", TestLogs.Retention(300), "mallory").AsTask()).ToArray();
        var opened = await _logs.Logs.Open("alices", TestLogs.Retention(300), "alice").AsTask().WaitAsync(TestLogs.Bound);
        Assert.Contains(many, opening => !opening.IsCompleted); // she did not wait for all of them
        await Append(opened, Entries.Of(opened, 1));
        foreach (var opening in many)
            Assert.Null(await Record.ExceptionAsync(() => opening.WaitAsync(TestLogs.Bound)) is var failed and not LogException ? failed : null); // a slow machine has not the time for all
        Assert.Equal(0, (await _logs.Open("bobs")).Sequence); // and nothing takes the database for down
    }

    [Fact]
    public async Task One_users_ids_do_not_crowd_out_those_of_others_when_a_room_is_opened()
    {
        await using var logs = new TestLogs(_database, new RoomOptions { DedupeEntries = 4 }, _time);
        var at = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var log = await logs.Open();
        await Append(log, Entries.Of(log, 1, id: "a", from: "alice", at: at), Entries.Of(log, 2, id: "s", from: null, at: at));
        await Append(log, [.. Enumerable.Range(3, 20).Select(i => Entries.Of(log, i, id: $"m{i}", from: "mallory", at: at))]);
        Assert.Equal(["a", "s", "m21", "m22"], (await logs.Open()).Publishes.Select(publish => publish.Id));
    }

    [Fact]
    public async Task What_is_too_old_goes_also_when_nobody_has_the_room_open_any_more_and_its_numbers_go_on()
    {
        var options = new RoomOptions { HistoryAge = TimeSpan.FromMinutes(10), DedupeWindow = TimeSpan.FromMinutes(5) };
        await using var logs = new TestLogs(_database, options, _time);
        var at = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var log = await logs.Open();
        await Append(log, Entries.Of(log, 1, id: "1", at: at), Entries.Of(log, 2, id: "2", at: at + 240_000));
        _time.Advance(TimeSpan.FromMinutes(6));
        Assert.Equal(["2"], (await logs.Open()).Publishes.Select(publish => publish.Id));
        await logs.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal((2L, 1L), (await logs.Execute("SELECT count(*) FROM realtime_messages"), await logs.Execute("SELECT count(*) FROM realtime_publishes")));
        _time.Advance(TimeSpan.FromMinutes(5));
        await logs.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal(2L, await logs.Execute("SELECT min(sequence) FROM realtime_messages"));
        _time.Advance(TimeSpan.FromMinutes(5));
        await logs.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal(0L, await logs.Execute("SELECT count(*) FROM realtime_messages"));

        var again = await logs.Open();
        Assert.Equal((log.Epoch, 2, 0), (again.Epoch, again.Sequence, again.Messages.Length));
    }

    [Fact]
    public async Task Rooms_that_nobody_used_for_long_are_forgotten_with_their_epoch()
    {
        var log = await _logs.Open();
        await Append(log, Entries.Of(log, 1));
        await _logs.Open("other");
        await _logs.Execute("UPDATE realtime_rooms SET used_at = now() - interval '31 days'; UPDATE realtime_messages SET timestamp = 0");
        await _logs.Execute("UPDATE realtime_rooms SET used_at = now() WHERE name = 'other'");
        await _logs.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal("other", await _logs.Execute("SELECT string_agg(name, ',') FROM realtime_rooms"));
        // Who still had it open is told to read it again, and not that somebody else has it.
        var error = await Assert.ThrowsAsync<LogException>(() => Append(log, Entries.Of(log, 2)));
        Assert.IsNotType<LogFencedException>(error);
        Assert.NotEqual(log.Epoch, (await _logs.Open()).Epoch);
    }

    [Fact]
    public async Task Products_of_other_service_ids_have_rooms_of_their_own()
    {
        await using var other = new TestLogs(_database, settings: ("Cluster:ServiceId", "other"));
        var (mine, theirs) = (await _logs.Open(), await other.Open());
        Assert.NotEqual(mine.Epoch, theirs.Epoch);
        await Append(mine, Entries.Of(mine, 1));
        await Append(theirs, Entries.Of(theirs, 1));
    }

    [Fact]
    public async Task A_room_with_messages_of_a_newer_release_is_not_opened_and_the_log_says_why()
    {
        var lines = new LinesLogger();
        await using var logs = new TestLogs(_database, lines: lines);
        var log = await logs.Open();
        await Append(log, Entries.Of(log, 1, 3));
        await logs.Execute("UPDATE realtime_messages SET version = 2 WHERE sequence = 2");
        var error = await Assert.ThrowsAsync<LogException>(() => logs.Open());
        Assert.Contains("version 2, written by a newer release; this one reads up to 1", error.Message);
        Assert.Contains("Room lobby is not opened", Assert.Single(lines.Lines));
        Assert.Equal(0, (await logs.Open("other")).Sequence); // the others are
    }

    [Fact]
    public async Task A_hole_in_the_history_is_where_it_begins()
    {
        var log = await _logs.Open();
        await Append(log, Entries.Of(log, 1, 10));
        await _logs.Execute("DELETE FROM realtime_messages WHERE sequence = 6");
        Assert.Equal([7, 8, 9, 10], (await _logs.Open()).Messages.Select(message => message.Sequence));
        await _logs.Execute("DELETE FROM realtime_messages WHERE sequence = 10");
        Assert.Empty((await _logs.Open()).Messages);
    }

    [Fact]
    public async Task A_database_that_takes_nothing_refuses_and_comes_back_with_a_line_each()
    {
        var lines = new LinesLogger();
        var user = new NpgsqlConnectionStringBuilder(_database);
        await using var logs = new TestLogs(_database, lines: lines);
        var (one, two) = (await logs.Open("one"), await logs.Open("two"));
        await Append(one, Entries.Of(one, 1, id: "1"));
        await logs.Execute($"ALTER DATABASE {user.Database} SET default_transaction_read_only = on");
        await logs.Execute($"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{user.Database}' AND pid <> pg_backend_pid()");

        await Assert.ThrowsAsync<LogException>(() => Append(one, Entries.Of(one, 2))); // its connection has gone
        Exception? readOnly = null;
        using (var bound = new CancellationTokenSource(TestLogs.Bound))
        {
            // Once in half a second it is tried.
            while (readOnly?.Message.Contains("read-only") != true)
            {
                bound.Token.ThrowIfCancellationRequested();
                readOnly = await Assert.ThrowsAsync<LogException>(() => logs.Open("one"));
                await Assert.ThrowsAsync<LogException>(() => Append(two, Entries.Of(two, 1)));
            }
        }
        Assert.Contains("Rooms cannot keep messages", Assert.Single(lines.Lines));
        Assert.DoesNotContain(user.Password!, lines.Lines[0]);

        await using (var admin = new NpgsqlConnection(_database))
        {
            await admin.OpenAsync().WaitAsync(TestLogs.Bound);
            await using var command = new NpgsqlCommand($"SET default_transaction_read_only = off; ALTER DATABASE {user.Database} RESET default_transaction_read_only", admin);
            await command.ExecuteNonQueryAsync().WaitAsync(TestLogs.Bound);
        }
        var again = await Eventually(() => logs.Open("one"));
        Assert.Equal((one.Epoch, 1), (again.Epoch, again.Sequence));
        await Append(again, Entries.Of(again, 2));
        Assert.Equal(2, lines.Lines.Length);
        Assert.Contains("Rooms can keep messages again, after", lines.Lines[1]);
    }

    /// <summary>The log returns by itself; here it is asked until it has.</summary>
    private static async Task<T> Eventually<T>(Func<Task<T>> open)
    {
        using var bound = new CancellationTokenSource(TestLogs.Bound);
        while (true)
        {
            try
            {
                return await open();
            }
            catch (LogException) when (!bound.IsCancellationRequested)
            {
                await Task.Delay(20, CancellationToken.None);
            }
        }
    }
}
