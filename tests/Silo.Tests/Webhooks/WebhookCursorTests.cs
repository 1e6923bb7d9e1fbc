using Microsoft.Extensions.Logging.Abstractions;
using Realtime.Silo.Logs;
using Realtime.Silo.Tests.Logs;
using Realtime.Silo.Webhooks;

namespace Realtime.Silo.Tests.Webhooks;

/// <summary>What a log keeps of how far receivers are.</summary>
public abstract class WebhookCursorTests : IAsyncLifetime
{
    private const int Bound = 10;

    private protected IRoomLogs Logs { get; set; } = null!;

    private protected IWebhookCursors Cursors { get; set; } = null!;

    public abstract ValueTask InitializeAsync();

    public abstract ValueTask DisposeAsync();

    private async Task<OpenedLog> Open(string room) => await Logs.Open(room, TestLogs.Retention(300));

    [Fact]
    public async Task A_cursor_begins_at_the_present_and_goes_forward_only()
    {
        var room = await Open("a");
        Assert.True(await Cursors.Open(room.Log.Mark.Room, ["one", "two"], room.Sequence, "") is [0, 0]);
        await room.Log.Append(Entries.Of(room, 1, 5));
        await Cursors.Save([new("a", room.Epoch, "one", 3), new("none", room.Epoch, "one", 3), new("a", "another", "two", 3)], CancellationToken.None);
        await Cursors.Save([new("a", room.Epoch, "one", 2)], CancellationToken.None);
        room = await Open("a");
        Assert.True(await Cursors.Open(room.Log.Mark.Room, ["one", "two", "new"], room.Sequence, "") is [3, 0, 5]);
        Assert.True(await Cursors.Open(room.Log.Mark.Room, ["two", "one"], room.Sequence, "") is [0, 3]);
    }

    [Fact]
    public async Task Rooms_of_which_a_receiver_lacks_something_are_found_in_pages()
    {
        for (var i = 1; i <= 3; i++)
        {
            var room = await Open($"room{i}");
            await Cursors.Open(room.Log.Mark.Room, ["one", "two", "former"], room.Sequence, "");
            await room.Log.Append(Entries.Of(room, 1, i));
            await Cursors.Save([new($"room{i}", room.Epoch, "one", 2), new($"room{i}", room.Epoch, "two", 9)], CancellationToken.None);
        }
        Assert.Equal(["room3"], await Behind("one"));
        Assert.Empty(await Behind("two"));
        Assert.Equal(["room1", "room2", "room3"], await Behind("former", "one"));
        var page = await Cursors.Behind(["former"], 0, 2, CancellationToken.None);
        Assert.Equal(["room1", "room2"], page.Select(room => room.Name));
        Assert.Equal(["room3"], (await Cursors.Behind(["former"], page[^1].Number, 2, CancellationToken.None)).Select(room => room.Name));

        async Task<string[]> Behind(params string[] receivers) => [.. (await Cursors.Behind(receivers, 0, Bound, CancellationToken.None)).Select(room => room.Name)];
    }
}

public sealed class PostgresCursorTests(PostgresFixture postgres) : WebhookCursorTests
{
    private TestLogs _logs = null!;

    public override async ValueTask InitializeAsync()
    {
        _logs = new TestLogs(await TestLogs.NewDatabase(postgres));
        Logs = _logs.Logs;
        Cursors = new PostgresCursors(_logs.Tables, _logs.Settings, new LogOutage(_logs.Tables, TimeProvider.System, NullLogger<LogOutage>.Instance), TimeProvider.System);
    }

    public override ValueTask DisposeAsync() => _logs.DisposeAsync();

    [Fact]
    public async Task They_go_with_their_room()
    {
        var room = await _logs.Open("a");
        await Cursors.Open(room.Log.Mark.Room, ["one"], 0, "");
        await _logs.Execute("DELETE FROM realtime_rooms");
        Assert.Equal(0L, await _logs.Execute("SELECT count(*) FROM realtime_webhooks"));
    }
}

public sealed class SqliteCursorTests : WebhookCursorTests
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("realtime-log-");
    private TestFile _file = null!;

    public override ValueTask InitializeAsync()
    {
        _file = new TestFile(Path.Combine(_folder.FullName, "log.db"));
        _file.File.Open();
        Logs = _file.Logs;
        var database = new SqliteDatabase(_file.File, TimeProvider.System);
        Cursors = new SqliteCursors(_file.File, database, new LogOutage(database, TimeProvider.System, NullLogger<LogOutage>.Instance), TimeProvider.System);
        return default;
    }

    public override async ValueTask DisposeAsync()
    {
        await _file.DisposeAsync();
        _folder.Delete(recursive: true);
    }

    [Fact]
    public async Task They_go_with_their_room()
    {
        var room = await _file.Open("a");
        await Cursors.Open(room.Log.Mark.Room, ["one"], 0, "");
        await _file.Execute("DELETE FROM rooms");
        Assert.Empty(await Cursors.Behind(["one"], 0, 1, CancellationToken.None));
        Assert.Equal(0, await _file.Count("webhooks"));
    }
}
