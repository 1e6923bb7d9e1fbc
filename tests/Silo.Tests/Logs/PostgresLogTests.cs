using System.Text;
using Npgsql;
using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests.Logs;

public sealed class PostgresLogCases(PostgresFixture postgres) : RoomLogCases
{
    private string _database = "";
    private TestLogs? _logs;

    protected override async Task Create() => _database = await TestLogs.NewDatabase(postgres);

    protected override Task<IRoomLogs> Start() => Task.FromResult<IRoomLogs>((_logs = new TestLogs(_database)).Logs);

    protected override async Task End()
    {
        if (_logs is not null)
            await _logs.DisposeAsync();
    }
}

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
        await using var logs = new TestLogs(_database, null, _time); // nobody's time in the queue runs out
        var many = Enumerable.Range(0, 200).Select(i => logs.Logs.Open($"mallory{i}", TestLogs.Retention(300), "mallory").AsTask()).ToArray();
        var opening = logs.Logs.Open("alices", TestLogs.Retention(300), "alice").AsTask();
        // Counted where hers is done, as the others go on.
        var waited = opening.ContinueWith(_ => many.Count(other => other.IsCompleted), CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
        var opened = await opening.WaitAsync(TestLogs.Bound);
        Assert.InRange(await waited, 0, many.Length / 2); // she did not wait for all of them
        await Append(opened, Entries.Of(opened, 1));
        await Task.WhenAll(many).WaitAsync(TestLogs.Bound);
        Assert.Equal(0, (await logs.Open("bobs")).Sequence); // and nothing takes the database for down
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
    public async Task Messages_of_inboxes_go_when_they_are_as_old_as_inboxes_keep_them()
    {
        await using var logs = new TestLogs(_database, new RoomOptions { HistoryAge = TimeSpan.FromMinutes(10) }, _time);
        var at = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var (room, inbox) = (await logs.Open(), await logs.Open(" inbox:bob"));
        await Append(room, Entries.Of(room, 1, at: at));
        await Append(inbox, Entries.Of(inbox, 1, id: "1", at: at));
        _time.Advance(TimeSpan.FromMinutes(11));
        await logs.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal(1L, await logs.Execute("SELECT count(*) FROM realtime_messages"));
        _time.Advance(TimeSpan.FromDays(7) - TimeSpan.FromMinutes(12)); // Inbox:Age, less a minute
        await logs.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal([1], (await logs.Open(" inbox:bob")).Messages.Select(message => message.Sequence));
        _time.Advance(TimeSpan.FromMinutes(2));
        await logs.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal(0L, await logs.Execute("SELECT count(*) FROM realtime_messages"));
        var again = await logs.Open(" inbox:bob");
        Assert.Equal((inbox.Epoch, 1, 0), (again.Epoch, again.Sequence, again.Messages.Length)); // the numbers go on
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
    public async Task State_that_has_expired_goes_and_that_of_a_forgotten_room_too()
    {
        await using var logs = new TestLogs(_database, null, _time);
        var at = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var log = await logs.Open();
        await Append(log, Entries.Of(log, 1, at: at) with { State = new("stays", 1, Entries.Body("x")) },
            Entries.Of(log, 2, at: at) with { State = new("goes", 2, Entries.Body("y")) { Expires = at + 60_000 } });
        Assert.Equal(2, (await logs.Open()).State.Length);
        _time.Advance(TimeSpan.FromMilliseconds(60_001));
        Assert.Equal(["stays"], (await logs.Open()).State.Select(entry => entry.Key));
        await logs.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal(1L, await logs.Execute("SELECT count(*) FROM realtime_state"));
        await logs.Execute("DELETE FROM realtime_rooms");
        Assert.Equal(0L, await logs.Execute("SELECT count(*) FROM realtime_state"));
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
