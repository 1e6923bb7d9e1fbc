using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Realtime.Silo.Hosting;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests.Logs;

/// <summary>The log of a process in a file.</summary>
internal sealed class TestFile : IAsyncDisposable
{
    private readonly SqliteLogs _logs;

    public TestFile(string path, RoomOptions? rooms = null, TimeProvider? time = null, LinesLogger? lines = null)
    {
        var (options, clock) = (Options.Create(rooms ?? new()), time ?? TimeProvider.System);
        var settings = LogSettings.Read(new ConfigurationBuilder().AddInMemoryCollection([new("Log:Provider", "sqlite"), new("Log:ConnectionString", $"Data Source={path}")]).Build());
        File = new SqliteFile(settings);
        var database = new SqliteDatabase(File, clock);
        var outage = new LogOutage(database, TimeProvider.System, lines?.For<LogOutage>() ?? NullLogger<LogOutage>.Instance);
        _logs = new SqliteLogs(options, File, database, outage, clock, lines?.For<SqliteLogs>() ?? NullLogger<SqliteLogs>.Instance);
        Trimmer = new SqliteTrimmer(_logs, File, database, settings, options, Options.Create(new Realtime.Silo.Users.InboxOptions()), clock, NullLogger<LogTrimmer>.Instance);
    }

    public SqliteFile File { get; }

    public IRoomLogs Logs => _logs;

    public LogTrimmer Trimmer { get; }

    public Task<OpenedLog> Open(string room = "lobby") => Logs.Open(room, TestLogs.Retention(300)).AsTask().WaitAsync(TestLogs.Bound);

    public Task<int> Execute(string sql) => File.Use(file => file.Execute(sql), CancellationToken.None).WaitAsync(TestLogs.Bound);

    public Task<long> Count(string table) => File.Use(file =>
    {
        using var reader = file.Query($"SELECT count(*) FROM {table}");
        reader.Read();
        return reader.GetInt64(0);
    }, CancellationToken.None).WaitAsync(TestLogs.Bound);

    public async ValueTask DisposeAsync()
    {
        Trimmer.Dispose();
        await _logs.DisposeAsync();
        await File.DisposeAsync();
    }
}

public sealed class SqliteLogCases : RoomLogCases
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("realtime-log-");
    private TestFile? _file;

    protected override Task Create() => Task.CompletedTask;

    protected override Task<IRoomLogs> Start()
    {
        _file = new TestFile(Path.Combine(_folder.FullName, "below", "log.db"));
        _file.File.Open();
        return Task.FromResult(_file.Logs);
    }

    protected override async Task End() => await _file!.DisposeAsync();
}

public sealed class SqliteLogTests : IAsyncDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("realtime-log-");
    private readonly ManualTimeProvider _time = new();
    private readonly LinesLogger _lines = new();
    private readonly TestFile _file;

    public SqliteLogTests()
    {
        _file = NewFile();
        _file.File.Open();
    }

    private string FilePath => Path.Combine(_folder.FullName, "log.db");

    private TestFile NewFile(string? path = null) => new(path ?? FilePath, new RoomOptions { HistoryAge = TimeSpan.FromMinutes(10), DedupeWindow = TimeSpan.FromMinutes(5) }, _time, _lines);

    public async ValueTask DisposeAsync()
    {
        await _file.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    private static Task Append(OpenedLog log, params LogEntry[] entries) => log.Log.Append(entries).AsTask().WaitAsync(TestLogs.Bound);

    private static async Task<string> Refused(TestFile file)
    {
        await using (file)
            return Assert.Throws<StartException>(file.File.Open).Message;
    }

    [Fact]
    public async Task One_process_has_the_file_and_the_next_may_have_it_when_that_has_ended()
    {
        Assert.Contains($"file {FilePath} (Log:ConnectionString) cannot be used: another process has it open", await Refused(NewFile()));
        await _file.DisposeAsync();
        await using var next = NewFile();
        next.File.Open();
        Assert.Equal(0, (await next.Open()).Sequence);
    }

    [Fact]
    public async Task What_is_no_log_is_refused_at_the_start_and_left_as_it_is()
    {
        var path = Path.Combine(_folder.FullName, "other.db");
        await File.WriteAllTextAsync(path, new string('x', 5000));
        Assert.Contains("it is damaged, or no SQLite database", await Refused(NewFile(path)));
        Assert.Equal(new string('x', 5000), await File.ReadAllTextAsync(path));

        File.Delete(path);
        await using (var other = new SqliteConnection($"Data Source={path};Pooling=false"))
        {
            await other.OpenAsync();
            await using var command = other.CreateCommand();
            command.CommandText = "CREATE TABLE a (b)";
            await command.ExecuteNonQueryAsync();
        }
        Assert.Contains("it is a database of another program", await Refused(NewFile(path)));

        Assert.Contains("cannot be used: it cannot be opened", await Refused(NewFile(_folder.FullName)));
        Assert.Contains("The folder of the log's file", await Refused(NewFile(Path.Combine(path, "below", "log.db"))));

        await _file.Execute("PRAGMA user_version = 2");
        await _file.DisposeAsync();
        Assert.Contains("a newer release has written it, with version 2 of its tables; this one knows version 1", await Refused(NewFile()));
    }

    [Fact]
    public async Task A_full_disk_refuses_and_when_there_is_space_it_goes_on_with_a_line_each()
    {
        var log = await _file.Open();
        await Append(log, Entries.Of(log, 1, 20));
        await _file.Execute("PRAGMA max_page_count = 1"); // no more than it has
        var error = await Assert.ThrowsAsync<LogException>(() => Append(log, Entries.Of(log, 21, new string('x', 200_000))));
        Assert.Equal("The log cannot be written: the disk is full.", error.Message);
        Assert.Contains($"Rooms cannot keep messages, and refuse them until they can. SQLite file {FilePath}: the disk is full.", Assert.Single(_lines.Lines));

        await _file.Execute("PRAGMA max_page_count = 1000000");
        var again = await Eventually(() => _file.Open());
        Assert.Equal((log.Epoch, 20), (again.Epoch, again.Sequence));
        await Append(again, Entries.Of(again, 21, new string('x', 200_000)));
        Assert.Contains("Rooms can keep messages again, after", _lines.Lines[1]);
    }

    [Fact]
    public async Task A_file_that_was_deleted_takes_nothing_until_it_is_back()
    {
        var log = await _file.Open();
        await Append(log, Entries.Of(log, 1));
        File.Move(FilePath, FilePath + ".away");
        Assert.Contains("the file was deleted, moved or replaced", (await Assert.ThrowsAsync<LogException>(() => Append(log, Entries.Of(log, 2)))).Message);
        await File.WriteAllTextAsync(FilePath, "");
        await Eventually(async () => // once in half a second it is tried
        {
            var error = await Assert.ThrowsAsync<LogException>(() => _file.Open());
            return error.InnerException is null ? throw error : error;
        });

        File.Move(FilePath + ".away", FilePath, overwrite: true);
        var again = await Eventually(() => _file.Open());
        Assert.Equal((log.Epoch, 1), (again.Epoch, again.Sequence));
        await Append(again, Entries.Of(again, 2));
    }

    [Fact]
    public async Task What_rooms_do_not_retain_goes_by_count_and_by_age_and_rooms_that_nobody_used_for_long_are_forgotten()
    {
        var at = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var log = await _file.Open();
        await Append(log, [.. Enumerable.Range(1, 1000).Select(i => Entries.Of(log, i, id: $"{i}", at: at))]);
        log.Log.Trim(701);
        await _file.Trimmer.TrimCounts().WaitAsync(TestLogs.Bound);
        Assert.Equal((300, 1000), (await _file.Count("messages"), await _file.Count("publishes")));

        _time.Advance(TimeSpan.FromMinutes(6));
        await _file.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal((300, 0), (await _file.Count("messages"), await _file.Count("publishes")));
        _time.Advance(TimeSpan.FromMinutes(5));
        await _file.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal((0, 1), (await _file.Count("messages"), await _file.Count("rooms")));
        var again = await _file.Open();
        Assert.Equal((log.Epoch, 1000, 0), (again.Epoch, again.Sequence, again.Messages.Length));

        _time.Advance(TimeSpan.FromDays(31));
        await _file.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal(0, await _file.Count("rooms"));
        Assert.IsNotType<LogFencedException>(await Assert.ThrowsAsync<LogException>(() => Append(again, Entries.Of(again, 1001))));
        Assert.NotEqual(log.Epoch, (await _file.Open()).Epoch);
    }

    [Fact]
    public async Task Messages_of_inboxes_go_when_they_are_as_old_as_inboxes_keep_them()
    {
        var at = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var (room, inbox) = (await _file.Open(), await _file.Open(" inbox:bob"));
        await Append(room, Entries.Of(room, 1, at: at));
        await Append(inbox, Entries.Of(inbox, 1, id: "1", at: at));
        _time.Advance(TimeSpan.FromMinutes(11));
        await _file.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal(1, await _file.Count("messages"));
        _time.Advance(TimeSpan.FromDays(7) - TimeSpan.FromMinutes(11)); // Inbox:Age, to the millisecond
        await _file.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal([1], (await _file.Open(" inbox:bob")).Messages.Select(message => message.Sequence));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await _file.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal((0, 2), (await _file.Count("messages"), await _file.Count("rooms")));
        var again = await _file.Open(" inbox:bob");
        Assert.Equal((inbox.Epoch, 1, 0), (again.Epoch, again.Sequence, again.Messages.Length)); // the numbers go on
    }

    [Fact]
    public async Task A_file_of_an_earlier_release_takes_state_and_what_has_expired_or_is_of_a_forgotten_room_goes()
    {
        await _file.Execute("DROP TRIGGER state_rooms");
        await _file.Execute("DROP TABLE state");
        await _file.DisposeAsync();
        await using var next = NewFile();
        next.File.Open();
        var at = _time.GetUtcNow().ToUnixTimeMilliseconds();
        var log = await next.Open();
        await Append(log, Entries.Of(log, 1, at: at) with { State = new("stays", 1, Entries.Body("x")) });
        await Append(log, Entries.Of(log, 2, at: at) with { State = new("goes", 2, Entries.Body("y")) { Expires = at + 60_000 } });
        Assert.Equal(["goes", "stays"], (await next.Open()).State.Select(entry => entry.Key).Order());
        _time.Advance(TimeSpan.FromMinutes(1));
        Assert.Equal(["stays"], (await next.Open()).State.Select(entry => entry.Key));
        _time.Advance(TimeSpan.FromMilliseconds(1));
        await next.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal(1, await next.Count("state"));
        _time.Advance(TimeSpan.FromDays(31));
        await next.Trimmer.TrimAges().WaitAsync(TestLogs.Bound);
        Assert.Equal((0, 0), (await next.Count("rooms"), await next.Count("state")));
    }

    [Fact]
    public async Task Messages_of_a_newer_release_are_not_misread_and_a_hole_is_where_the_history_begins()
    {
        var log = await _file.Open();
        await Append(log, Entries.Of(log, 1, 10));
        await _file.Execute("DELETE FROM messages WHERE sequence = 6");
        Assert.Equal([7, 8, 9, 10], (await _file.Open()).Messages.Select(message => message.Sequence));
        await _file.Execute("UPDATE messages SET version = 2 WHERE sequence = 9");
        Assert.Contains("written by a newer release", (await Assert.ThrowsAsync<LogException>(() => _file.Open())).Message);
        Assert.Contains("Room lobby is not opened", Assert.Single(_lines.Lines));
        Assert.Equal(0, (await _file.Open("other")).Sequence);
    }

    private static async Task<T> Eventually<T>(Func<Task<T>> attempt)
    {
        using var bound = new CancellationTokenSource(TestLogs.Bound);
        while (true)
        {
            try
            {
                return await attempt();
            }
            catch (LogException) when (!bound.IsCancellationRequested)
            {
                await Task.Delay(20, CancellationToken.None);
            }
        }
    }
}
