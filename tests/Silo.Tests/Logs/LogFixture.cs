using System.Text;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Options;
using Npgsql;
using Realtime.Grains;
using Realtime.Silo.Hosting;
using Realtime.Silo.Logs;
using Realtime.Silo.Postgres;
using Realtime.Silo.Rooms;
using Realtime.Silo.Users;

[assembly: AssemblyFixture(typeof(Realtime.Tests.Shared.PostgresFixture))]

namespace Realtime.Silo.Tests.Logs;

/// <summary>The log of one silo on a database; several of them are several silos.</summary>
internal sealed class TestLogs : IAsyncDisposable
{
    public static readonly TimeSpan Bound = TimeSpan.FromSeconds(30);

    public TestLogs(string database, RoomOptions? options = null, TimeProvider? time = null, LinesLogger? lines = null, params (string Key, string Value)[] settings)
    {
        (Database, Rooms, Time) = (database, options ?? new(), time ?? TimeProvider.System);
        Settings = LogSettings.Read(new ConfigurationBuilder().AddInMemoryCollection(
            [new("Log:Provider", "postgres"), new("Log:ConnectionString", database), .. settings.Select(setting => KeyValuePair.Create(setting.Key, (string?)setting.Value))]).Build());
        Tables = new PostgresDatabase(Settings);
        var outage = new LogOutage(Tables, TimeProvider.System, lines?.For<LogOutage>() ?? NullLogger<LogOutage>.Instance);
        Logs = new PostgresLogs(Settings, Options.Create(Rooms), Tables, outage, Time, lines?.For<PostgresLogs>() ?? NullLogger<PostgresLogs>.Instance);
        Trimmer = new PostgresTrimmer(Logs, Tables, Settings, Options.Create(Rooms), Options.Create(new InboxOptions()), Time, NullLogger<LogTrimmer>.Instance);
    }

    public string Database { get; }

    public RoomOptions Rooms { get; }

    public TimeProvider Time { get; }

    public LogSettings Settings { get; }

    public PostgresDatabase Tables { get; }

    public PostgresLogs Logs { get; }

    public LogTrimmer Trimmer { get; }

    public static async Task<string> NewDatabase(PostgresFixture postgres)
    {
        var database = await postgres.CreateDatabase();
        await new Schema(database, new DatabaseWait(new SiloState(), TimeProvider.System, NullLogger<DatabaseWait>.Instance), TimeProvider.System, NullLogger<Schema>.Instance).Apply(CancellationToken.None).WaitAsync(Bound);
        return database;
    }

    public static Retention Retention(int messages, int bytes = RoomOptions.DefaultHistoryBytes) => new(messages, TimeSpan.FromMinutes(10), bytes);

    public async Task<OpenedLog> Open(string room = "lobby") =>
        await Logs.Open(room, Rooms.RetentionOf(room)).AsTask().WaitAsync(Bound);

    public static async Task<object?> Execute(string database, string sql)
    {
        await using var connection = new NpgsqlConnection(database);
        await connection.OpenAsync().WaitAsync(Bound);
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync().WaitAsync(Bound);
    }

    public Task<object?> Execute(string sql) => Execute(Database, sql);

    public async ValueTask DisposeAsync()
    {
        Trimmer.Dispose();
        await Logs.DisposeAsync();
        await Tables.DisposeAsync();
    }
}

/// <summary>Messages as a room makes them.</summary>
internal static class Entries
{
    public static LogEntry Of(OpenedLog log, long sequence, string content = "hi", string? id = null, string? from = "alice", long at = 0, FrontEventKind kind = FrontEventKind.Message) =>
        new(new FrontEvent
        {
            Kind = kind,
            Target = "lobby",
            From = from,
            Epoch = log.Epoch,
            Sequence = sequence,
            Order = log.Log.Mark.FirstOrder + sequence,
            Timestamp = at == 0 ? DateTimeOffset.UtcNow.ToUnixTimeMilliseconds() : at,
            Body = Body(content),
        }, id, PublishDedupe.Hash(Body(content)));

    public static LogEntry[] Of(OpenedLog log, long first, int count) => [.. Enumerable.Range(0, count).Select(i => Of(log, first + i, $"m{first + i}"))];

    public static byte[] Body(string content) => Encoding.UTF8.GetBytes($"\"content\":\"{content}\"");
}

/// <summary>Keeps the lines that are logged at warning and above.</summary>
internal sealed class LinesLogger
{
    private readonly List<string> _lines = [];

    public string[] Lines
    {
        get
        {
            lock (_lines)
                return [.. _lines];
        }
    }

    public ILogger<T> For<T>() => new Logger<T>(_lines);

    private sealed class Logger<T>(List<string> lines) : ILogger<T>
    {
        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => logLevel >= LogLevel.Warning;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter)
        {
            if (!IsEnabled(logLevel))
                return;
            lock (lines)
                lines.Add(formatter(state, exception));
        }
    }
}
