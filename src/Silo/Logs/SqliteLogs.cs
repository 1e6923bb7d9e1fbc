using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Logs;

/// <summary>Logs in a file of SQLite, for one process. A room keeps its epoch for good, as in PostgreSQL.</summary>
internal sealed partial class SqliteLogs : IRoomLogs, IAsyncDisposable
{
    /// <summary>While one is read, the next is on its way.</summary>
    private const int MaxOpenings = 2;

    private readonly RoomOptions _rooms;
    private readonly SqliteFile _file;
    private readonly LogWriter _writer;
    private readonly LogOpenings _openings;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    public SqliteLogs(IOptions<RoomOptions> rooms, SqliteFile file, SqliteDatabase database, LogOutage outage, TimeProvider time, ILogger<SqliteLogs> logger)
    {
        (_rooms, _file, _time, _logger) = (rooms.Value, file, time, logger);
        _openings = new LogOpenings(database, outage, MaxOpenings, time);
        _writer = new LogWriter(database, outage, logger);
    }

    /// <summary>Up to where messages of rooms are not needed any more.</summary>
    public TrimList Trims { get; } = new();

    public async ValueTask<OpenedLog> Open(string room, Retention retention, string user = "") =>
        (await _openings.Run(user, bound => _file.Use(file => Read(file, room, retention, OpenSql), bound)))!;

    public ValueTask<OpenedLog?> Find(string room, Retention retention, string user = "") =>
        _openings.Run(user, bound => _file.Use(file => Read(file, room, retention, FindSql), bound));

    public IRoomLog Resume(LogMark mark) => new DatabaseLog(_writer, Trims, mark);

    public ValueTask DisposeAsync() => _writer.DisposeAsync();

    private const string OpenSql = """
        INSERT INTO rooms (name, epoch, term, sequence, used_at) VALUES ($1, $2, 1, 0, $3)
        ON CONFLICT (name) DO UPDATE SET term = term + 1, used_at = excluded.used_at
        RETURNING id, term, epoch, sequence
        """;

    // Of a room that has none it makes no log. It takes the same parameters.
    private const string FindSql = """
        UPDATE rooms SET term = term + 1, used_at = $3 WHERE name = $1 AND $2 IS NOT NULL
        RETURNING id, term, epoch, sequence
        """;

    // The newest as far as their bytes are what a room keeps; which of them it keeps is its own rule.
    private static readonly string s_messagesSql = $"""
        SELECT sequence, version, kind, sender, timestamp, body FROM (
            SELECT *, sum(length(body) + {RoomHistory.Overhead}) OVER (ORDER BY sequence DESC) AS bytes FROM (
                SELECT sequence, version, kind, sender, timestamp, body FROM messages
                WHERE room = $1 ORDER BY sequence DESC LIMIT $2))
        WHERE bytes <= $3 ORDER BY sequence DESC
        """;

    // Of each sender the newest first, as a room that is full forgets the oldest of who has the most.
    private const string PublishesSql = """
        SELECT sequence, sender, id, hash, timestamp FROM (
            SELECT * FROM (
                SELECT *, row_number() OVER (PARTITION BY sender ORDER BY sequence DESC) AS place FROM (
                    SELECT sequence, sender, id, hash, timestamp FROM publishes
                    WHERE room = $1 AND timestamp >= $2 ORDER BY sequence DESC LIMIT $3 * 10))
            ORDER BY place, sequence DESC LIMIT $3)
        ORDER BY sequence
        """;

    private OpenedLog? Read(SqliteFile file, string room, Retention retention, string sql)
    {
        var now = _time.GetUtcNow();
        LogMark mark;
        string epoch;
        long sequence;
        using (var reader = file.Query(sql, room, MemoryLogs.NewEpoch(), now.ToUnixTimeMilliseconds()))
        {
            if (!reader.Read())
                return null;
            mark = new LogMark(reader.GetInt64(0), reader.GetInt64(1));
            (epoch, sequence) = (reader.GetString(2), reader.GetInt64(3));
        }
        var found = new List<FrontEvent>();
        using (var reader = file.Query(s_messagesSql, mark.Room, retention.Messages == 0 ? 0 : retention.Bytes / RoomHistory.Overhead, retention.Bytes))
        {
            while (reader.Read())
            {
                if (reader.GetInt16(1) > LogRow.Version)
                    throw Newer(room, reader.GetInt16(1));
                // What follows a hole is no history: it would be given as if nothing were missing.
                if (reader.GetInt64(0) != sequence - found.Count)
                    break;
                found.Add(LogRow.Message(room, epoch, mark, reader.GetInt64(0), reader.GetInt16(2), reader.IsDBNull(3) ? null : reader.GetString(3),
                    reader.GetInt64(4), reader.GetFieldValue<byte[]>(5)));
            }
        }
        found.Reverse();
        var publishes = new List<KnownPublish>();
        using (var reader = file.Query(PublishesSql, mark.Room, (now - _rooms.DedupeWindow).ToUnixTimeMilliseconds(), _rooms.DedupeEntries))
        {
            while (reader.Read())
            {
                publishes.Add(new KnownPublish(
                    reader.IsDBNull(1) ? null : reader.GetString(1), Encoding.UTF8.GetString(reader.GetFieldValue<byte[]>(2)),
                    unchecked((ulong)reader.GetInt64(3)), new Receipt(epoch, reader.GetInt64(0), reader.GetInt64(4))));
            }
        }
        var state = new List<StateEntry>();
        using (var reader = file.Query("""
            SELECT key, sequence, version, kind, sender, timestamp, expires, body FROM state WHERE room = $1 AND (expires = 0 OR expires > $2)
            """, mark.Room, now.ToUnixTimeMilliseconds()))
        {
            while (reader.Read())
            {
                if (reader.GetInt16(2) > LogRow.Version)
                    throw Newer(room, reader.GetInt16(2));
                state.Add(LogRow.State(Encoding.UTF8.GetString(reader.GetFieldValue<byte[]>(0)), reader.GetInt64(1), reader.GetInt16(3),
                    reader.IsDBNull(4) ? null : reader.GetString(4), reader.GetInt64(5), reader.GetInt64(6), reader.GetFieldValue<byte[]>(7)));
            }
        }
        return new OpenedLog(new DatabaseLog(_writer, Trims, mark, sequence - found.Count + 1), epoch, sequence, [.. found], [.. publishes]) { State = [.. state] };
    }

    private LogException Newer(string room, short version)
    {
        LogNewer(room, version, LogRow.Version);
        return new LogException($"The room's log has messages of version {version}, written by a newer release; this one reads up to {LogRow.Version}.");
    }

    [LoggerMessage(1, LogLevel.Error,
        "Room {Room} is not opened: its log has messages of version {Version}, written by a newer release; this one reads up to {Known}. Run the newer one.")]
    private partial void LogNewer(string room, short version, short known);
}
