using System.Diagnostics.Metrics;
using System.Text.Json;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Npgsql;
using Realtime.PushStreams;
using Realtime.Silo.Logs;

namespace Realtime.Silo.Postgres;

/// <summary>
/// Sends what applications have published with the SQL function <c>realtime_publish</c>. One silo of a service reads at a time, so that a
/// room gets the messages of the outbox in their order. What was sent is deleted in the transaction that holds its rows: when a silo dies
/// in between, another one sends it again under the same id, and the room keeps it once.
/// </summary>
internal sealed partial class OutboxReader(LogSettings settings, IGrainFactory grains, TimeProvider time, ILogger<OutboxReader> logger) : BackgroundService
{
    private const int MaxRows = 200;
    private const int RoomsAtOnce = 16;

    // Of the bodies in one call to a room.
    private const int MaxTurnBytes = 1024 * 1024;

    // A notification comes with each commit; this is for one that was lost with its connection.
    private const int PollMilliseconds = 30_000;

    // While a room is out of reach.
    private const int RetryMilliseconds = 1_000;

    private static readonly Meter s_meter = new(SiloTelemetry.MeterName);
    private static readonly Counter<long> s_sent = s_meter.CreateCounter<long>("realtime.outbox.messages", "{message}", "Messages of the outbox that rooms have kept.");
    private static readonly Counter<long> s_refused = s_meter.CreateCounter<long>("realtime.outbox.refusals", "{message}", "Messages of the outbox that rooms have refused.");

    // How deep it may be is the room's to say.
    private static readonly JsonDocumentOptions s_anyDepth = new() { MaxDepth = 1_000_000 };

    private readonly TaskCompletionSource _begin = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly HashSet<string> _outOfReach = new(StringComparer.Ordinal);

    private sealed record Row(long Id, string Room, string Body, string? PublishId);

    /// <summary>The silo is in the cluster, and the tables are there.</summary>
    public void Begin() => _begin.TrySetResult();

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var backoff = NewBackoff();
        try
        {
            await _begin.Task.WaitAsync(stoppingToken);
            while (true)
            {
                try
                {
                    await Read(() => backoff = NewBackoff(), stoppingToken);
                }
                catch (Exception exception) when (!stoppingToken.IsCancellationRequested)
                {
                    var problem = PostgresProblem.Find(exception);
                    SafeLog.Write(() => LogFailed(problem is null ? LogLevel.Error : LogLevel.Warning, PostgresProblem.Reason(problem ?? exception), problem is null ? exception : null));
                    await Task.Delay(backoff.Next(), time, stoppingToken);
                }
            }
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            // The silo stops.
        }
    }

    private static Backoff NewBackoff() => new(first: TimeSpan.FromSeconds(1), longest: TimeSpan.FromSeconds(15));

    /// <summary>Reads on one connection until that fails.</summary>
    private async Task Read(Action works, CancellationToken cancellation)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(settings.ConnectionString)
        {
            Pooling = false,
            Timeout = 5,
            CommandTimeout = 10,
            KeepAlive = 15, // a server that has gone is noticed while nothing happens
        }.ConnectionString);
        await connection.OpenAsync(cancellation);
        await Execute(connection, null, "LISTEN realtime_outbox", cancellation);
        while (true)
        {
            _outOfReach.Clear();
            while (await Send(connection, cancellation))
            {
                // There may be more.
            }
            works();
            await Execute(connection, null, "DELETE FROM realtime_outbox WHERE service = $1 AND error IS NOT NULL AND created_at < now() - interval '7 days'", cancellation,
                new NpgsqlParameter<string> { TypedValue = settings.Service });
            await connection.WaitAsync(_outOfReach.Count > 0 ? RetryMilliseconds : PollMilliseconds, cancellation);
        }
    }

    /// <summary>Sends the oldest; false when there are none, or another silo is at it.</summary>
    private async Task<bool> Send(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var transaction = await connection.BeginTransactionAsync(cancellation);
        if (await Execute(connection, transaction, "SELECT pg_try_advisory_xact_lock(hashtextextended('realtime_outbox ' || $1, 0))", cancellation,
                new NpgsqlParameter<string> { TypedValue = settings.Service }) is not true)
            return false;
        var rows = await Oldest(connection, transaction, cancellation);
        if (rows.Count == 0)
            return false;
        var (sent, refused) = (new List<long>(), new List<(long Id, string Error)>());
        await Parallel.ForEachAsync(rows.GroupBy(row => row.Room), new ParallelOptions { MaxDegreeOfParallelism = RoomsAtOnce, CancellationToken = cancellation },
            async (room, _) => await SendTo(room.Key, [.. room], sent, refused));
        await Execute(connection, transaction, "DELETE FROM realtime_outbox WHERE id = ANY ($1)", cancellation, new NpgsqlParameter<long[]> { TypedValue = [.. sent] });
        if (refused.Count > 0)
        {
            await Execute(connection, transaction, "UPDATE realtime_outbox o SET error = r.error FROM unnest($1, $2) AS r (id, error) WHERE o.id = r.id", cancellation,
                new NpgsqlParameter<long[]> { TypedValue = [.. refused.Select(row => row.Id)] }, new NpgsqlParameter<string[]> { TypedValue = [.. refused.Select(row => row.Error)] });
        }
        await transaction.CommitAsync(cancellation);
        s_sent.Add(sent.Count);
        s_refused.Add(refused.Count);
        return true;
    }

    private async Task<List<Row>> Oldest(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("""
            SELECT id, room, body::text, publish_id FROM realtime_outbox
            WHERE service = $1 AND error IS NULL AND room <> ALL ($2)
            ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED
            """, connection, transaction);
        command.Parameters.Add(new NpgsqlParameter<string> { TypedValue = settings.Service });
        command.Parameters.Add(new NpgsqlParameter<string[]> { TypedValue = [.. _outOfReach] });
        command.Parameters.Add(new NpgsqlParameter<int> { TypedValue = MaxRows });
        var rows = new List<Row>();
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
            rows.Add(new Row(reader.GetInt64(0), reader.GetString(1), reader.GetString(2), reader.IsDBNull(3) ? null : reader.GetString(3)));
        return rows;
    }

    /// <summary>Sends to a room in order, up to the first message that it may not have kept.</summary>
    private async Task SendTo(string room, Row[] rows, List<long> sent, List<(long Id, string Error)> refused)
    {
        foreach (var turn in Turns(rows))
        {
            RoomReply[] replies;
            try
            {
                replies = await grains.GetGrain<IRoomGrain>(room).BroadcastMany([.. turn.Select(MessageOf)]);
            }
            catch (Exception exception) when (exception is RequestException or ArgumentException or RoomException { Code: not RoomException.Unavailable })
            {
                replies = [.. turn.Select(_ => new RefusedReply((exception as RequestException)?.Code ?? RequestException.BadRequest, exception.Message))];
            }
            catch (Exception exception)
            {
                LeaveFor(room, exception.Message);
                return;
            }
            for (var i = 0; i < turn.Count; i++)
            {
                if (replies[i] is RefusedReply { Code: RoomException.Unavailable } unavailable)
                {
                    LeaveFor(room, unavailable.Reason);
                    return;
                }
                lock (sent)
                {
                    if (replies[i] is RefusedReply no)
                        refused.Add((turn[i].Id, $"{no.Code}: {no.Reason}"));
                    else
                        sent.Add(turn[i].Id);
                }
                if (replies[i] is RefusedReply { } why)
                    SafeLog.Write(() => LogRefused(turn[i].Id, room, why.Code, why.Reason));
            }
        }
    }

    private void LeaveFor(string room, string reason)
    {
        lock (_outOfReach)
            _outOfReach.Add(room);
        SafeLog.Write(() => LogOutOfReach(room, reason));
    }

    private static IEnumerable<List<Row>> Turns(Row[] rows)
    {
        var (turn, bytes) = (new List<Row>(), 0);
        foreach (var row in rows)
        {
            if (turn.Count == Limits.BatchMessages || (turn.Count > 0 && bytes + row.Body.Length > MaxTurnBytes))
            {
                yield return turn;
                (turn, bytes) = ([], 0);
            }
            turn.Add(row);
            bytes += row.Body.Length;
        }
        yield return turn;
    }

    private static RoomMessage MessageOf(Row row)
    {
        using var body = JsonDocument.Parse(row.Body, s_anyDepth);
        var fields = body.RootElement;
        return new RoomMessage
        {
            Content = fields.TryGetProperty("content", out var content) ? content.GetString() : null,
            Data = fields.TryGetProperty("data", out var data) ? data.GetRawText() : null,
            From = fields.TryGetProperty("from", out var from) ? from.GetString() : null,
            Id = row.PublishId ?? $"outbox-{row.Id}",
        };
    }

    private static async Task<object?> Execute(NpgsqlConnection connection, NpgsqlTransaction? transaction, string sql, CancellationToken cancellation, params NpgsqlParameter[] parameters)
    {
        await using var command = new NpgsqlCommand(sql, connection, transaction);
        command.Parameters.AddRange(parameters);
        return await command.ExecuteScalarAsync(cancellation);
    }

    [LoggerMessage(EventId = 1, Message = "The outbox cannot be read now: {Reason}. It is tried again.")]
    private partial void LogFailed(LogLevel level, string reason, Exception? exception);

    [LoggerMessage(2, LogLevel.Warning, "Row {Id} of the outbox is refused by room {Room}: {Code}, {Reason} It stays in realtime_outbox for 7 days; with its error set to NULL it is tried again.")]
    private partial void LogRefused(long id, string room, string code, string reason);

    [LoggerMessage(3, LogLevel.Debug, "Room {Room} is out of reach; what the outbox has for it waits. {Reason}")]
    private partial void LogOutOfReach(string room, string reason);
}
