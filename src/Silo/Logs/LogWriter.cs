using System.Diagnostics.Metrics;
using System.Text;
using System.Threading.Channels;
using Microsoft.Extensions.Logging;
using Npgsql;
using Realtime.PushStreams;

namespace Realtime.Silo.Logs;

/// <summary>One room's append, until its rows are written.</summary>
internal sealed class PendingAppend(LogMark mark, LogEntry[] entries)
{
    private readonly TaskCompletionSource _done = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public LogMark Mark { get; } = mark;

    public LogEntry[] Entries { get; } = entries;

    public int Bytes { get; } = entries.Sum(entry => entry.Message.Body.Length);

    public Task Done => _done.Task;

    public void Complete() => _done.TrySetResult();

    public void Fail(Exception exception) => _done.TrySetException(exception);
}

/// <summary>
/// Writes the appends of all rooms of a silo: those that wait go into one statement together, so that its cost, a
/// round trip and a wait for the disk, is shared. A room has one append at a time, so each room's are in order.
/// </summary>
internal sealed partial class LogWriter : IAsyncDisposable
{
    /// <summary>So many statements at once: while the database writes one to its disk, the next is on its way.</summary>
    private const int ConcurrentStatements = 2;

    // Beyond these a statement gets slower by as much as it takes along. One room's append is never split.
    private const int MaxRows = 1000;
    private const int MaxBytes = 1024 * 1024;

    private static readonly Meter s_meter = new("Realtime.Silo");
    private static readonly Counter<long> s_messages = s_meter.CreateCounter<long>("realtime.log.messages", "{message}", "Messages kept in the database.");
    private static readonly Counter<long> s_writes = s_meter.CreateCounter<long>("realtime.log.writes", "{statement}", "Statements that kept them.");
    private static readonly Counter<long> s_failures = s_meter.CreateCounter<long>("realtime.log.failures", "{append}", "Appends of rooms that failed.");

    private readonly NpgsqlDataSource _source;
    private readonly LogOutage _outage;
    private readonly ILogger _logger;
    private readonly Channel<PendingAppend> _waiting = Channel.CreateUnbounded<PendingAppend>();
    private readonly Task[] _writers;

    public LogWriter(NpgsqlDataSource source, LogOutage outage, ILogger logger)
    {
        (_source, _outage, _logger) = (source, outage, logger);
        _writers = [.. Enumerable.Range(0, ConcurrentStatements).Select(_ => Task.Run(Write))];
    }

    /// <exception cref="LogException">They may be kept or not.</exception>
    public Task Append(LogMark mark, LogEntry[] entries)
    {
        _outage.ThrowIfDown();
        var append = new PendingAppend(mark, entries);
        if (!_waiting.Writer.TryWrite(append))
            throw new LogException("The silo stops.");
        return append.Done;
    }

    public async ValueTask DisposeAsync()
    {
        _waiting.Writer.TryComplete();
        await Task.WhenAll(_writers);
    }

    private async Task Write()
    {
        var group = new List<PendingAppend>();
        while (await _waiting.Reader.WaitToReadAsync())
        {
            var (rows, bytes) = (0, 0);
            while (rows < MaxRows && bytes < MaxBytes && _waiting.Reader.TryRead(out var append))
            {
                group.Add(append);
                rows += append.Entries.Length;
                bytes += append.Bytes;
            }
            try
            {
                if (group.Count > 0)
                    await Write(group);
            }
            catch (Exception exception)
            {
                // A defect costs this group, and not the rooms that come after it.
                SafeLog.Write(() => LogFailed(group.Count, exception));
                foreach (var append in group)
                    append.Fail(new LogException("The log cannot be written.", exception));
            }
            group.Clear();
        }
    }

    private async Task Write(List<PendingAppend> group)
    {
        try
        {
            using var bound = new CancellationTokenSource(PostgresLogs.StatementTimeout);
            await using var connection = await _source.OpenConnectionAsync(bound.Token);
            var committed = await Insert(connection, group, bound.Token);
            _outage.Succeeded();
            s_writes.Add(1);
            foreach (var append in group)
            {
                if (!committed.Contains(append.Mark.Room))
                {
                    append.Fail(await Refusal(connection, append.Mark, bound.Token));
                    s_failures.Add(1);
                    continue;
                }
                append.Complete();
                s_messages.Add(append.Entries.Length);
            }
        }
        catch (Exception exception) when (LogOutage.IsOfOneStatement(exception) && group.Count > 1)
        {
            // One room's rows must not cost the others theirs. Nothing of the statement was done.
            foreach (var append in group)
                await Write([append]);
        }
        catch (Exception exception)
        {
            if (!LogOutage.IsOfOneStatement(exception))
                _source.Clear(); // connections to a server that is down
            var failure = _outage.Failed(exception);
            foreach (var append in group)
                append.Fail(failure);
            s_failures.Add(group.Count);
        }
    }

    /// <summary>
    /// The room's row is locked and its term compared first, so an append that is late, of a silo that lost the room, writes
    /// nothing, and who opens the room waits for one that is under way.
    /// </summary>
    private const string Sql = """
        WITH batch AS (
            SELECT * FROM unnest($1, $2, $3, $4) AS b (room, term, first, last)
        ), held AS (
            UPDATE realtime_rooms r SET sequence = b.last, used_at = now()
            FROM batch b
            WHERE r.id = b.room AND r.term = b.term AND r.sequence = b.first - 1
            RETURNING r.id
        ), entries AS (
            SELECT e.*
            FROM unnest($5, $6, $7, $8, $9, $10, $11, $12) AS e (room, sequence, kind, sender, timestamp, body, id, hash)
            JOIN held ON held.id = e.room
        ), messages AS (
            INSERT INTO realtime_messages (room, sequence, version, kind, sender, timestamp, body)
            SELECT room, sequence, $13, kind, sender, timestamp, body FROM entries
        ), publishes AS (
            INSERT INTO realtime_publishes (room, sequence, sender, id, hash, timestamp)
            SELECT room, sequence, CASE WHEN kind >= 256 THEN chr(1) || coalesce(sender, '') ELSE sender END, id, hash, timestamp
            FROM entries WHERE id IS NOT NULL
        )
        SELECT id FROM held
        """;

    private static async Task<HashSet<long>> Insert(NpgsqlConnection connection, List<PendingAppend> group, CancellationToken cancellation)
    {
        var (rooms, terms) = (new long[group.Count], new long[group.Count]);
        var (firsts, lasts) = (new long[group.Count], new long[group.Count]);
        var rows = group.Sum(append => append.Entries.Length);
        var (owners, sequences, kinds) = (new long[rows], new long[rows], new short[rows]);
        var (senders, timestamps, bodies) = (new string?[rows], new long[rows], new byte[rows][]);
        var (ids, hashes) = (new byte[]?[rows], new long[rows]);
        var row = 0;
        for (var i = 0; i < group.Count; i++)
        {
            var append = group[i];
            (rooms[i], terms[i]) = (append.Mark.Room, append.Mark.Term);
            (firsts[i], lasts[i]) = (append.Entries[0].Message.Sequence, append.Entries[^1].Message.Sequence);
            foreach (var (message, id, hash) in append.Entries)
            {
                (owners[row], sequences[row], kinds[row]) = (append.Mark.Room, message.Sequence, PostgresLogs.KindOf(message));
                (senders[row], timestamps[row], bodies[row]) = (message.From, message.Timestamp, message.Body);
                (ids[row], hashes[row]) = (id is null ? null : Encoding.UTF8.GetBytes(id), unchecked((long)hash));
                row++;
            }
        }
        await using var command = new NpgsqlCommand(Sql, connection);
        Add(rooms);
        Add(terms);
        Add(firsts);
        Add(lasts);
        Add(owners);
        Add(sequences);
        Add(kinds);
        Add(senders);
        Add(timestamps);
        Add(bodies);
        Add(ids);
        Add(hashes);
        command.Parameters.Add(new NpgsqlParameter<short> { TypedValue = PostgresLogs.RowVersion });
        var committed = new HashSet<long>(group.Count);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
            committed.Add(reader.GetInt64(0));
        return committed;

        void Add<T>(T values) => command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = values });
    }

    /// <summary>Why a room's rows were not taken. Asked for after the statement, which saw the room as it was at its begin.</summary>
    private static async Task<LogException> Refusal(NpgsqlConnection connection, LogMark mark, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("SELECT name, term FROM realtime_rooms WHERE id = $1", connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = mark.Room });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        if (await reader.ReadAsync(cancellation) && reader.GetInt64(1) > mark.Term)
            return new LogFencedException(reader.GetString(0));
        return new LogException("The room is not in the log as it was; it is read again.");
    }

    [LoggerMessage(3, LogLevel.Error, "{Appends} appends of rooms failed.")]
    private partial void LogFailed(int appends, Exception exception);
}
