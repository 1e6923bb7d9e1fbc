using System.Text;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Npgsql;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Logs;

/// <summary>Logs in PostgreSQL. A room keeps its epoch for good; its log is read when it is opened, and else only written.</summary>
internal sealed partial class PostgresLogs : IRoomLogs, IAsyncDisposable
{
    /// <summary>What the rows that this release writes mean. Grows when older releases would misread them.</summary>
    public const short RowVersion = 1;

    /// <summary>
    /// How long a statement may take. Below the 5 s of a call between silos, so that its caller gets the error; and a database
    /// that does not answer for so long counts as down.
    /// </summary>
    public static readonly TimeSpan StatementTimeout = TimeSpan.FromSeconds(3);

    /// <summary>How long an opening waits for others. With a statement, below the 5 s of a call.</summary>
    private static readonly TimeSpan s_openingWait = TimeSpan.FromSeconds(1.5);

    /// <summary>So many rooms are opened at once; beside these, the writer has two connections and the trimmer one.</summary>
    private const int MaxOpenings = 4;

    /// <summary>In the kind of a row: a service has sent it. Releases that do not know it read the kind alone, so it needs no other version.</summary>
    private const short ServiceFlag = 256;

    private const int Connections = MaxOpenings + 4;

    private readonly string _service;
    private readonly RoomOptions _rooms;
    private readonly LogOutage _outage;
    private readonly LogWriter _writer;
    private readonly OpeningQueue _openings;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;

    public PostgresLogs(LogSettings settings, IOptions<RoomOptions> rooms, LogOutage outage, TimeProvider time, ILogger<PostgresLogs> logger)
    {
        (_service, _rooms, _outage, _time, _logger) = (settings.Service, rooms.Value, outage, time, logger);
        _openings = new OpeningQueue(MaxOpenings, time);
        var connection = new NpgsqlConnectionStringBuilder(settings.ConnectionString)
        {
            MaxPoolSize = Connections,
            Timeout = (int)StatementTimeout.TotalSeconds,
            CommandTimeout = (int)StatementTimeout.TotalSeconds,
            CancellationTimeout = -1, // a server that does not answer is not asked to cancel either
            NoResetOnClose = true, // nothing of a session is changed
            MaxAutoPrepare = 8, // there are few statements, and the same ones each time
            AutoPrepareMinUsages = 2,
        };
        Source = NpgsqlDataSource.Create(connection);
        _writer = new LogWriter(Source, outage, logger);
    }

    /// <summary>The connections, for the trimmer too.</summary>
    public NpgsqlDataSource Source { get; }

    /// <summary>Up to where messages of rooms are not needed any more.</summary>
    public TrimList Trims { get; } = new();

    public async ValueTask<OpenedLog> Open(string room, Retention retention, string user = "") => (await Open(room, retention, user, OpenSql))!;

    public ValueTask<OpenedLog?> Find(string room, Retention retention, string user = "") => Open(room, retention, user, FindSql);

    private async ValueTask<OpenedLog?> Open(string room, Retention retention, string user, string sql)
    {
        _outage.ThrowIfDown();
        if (!await _openings.Wait(user, s_openingWait))
        {
            SiloLimits.Met(SiloLimits.Openings);
            throw new LogException("The log is busy with other rooms.");
        }
        try
        {
            // What has waited here says nothing about the database: its time begins now.
            using var bound = new CancellationTokenSource(StatementTimeout);
            var opened = await Read(room, retention, sql, bound.Token);
            _outage.Succeeded();
            return opened;
        }
        catch (Exception exception) when (LogOutage.IsProblem(exception))
        {
            if (!LogOutage.IsOfOneStatement(exception))
                Source.Clear(); // connections to a server that is down
            throw _outage.Failed(exception);
        }
        finally
        {
            _openings.Release();
        }
    }

    public IRoomLog Resume(LogMark mark) => new PostgresLog(this, mark, trimmed: 0);

    public async ValueTask DisposeAsync()
    {
        await _writer.DisposeAsync();
        await Source.DisposeAsync();
    }

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

    private async Task<OpenedLog?> Read(string room, Retention retention, string sql, CancellationToken cancellation)
    {
        await using var connection = await Source.OpenConnectionAsync(cancellation);
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
            if (reader.GetInt16(1) > RowVersion)
                throw Newer(room, reader.GetInt16(1));
            // What follows a hole is no history: it would be given as if nothing were missing.
            if (reader.GetInt64(0) != sequence - found.Count)
                break;
            found.Add(new FrontEvent
            {
                Kind = (FrontEventKind)(reader.GetInt16(2) & ~ServiceFlag),
                IsService = (reader.GetInt16(2) & ServiceFlag) != 0,
                Target = room,
                From = reader.IsDBNull(3) ? null : reader.GetString(3),
                Epoch = epoch,
                Sequence = reader.GetInt64(0),
                Order = mark.FirstOrder,
                Timestamp = reader.GetInt64(4),
                Body = reader.GetFieldValue<byte[]>(5),
            });
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
        return new OpenedLog(new PostgresLog(this, mark, sequence - found.Count + 1), epoch, sequence, [.. found], [.. publishes]);
    }

    public static short KindOf(FrontEvent message) => (short)((byte)message.Kind | (message.IsService ? ServiceFlag : 0));

    private LogException Newer(string room, short version)
    {
        LogNewer(room, version, RowVersion);
        return new LogException($"The room's log has messages of version {version}, written by a newer release; this one reads up to {RowVersion}.");
    }

    private static NpgsqlParameter<string> Text(string value) => new() { TypedValue = value };

    private static NpgsqlParameter<long> Number(long value) => new() { TypedValue = value };

    [LoggerMessage(1, LogLevel.Error,
        "Room {Room} is not opened: its log has messages of version {Version}, written by a newer release; this one reads up to {Known}. Run the newer one on all silos.")]
    private partial void LogNewer(string room, short version, short known);

    /// <summary>One room's, small: there may be many.</summary>
    private sealed class PostgresLog(PostgresLogs logs, LogMark mark, long trimmed) : IRoomLog
    {
        private long _trimmed = trimmed;

        public LogMark Mark => mark;

        public ValueTask Append(ReadOnlySpan<LogEntry> entries) => new(logs._writer.Append(mark, entries.ToArray()));

        public void Trim(long before)
        {
            if (before - _trimmed < TrimList.Step)
                return;
            _trimmed = before;
            logs.Trims.Add(mark.Room, before);
        }
    }
}
