using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Realtime.Silo.Revocations;
using Realtime.Silo.Rooms;
using Realtime.Silo.Users;

namespace Realtime.Silo.Logs;

/// <summary>Trims between the appends: each portion is a transaction of its own, for which they wait.</summary>
internal sealed class SqliteTrimmer(
    SqliteLogs logs, SqliteFile file, SqliteDatabase database, LogSettings settings, IOptions<RoomOptions> rooms, IOptions<InboxOptions> inboxes,
    TimeProvider time, ILogger<LogTrimmer> logger)
    : LogTrimmer(database, time, logger)
{
    /// <summary>Of a portion: a few milliseconds.</summary>
    private const int Rows = 500;

    private const int SweepsPerWhole = 120;

    private const string IsInbox = $"r.name LIKE '{InboxKey.SqlPattern}'";

    private static readonly TimeSpan s_overlap = TimeSpan.FromMinutes(5);

    private int _sweeps;
    private DateTimeOffset _swept;

    public override async Task TrimCounts(CancellationToken cancellation = default)
    {
        var trims = new Queue<KeyValuePair<long, long>>(logs.Trims.Take());
        while (trims.Count > 0)
        {
            await file.Use(file =>
            {
                for (var rows = 0; rows < Rows && trims.TryPeek(out var trim);)
                {
                    var deleted = file.Execute(
                        "DELETE FROM messages WHERE rowid IN (SELECT rowid FROM messages WHERE room = $1 AND sequence < $2 ORDER BY sequence LIMIT $3)",
                        trim.Key, trim.Value, Rows - rows);
                    rows += deleted;
                    if (rows < Rows)
                        trims.Dequeue();
                }
                return 0;
            }, cancellation);
        }
    }

    public override async Task TrimAges(CancellationToken cancellation = default)
    {
        // As with PostgreSQL: most sweeps pass over the messages of inboxes, which stay for long.
        var until = Time.GetUtcNow() - rooms.Value.LongestHistoryAge;
        await Delete("messages", $"NOT {IsInbox}", _sweeps++ % SweepsPerWhole == 0 ? DateTimeOffset.UnixEpoch : _swept - s_overlap, until, cancellation);
        _swept = until;
        await Delete("messages", IsInbox, DateTimeOffset.UnixEpoch, Ago(inboxes.Value.Age), cancellation);
        await Delete("publishes", "true", DateTimeOffset.UnixEpoch, Ago(rooms.Value.DedupeWindow), cancellation);
        await Repeat($"""
            DELETE FROM rooms WHERE id IN (
                SELECT id FROM rooms r WHERE used_at < CASE WHEN {IsInbox} THEN min($1, $2) ELSE $2 END
                AND name <> '{RevocationStore.Name}'
                AND NOT EXISTS (SELECT 1 FROM messages m WHERE m.room = r.id) AND NOT EXISTS (SELECT 1 FROM publishes p WHERE p.room = r.id)
                LIMIT $3)
            """, Ago(inboxes.Value.Age), Ago(settings.RoomAge), cancellation);
        await Repeat("""
            DELETE FROM state WHERE rowid IN (
                SELECT rowid FROM state WHERE expires > $1 AND expires < $2 LIMIT $3)
            """, DateTimeOffset.UnixEpoch, Time.GetUtcNow(), cancellation);
    }

    private DateTimeOffset Ago(TimeSpan age) => Time.GetUtcNow() - age;

    private Task Delete(string table, string which, DateTimeOffset from, DateTimeOffset before, CancellationToken cancellation) => Repeat($"""
        DELETE FROM {table} WHERE rowid IN (
            SELECT m.rowid FROM {table} m JOIN rooms r ON r.id = m.room
            WHERE m.timestamp >= $1 AND m.timestamp < $2 AND {which} LIMIT $3)
        """, from, before, cancellation);

    private async Task Repeat(string sql, DateTimeOffset first, DateTimeOffset second, CancellationToken cancellation)
    {
        var (one, two) = (first.ToUnixTimeMilliseconds(), second.ToUnixTimeMilliseconds());
        while (await file.Use(file => file.Execute(sql, one, two, Rows), cancellation) == Rows)
        {
            // Another portion; appends come in between.
        }
    }
}
