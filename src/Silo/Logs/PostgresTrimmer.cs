using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Realtime.Silo.Revocations;
using Realtime.Silo.Rooms;
using Realtime.Silo.Users;

namespace Realtime.Silo.Logs;

/// <summary>Trims on a connection of its own.</summary>
internal sealed class PostgresTrimmer(
    PostgresLogs logs, PostgresDatabase database, LogSettings settings, IOptions<RoomOptions> rooms, IOptions<InboxOptions> inboxes, TimeProvider time,
    ILogger<LogTrimmer> logger)
    : LogTrimmer(database, time, logger)
{
    /// <summary>
    /// The messages of inboxes stay for long among those that are too old for any room. So that they are not looked at each time, a sweep
    /// begins a little before where the last one ended, and only one in so many at the beginning.
    /// </summary>
    private const int SweepsPerWhole = 120;

    private static readonly TimeSpan s_overlap = TimeSpan.FromMinutes(5);

    private int _sweeps;
    private DateTimeOffset _swept;

    /// <summary>Short enough a statement that nobody waits for its rows, and large enough to keep up with the writer.</summary>
    private const int Rows = 5000;

    /// <summary>Messages that the rooms of this silo do not retain.</summary>
    public override async Task TrimCounts(CancellationToken cancellation = default)
    {
        var trims = logs.Trims.Take();
        if (trims.Count == 0)
            return;
        long[] ids = [.. trims.Keys], before = [.. trims.Values];
        await Repeat("""
            DELETE FROM realtime_messages WHERE ctid = ANY (ARRAY(
                SELECT m.ctid FROM unnest($1, $2) AS t (room, before)
                JOIN realtime_messages m ON m.room = t.room AND m.sequence < t.before
                LIMIT $3))
            """, cancellation, new NpgsqlParameter<long[]> { TypedValue = ids }, new NpgsqlParameter<long[]> { TypedValue = before });
    }

    /// <summary>Messages and ids that are too old for every room, and rooms that nobody has used for long.</summary>
    public override async Task TrimAges(CancellationToken cancellation = default)
    {
        const string isInbox = $"r.name LIKE '{InboxKey.SqlPattern}'";
        var until = Time.GetUtcNow() - rooms.Value.LongestHistoryAge;
        await Delete("realtime_messages", $"NOT {isInbox}", _sweeps++ % SweepsPerWhole == 0 ? DateTimeOffset.UnixEpoch : _swept - s_overlap, until);
        _swept = until;
        await Delete("realtime_messages", isInbox, DateTimeOffset.UnixEpoch, Ago(inboxes.Value.Age));
        await Delete("realtime_publishes", "true", DateTimeOffset.UnixEpoch, Ago(rooms.Value.DedupeWindow));
        await Repeat("""
            DELETE FROM realtime_state WHERE ctid = ANY (ARRAY(
                SELECT s.ctid FROM realtime_state s JOIN realtime_rooms r ON r.id = s.room
                WHERE s.expires > 0 AND s.expires < $1 AND r.service = $2 LIMIT $3 FOR UPDATE OF s SKIP LOCKED))
            """, cancellation, At(Time.GetUtcNow()), Service());
        await Repeat($"""
            DELETE FROM realtime_rooms WHERE ctid = ANY (ARRAY(
                SELECT r.ctid FROM realtime_rooms r
                WHERE r.used_at < to_timestamp(CASE WHEN {isInbox} THEN least($1, $2) ELSE $2 END / 1000.0) AND r.service = $3
                AND r.name <> '{RevocationStore.Name}'
                AND NOT EXISTS (SELECT FROM realtime_messages m WHERE m.room = r.id)
                AND NOT EXISTS (SELECT FROM realtime_publishes p WHERE p.room = r.id)
                LIMIT $4 FOR UPDATE SKIP LOCKED))
            """, cancellation, At(Ago(inboxes.Value.Age)), At(Ago(settings.RoomAge)), Service());

        // Rows that another silo is deleting are left to it.
        Task Delete(string table, string which, DateTimeOffset from, DateTimeOffset before) => Repeat($"""
            DELETE FROM {table} WHERE ctid = ANY (ARRAY(
                SELECT m.ctid FROM {table} m JOIN realtime_rooms r ON r.id = m.room
                WHERE m.timestamp >= $1 AND m.timestamp < $2 AND r.service = $3 AND {which}
                LIMIT $4 FOR UPDATE OF m SKIP LOCKED))
            """, cancellation, At(from), At(before), Service());
        DateTimeOffset Ago(TimeSpan age) => Time.GetUtcNow() - age;
        NpgsqlParameter At(DateTimeOffset when) => new NpgsqlParameter<long> { TypedValue = when.ToUnixTimeMilliseconds() };
        NpgsqlParameter Service() => new NpgsqlParameter<string> { TypedValue = settings.Service };
    }

    private async Task Repeat(string sql, CancellationToken cancellation, params NpgsqlParameter[] parameters)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(parameters);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = Rows });
        while (await command.ExecuteNonQueryAsync(cancellation) == Rows)
        {
            // Another portion; in between the rows are free for who waits.
        }
    }
}
