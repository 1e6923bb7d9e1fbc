using System.Runtime.CompilerServices;
using Microsoft.Data.Sqlite;
using Npgsql;
using Realtime.Grains;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Tests.Logs;

/// <summary>What docs/backup.md says, done.</summary>
public sealed class BackupTests(PostgresFixture postgres)
{
    [Fact]
    public async Task A_database_that_is_restored_has_what_it_had_in_new_epochs()
    {
        var database = await TestLogs.NewDatabase(postgres);
        var server = await postgres.Server;
        string dump;
        OpenedLog before;
        await using (var logs = new TestLogs(database))
        {
            before = await logs.Open();
            await before.Log.Append([Entries.Of(before, 1, id: "first"), Entries.Of(before, 2)]).AsTask().WaitAsync(TestLogs.Bound);
            dump = Path.Combine(server.Folder, $"{Guid.NewGuid():N}.dump");
            await server.Run("pg_dump", Name(database), "--format=custom", "--exclude-table-data=orleansmembership*", $"--file={dump}").WaitAsync(TestLogs.Bound); // while the log is open
            await before.Log.Append(Entries.Of(before, 3, 2)).AsTask().WaitAsync(TestLogs.Bound);
        }
        var empty = await postgres.CreateDatabase();
        await server.Run("pg_restore", Name(empty), "--no-owner", "--exit-on-error", dump).WaitAsync(TestLogs.Bound);
        await TestLogs.Execute(empty, Statement("UPDATE realtime_rooms"));

        await using var restored = new TestLogs(empty);
        await HasBegunAnew(before, await restored.Open());
    }

    [Fact]
    public async Task A_file_that_is_restored_has_what_it_had_in_new_epochs()
    {
        var folder = Directory.CreateTempSubdirectory("realtime-backup-");
        try
        {
            var copy = Path.Combine(folder.FullName, "backup.db");
            var path = Path.Combine(folder.FullName, "realtime.db");
            OpenedLog before;
            await using (var file = new TestFile(path))
            {
                file.File.Open();
                before = await file.Open();
                await before.Log.Append([Entries.Of(before, 1, id: "first"), Entries.Of(before, 2)]).AsTask().WaitAsync(TestLogs.Bound);
                // As a snapshot of the file system: nothing is written meanwhile.
                File.Copy(path, copy);
                File.Copy(path + "-wal", copy + "-wal");
                await before.Log.Append(Entries.Of(before, 3, 2)).AsTask().WaitAsync(TestLogs.Bound);
            }
            await using (var other = new SqliteConnection($"Data Source={copy};Pooling=False"))
            {
                await other.OpenAsync();
                await using var command = new SqliteCommand(Statement("UPDATE rooms"), other);
                Assert.Equal(1, await command.ExecuteNonQueryAsync());
            }
            await using var restored = new TestFile(copy);
            restored.File.Open();
            await HasBegunAnew(before, await restored.Open());
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static async Task HasBegunAnew(OpenedLog before, OpenedLog restored)
    {
        Assert.Matches("^[0-9a-f]{16}$", restored.Epoch);
        Assert.NotEqual(before.Epoch, restored.Epoch);
        Assert.Equal((2, 2), (restored.Sequence, restored.Messages.Length));
        var room = new Room("lobby", new RoomOptions(), TimeProvider.System);
        room.Open(restored);
        for (var sequence = 3; sequence <= 5; sequence++)
            room.Publish(FrontEventKind.Message, "bob", null, Entries.Body($"new {sequence}"));
        await restored.Log.Append(room.Pending.ToArray()).AsTask().WaitAsync(TestLogs.Bound);
        room.Commit();
        // Who had message 4 of the log that is lost lacks the new 3 and 4, and is told.
        var resumed = Assert.IsType<JoinedReply>(room.Apply("f1", new JoinCommand("alice", "c1", new Position(before.Epoch, 4))));
        Assert.Equal((false, 5), (resumed.Recovered, resumed.Position.Sequence));
        // A repeat of what the backup has is known as such.
        var repeat = Assert.IsType<PublishedReply>(room.Publish(FrontEventKind.Message, "alice", "first", Entries.Body("hi")));
        Assert.Equal(new Position(restored.Epoch, 1), new Position(repeat.Receipt.Epoch, repeat.Receipt.Sequence));
    }

    private static string Name(string database) => new NpgsqlConnectionStringBuilder(database).Database!;

    /// <summary>The statement of the page that begins like this.</summary>
    private static string Statement(string begin, [CallerFilePath] string here = "") =>
        File.ReadLines(Path.Combine(Path.GetDirectoryName(here)!, "../../../docs/backup.md")).Single(line => line.StartsWith(begin + " ", StringComparison.Ordinal));
}
