using System.Collections.Concurrent;
using System.Data.Common;
using System.Runtime.InteropServices;
using Microsoft.Data.Sqlite;
using Realtime.Silo.Hosting;

namespace Realtime.Silo.Logs;

/// <summary>
/// The file of a log, which one process has at a time. All that is done with it is done on one thread, one transaction after another:
/// SQLite has one writer, and its calls block.
/// </summary>
internal sealed class SqliteFile : IAsyncDisposable
{
    /// <summary>Tells the file from those of other programs.</summary>
    private const long ApplicationId = 0x52544C47; // "RTLG"

    private const long SchemaVersion = 1;

    private const string Schema = """
        CREATE TABLE rooms (
            id       INTEGER PRIMARY KEY AUTOINCREMENT, -- never used again, as who had a room open that was deleted may still write
            name     TEXT NOT NULL UNIQUE,
            epoch    TEXT NOT NULL,
            term     INTEGER NOT NULL,
            sequence INTEGER NOT NULL, -- of the last message
            used_at  INTEGER NOT NULL  -- this and all other times: Unix milliseconds
        ) STRICT;
        CREATE TABLE messages (
            room      INTEGER NOT NULL,
            sequence  INTEGER NOT NULL,
            version   INTEGER NOT NULL, -- of what the row means; a room with rows of a newer one is not opened
            kind      INTEGER NOT NULL,
            sender    TEXT,
            timestamp INTEGER NOT NULL,
            body      BLOB NOT NULL,
            PRIMARY KEY (room, sequence)
        ) STRICT;
        CREATE INDEX messages_timestamp ON messages (timestamp);
        CREATE TABLE publishes (
            room      INTEGER NOT NULL,
            sequence  INTEGER NOT NULL,
            sender    TEXT,
            id        BLOB NOT NULL, -- UTF-8
            hash      INTEGER NOT NULL, -- of the body
            timestamp INTEGER NOT NULL,
            PRIMARY KEY (room, sequence)
        ) STRICT;
        CREATE INDEX publishes_timestamp ON publishes (timestamp);
        """;

    // Made where it is missing, and passed over by releases that do not know it: so the version stays.
    private const string StateSchema = """
        CREATE TABLE IF NOT EXISTS state (
            room      INTEGER NOT NULL,
            key       BLOB NOT NULL, -- UTF-8
            sequence  INTEGER NOT NULL, -- of the message that has set it
            version   INTEGER NOT NULL, -- this and the next: as in messages
            kind      INTEGER NOT NULL,
            sender    TEXT,
            timestamp INTEGER NOT NULL,
            expires   INTEGER NOT NULL, -- 0 for never
            body      BLOB NOT NULL,
            PRIMARY KEY (room, key)
        ) STRICT;
        CREATE INDEX IF NOT EXISTS state_expires ON state (expires) WHERE expires > 0;
        CREATE TRIGGER IF NOT EXISTS state_rooms AFTER DELETE ON rooms BEGIN
            DELETE FROM state WHERE room = old.id;
        END;
        """;

    private readonly BlockingCollection<Action> _work = [];
    private readonly Dictionary<string, SqliteCommand> _commands = [];
    private readonly SqliteConnection _connection;
    private readonly Lock _gate = new();
    private Thread? _thread; // null until it is open

    public SqliteFile(LogSettings settings)
    {
        Path = System.IO.Path.GetFullPath(PathOf(settings.ConnectionString!)!);
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = Path, Pooling = false, DefaultTimeout = 1 }.ConnectionString);
    }

    /// <summary>Where it is.</summary>
    public string Path { get; }

    /// <summary>The path that a connection string names; null when it is none, or has more in it.</summary>
    public static string? PathOf(string connectionString)
    {
        try
        {
            var parts = new DbConnectionStringBuilder { ConnectionString = connectionString };
            return parts.Count == 1 && parts.TryGetValue("Data Source", out var path) && path is string { Length: > 0 } file
                && !file.StartsWith(':') && !file.StartsWith("file:", StringComparison.OrdinalIgnoreCase) ? file : null;
        }
        catch (ArgumentException)
        {
            return null;
        }
    }

    /// <summary>Takes the file for this process, and makes it and its folder where there is none.</summary>
    /// <exception cref="StartException">It cannot be had; the message says why in a line.</exception>
    public void Open()
    {
        lock (_gate)
        {
            if (_thread is not null)
                return;
            try
            {
                Directory.CreateDirectory(System.IO.Path.GetDirectoryName(Path)!);
                Prepare();
            }
            catch (SqliteException exception)
            {
                _connection.Close();
                throw new StartException($"The log's file {Path} (Log:ConnectionString) cannot be used: {ReasonOf(exception)}.");
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                throw new StartException($"The folder of the log's file {Path} (Log:ConnectionString) cannot be made: {exception.Message.TrimEnd('.')}. Name a place that can be written, or set Log:Provider to memory.");
            }
            _thread = new Thread(Run) { IsBackground = true, Name = "log" };
            _thread.Start();
        }
    }

    private void Prepare()
    {
        _connection.Open();
        // The lock of the file is held until the process ends, however it ends; there is no other memory to share then.
        Scalar("PRAGMA locking_mode = EXCLUSIVE");
        Scalar("PRAGMA cache_size = -16000"); // KiB
        var (application, version) = ((long)Scalar("PRAGMA application_id")!, (long)Scalar("PRAGMA user_version")!);
        var isEmpty = (long)Scalar("SELECT count(*) FROM sqlite_schema")! == 0;
        if (application != ApplicationId && !(isEmpty && application == 0))
            throw Refused("it is a database of another program");
        if (version > SchemaVersion)
            throw Refused($"a newer release has written it, with version {version} of its tables; this one knows version {SchemaVersion}");
        Scalar("PRAGMA journal_mode = WAL");
        // What is acknowledged is on the disk, as with PostgreSQL; the cost is shared by all that is written together.
        Scalar("PRAGMA synchronous = FULL");
        Scalar("PRAGMA journal_size_limit = 67108864");
        Scalar("BEGIN IMMEDIATE"); // takes the lock, and fails where nothing can be written
        if (isEmpty)
        {
            Scalar(Schema);
            Scalar($"PRAGMA application_id = {ApplicationId}");
            Scalar($"PRAGMA user_version = {SchemaVersion}");
        }
        Scalar(StateSchema);
        Scalar("COMMIT");

        StartException Refused(string why)
        {
            _connection.Close();
            return new StartException($"The log's file {Path} (Log:ConnectionString) is not used: {why}.");
        }
    }

    private object? Scalar(string sql)
    {
        using var command = _connection.CreateCommand();
        command.CommandText = sql;
        return command.ExecuteScalar();
    }

    /// <summary>Does something in a transaction, which is committed when the task has ended.</summary>
    /// <exception cref="OperationCanceledException">It was not done in time; it may be done later when it has begun.</exception>
    public Task<T> Use<T>(Func<SqliteFile, T> work, CancellationToken cancellation)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        try
        {
            _work.Add(() =>
            {
                try
                {
                    cancellation.ThrowIfCancellationRequested();
                    done.TrySetResult(Transaction(work));
                }
                catch (Exception exception)
                {
                    done.TrySetException(exception);
                }
            }, CancellationToken.None);
        }
        catch (InvalidOperationException)
        {
            throw new LogException("The silo stops.");
        }
        return done.Task.WaitAsync(cancellation);
    }

    private void Run()
    {
        foreach (var work in _work.GetConsumingEnumerable())
            work(); // guards itself
    }

    private T Transaction<T>(Func<SqliteFile, T> work)
    {
        if (IsMoved())
            throw new IOException("the file was deleted, moved or replaced while it was in use; put it back, or start the process anew with what is there");
        Execute("BEGIN IMMEDIATE");
        try
        {
            var result = work(this);
            Execute("COMMIT");
            return result;
        }
        catch
        {
            try
            {
                Execute("ROLLBACK");
            }
            catch (SqliteException)
            {
                // SQLite has done it.
            }
            throw;
        }
    }

    // What is written to files that nobody finds any more would be lost with the process.
    private bool IsMoved() =>
        sqlite3_file_control(_connection.Handle!, null, HasMoved, out var moved) != 0 || moved != 0 || !File.Exists(Path + "-wal");

    private const int HasMoved = 20; // SQLITE_FCNTL_HAS_MOVED

    [DllImport("e_sqlite3", ExactSpelling = true)]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories | DllImportSearchPath.AssemblyDirectory)]
    private static extern int sqlite3_file_control(SafeHandle database, byte[]? name, int operation, out int result);

    /// <summary>A statement with the parameters $1, $2 ..; prepared once. Within <see cref="Use"/>.</summary>
    /// <returns>How many rows it has changed.</returns>
    public int Execute(string sql, params ReadOnlySpan<object?> values) => Command(sql, values).ExecuteNonQuery();

    /// <summary>As <see cref="Execute"/>, for rows.</summary>
    public SqliteDataReader Query(string sql, params ReadOnlySpan<object?> values) => Command(sql, values).ExecuteReader();

    private SqliteCommand Command(string sql, ReadOnlySpan<object?> values)
    {
        if (!_commands.TryGetValue(sql, out var command))
        {
            command = _connection.CreateCommand();
            command.CommandText = sql;
            for (var i = 1; i <= values.Length; i++)
                command.Parameters.Add(new SqliteParameter { ParameterName = $"${i}" });
            _commands.Add(sql, command);
        }
        for (var i = 0; i < values.Length; i++)
            command.Parameters[i].Value = values[i] ?? DBNull.Value;
        return command;
    }

    /// <summary>What SQLite says, in words for operators.</summary>
    public static string ReasonOf(SqliteException exception) => exception.SqliteErrorCode switch
    {
        5 or 6 => "another process has it open; a log's file is for one process at a time",
        8 => "it cannot be written (read-only)",
        11 or 26 => "it is damaged, or no SQLite database",
        13 => "the disk is full",
        14 => "it cannot be opened; its folder must be there and be writable",
        _ => exception.Message.TrimEnd('.'),
    };

    public async ValueTask DisposeAsync()
    {
        _work.CompleteAdding();
        if (_thread is not null)
            await Task.Run(_thread.Join);
        foreach (var command in _commands.Values)
            await command.DisposeAsync();
        await _connection.DisposeAsync();
    }
}
