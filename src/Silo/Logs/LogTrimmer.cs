using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Realtime.PushStreams;
using Realtime.Silo.Rooms;
using Realtime.Silo.Users;

namespace Realtime.Silo.Logs;

/// <summary>
/// Deletes what rooms retain no more, on a connection of its own, a bounded number of rows at a time: by count for the rooms
/// of this silo, by age for all, as the silo of a room may be down.
/// </summary>
internal sealed partial class LogTrimmer(
    PostgresLogs logs, LogSettings settings, IOptions<RoomOptions> rooms, IOptions<InboxOptions> inboxes, TimeProvider time,
    ILogger<LogTrimmer> logger)
    : BackgroundService
{
    private static readonly TimeSpan s_period = TimeSpan.FromSeconds(5);

    /// <summary>Ages are looked at in every such round: half a minute more or less is nothing to a message that is old.</summary>
    private const int RoundsPerSweep = 6;

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

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await Task.Delay(Backoff.Part(s_period), time, stoppingToken); // silos that have started together do not go on in step
            using var timer = new PeriodicTimer(s_period, time);
            for (var round = 0; await timer.WaitForNextTickAsync(stoppingToken); round++)
            {
                try
                {
                    await TrimCounts(stoppingToken);
                    if (round % RoundsPerSweep == 0)
                        await TrimAges(stoppingToken);
                }
                catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
                {
                    // What is left is trimmed later, by age at the latest.
                    SafeLog.Write(() => LogFailed(LogOutage.IsProblem(exception) ? LogLevel.Debug : LogLevel.Error, exception.Message, exception));
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The silo stops.
        }
    }

    /// <summary>Messages that the rooms of this silo do not retain.</summary>
    public async Task TrimCounts(CancellationToken cancellation = default)
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
    public async Task TrimAges(CancellationToken cancellation = default)
    {
        const string isInbox = $"r.name LIKE '{InboxKey.SqlPattern}'";
        var until = time.GetUtcNow() - rooms.Value.LongestHistoryAge;
        await Delete("realtime_messages", $"NOT {isInbox}", _sweeps++ % SweepsPerWhole == 0 ? DateTimeOffset.UnixEpoch : _swept - s_overlap, until);
        _swept = until;
        await Delete("realtime_messages", isInbox, DateTimeOffset.UnixEpoch, Ago(inboxes.Value.Age));
        await Delete("realtime_publishes", "true", DateTimeOffset.UnixEpoch, Ago(rooms.Value.DedupeWindow));
        await Repeat($"""
            DELETE FROM realtime_rooms WHERE ctid = ANY (ARRAY(
                SELECT r.ctid FROM realtime_rooms r
                WHERE r.used_at < to_timestamp(CASE WHEN {isInbox} THEN least($1, $2) ELSE $2 END / 1000.0) AND r.service = $3
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
        DateTimeOffset Ago(TimeSpan age) => time.GetUtcNow() - age;
        NpgsqlParameter At(DateTimeOffset when) => new NpgsqlParameter<long> { TypedValue = when.ToUnixTimeMilliseconds() };
        NpgsqlParameter Service() => new NpgsqlParameter<string> { TypedValue = settings.Service };
    }

    private async Task Repeat(string sql, CancellationToken cancellation, params NpgsqlParameter[] parameters)
    {
        await using var connection = await logs.Source.OpenConnectionAsync(cancellation);
        await using var command = new NpgsqlCommand(sql, connection);
        command.Parameters.AddRange(parameters);
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = Rows });
        while (await command.ExecuteNonQueryAsync(cancellation) == Rows)
        {
            // Another portion; in between the rows are free for who waits.
        }
    }

    [LoggerMessage(EventId = 1, Message = "Messages could not be trimmed now: {Reason}")]
    private partial void LogFailed(LogLevel level, string reason, Exception exception);
}
