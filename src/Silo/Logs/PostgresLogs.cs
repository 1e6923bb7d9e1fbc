using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Logs;

/// <summary>Logs in PostgreSQL. A room keeps its epoch for good; its log is read when it is opened, and else only written.</summary>
internal sealed partial class PostgresLogs : IRoomLogs, IAsyncDisposable
{
    private readonly string _service;
    private readonly RoomOptions _rooms;
    private readonly PostgresDatabase _database;
    private readonly LogWriter _writer;
    private readonly LogOpenings _openings;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    public PostgresLogs(LogSettings settings, IOptions<RoomOptions> rooms, PostgresDatabase database, LogOutage outage, TimeProvider time, ILogger<PostgresLogs> logger)
    {
        (_service, _rooms, _database, _time, _logger) = (settings.Service, rooms.Value, database, time, logger);
        _openings = new LogOpenings(database, outage, PostgresDatabase.MaxOpenings, time);
        _writer = new LogWriter(database, outage, logger);
    }

    /// <summary>Up to where messages of rooms are not needed any more.</summary>
    public TrimList Trims { get; } = new();

    public async ValueTask<OpenedLog> Open(string room, Retention retention, string user = "") => (await _openings.Run(user, bound => Read(room, retention, OpenSql, bound)))!;

    public ValueTask<OpenedLog?> Find(string room, Retention retention, string user = "") => _openings.Run(user, bound => Read(room, retention, FindSql, bound));

    public IRoomLog Resume(LogMark mark) => new DatabaseLog(_writer, Trims, mark);

    public ValueTask DisposeAsync() => _writer.DisposeAsync();

    // Later statements of the batch see what an append had written that the first one waited for.
    private const string OpenSql = """
        INSERT INTO realtime_rooms (service, name, epoch, term, sequence) VALUES ($1, $2, $3, 1, 0)
        ON CONFLICT (service, name) DO UPDATE SET term = realtime_rooms.term + 1, used_at = now()
        RETURNING id, term, epoch, sequence
        """;

    // Of a room that has none it makes no log. It takes the same parameters.
    private const string FindSql = """
        UPDATE realtime_rooms SET term = term + 1, used_at = now() WHERE service = $1 AND name = $2 AND $3 IS NOT NULL
        RETURNING id, term, epoch, sequence
        """;

    // The newest as far as their bytes are what a room keeps; which of them it keeps is its own rule.
    private static readonly string s_messagesSql = $"""
        SELECT sequence, version, kind, sender, timestamp, body FROM (
            SELECT *, sum(octet_length(body) + {RoomHistory.Overhead}) OVER (ORDER BY sequence DESC) AS bytes FROM (
                SELECT sequence, version, kind, sender, timestamp, body FROM realtime_messages
                WHERE room = (SELECT id FROM realtime_rooms WHERE service = $1 AND name = $2)
                ORDER BY sequence DESC LIMIT $3) newest) messages
        WHERE bytes <= $4 ORDER BY sequence DESC
        """;

    // Of each sender the newest first, as a room that is full forgets the oldest of who has the most.
    private const string PublishesSql = """
        SELECT * FROM (
            SELECT sequence, sender, id, hash, timestamp FROM (
                SELECT *, row_number() OVER (PARTITION BY sender ORDER BY sequence DESC) AS place FROM (
                    SELECT sequence, sender, id, hash, timestamp FROM realtime_publishes
                    WHERE room = (SELECT id FROM realtime_rooms WHERE service = $1 AND name = $2) AND timestamp >= $3
                    ORDER BY sequence DESC LIMIT $4 * 10) newest) shares
            ORDER BY place, sequence DESC LIMIT $4) publishes
        ORDER BY sequence DESC
        """;

    private const string StateSql = """
        SELECT key, sequence, version, kind, sender, timestamp, expires, body FROM realtime_state
        WHERE room = (SELECT id FROM realtime_rooms WHERE service = $1 AND name = $2) AND (expires = 0 OR expires > $3)
        """;

    private async Task<OpenedLog?> Read(string room, Retention retention, string sql, CancellationToken cancellation)
    {
        await using var connection = await _database.Source.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands =
            {
                new(sql) { Parameters = { Text(_service), Text(room), Text(MemoryLogs.NewEpoch()) } },
                new(s_messagesSql)
                {
                    Parameters =
                    {
                        Text(_service), Text(room),
                        Number(retention.Messages == 0 ? 0 : retention.Bytes / RoomHistory.Overhead), Number(retention.Bytes),
                    },
                },
                new(PublishesSql)
                {
                    Parameters =
                    {
                        Text(_service), Text(room),
                        Number((_time.GetUtcNow() - _rooms.DedupeWindow).ToUnixTimeMilliseconds()), Number(_rooms.DedupeEntries),
                    },
                },
                new(StateSql) { Parameters = { Text(_service), Text(room), Number(_time.GetUtcNow().ToUnixTimeMilliseconds()) } },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        if (!await reader.ReadAsync(cancellation))
            return null;
        var mark = new LogMark(reader.GetInt64(0), reader.GetInt64(1));
        var (epoch, sequence) = (reader.GetString(2), reader.GetInt64(3));

        await reader.NextResultAsync(cancellation);
        var found = new List<FrontEvent>();
        while (await reader.ReadAsync(cancellation))
        {
            if (reader.GetInt16(1) > LogRow.Version)
                throw Newer(room, reader.GetInt16(1));
            // What follows a hole is no history: it would be given as if nothing were missing.
            if (reader.GetInt64(0) != sequence - found.Count)
                break;
            found.Add(LogRow.Message(room, epoch, mark, reader.GetInt64(0), reader.GetInt16(2), reader.IsDBNull(3) ? null : reader.GetString(3),
                reader.GetInt64(4), reader.GetFieldValue<byte[]>(5)));
        }
        found.Reverse();

        await reader.NextResultAsync(cancellation);
        var publishes = new List<KnownPublish>();
        while (await reader.ReadAsync(cancellation))
        {
            publishes.Add(new KnownPublish(
                reader.IsDBNull(1) ? null : reader.GetString(1), Encoding.UTF8.GetString(reader.GetFieldValue<byte[]>(2)),
                unchecked((ulong)reader.GetInt64(3)), new Receipt(epoch, reader.GetInt64(0), reader.GetInt64(4))));
        }
        publishes.Reverse();

        await reader.NextResultAsync(cancellation);
        var state = new List<StateEntry>();
        while (await reader.ReadAsync(cancellation))
        {
            if (reader.GetInt16(2) > LogRow.Version)
                throw Newer(room, reader.GetInt16(2));
            state.Add(LogRow.State(Encoding.UTF8.GetString(reader.GetFieldValue<byte[]>(0)), reader.GetInt64(1), reader.GetInt16(3),
                reader.IsDBNull(4) ? null : reader.GetString(4), reader.GetInt64(5), reader.GetInt64(6), reader.GetFieldValue<byte[]>(7)));
        }
        return new OpenedLog(new DatabaseLog(_writer, Trims, mark, sequence - found.Count + 1), epoch, sequence, [.. found], [.. publishes]) { State = [.. state] };
    }

    private LogException Newer(string room, short version)
    {
        LogNewer(room, version, LogRow.Version);
        return new LogException($"The room's log has messages of version {version}, written by a newer release; this one reads up to {LogRow.Version}.");
    }

    private static NpgsqlParameter<string> Text(string value) => new() { TypedValue = value };

    private static NpgsqlParameter<long> Number(long value) => new() { TypedValue = value };

    [LoggerMessage(1, LogLevel.Error,
        "Room {Room} is not opened: its log has messages of version {Version}, written by a newer release; this one reads up to {Known}. Run the newer one on all silos.")]
    private partial void LogNewer(string room, short version, short known);
}
