using System.Net.Sockets;
using System.Text;
using Npgsql;
using Realtime.Silo.Postgres;

namespace Realtime.Silo.Logs;

/// <summary>The tables of the log in PostgreSQL.</summary>
internal sealed class PostgresDatabase : ILogDatabase, IAsyncDisposable
{
    /// <summary>So many rooms are opened at once; beside these, the writer has two connections and the trimmer one.</summary>
    public const int MaxOpenings = 4;

    private const int Connections = MaxOpenings + 4;

    public PostgresDatabase(LogSettings settings)
    {
        Address = PostgresProblem.Address(settings.ConnectionString!);
        var connection = new NpgsqlConnectionStringBuilder(settings.ConnectionString)
        {
            MaxPoolSize = Connections,
            Timeout = (int)LogOpenings.StatementTimeout.TotalSeconds,
            CommandTimeout = (int)LogOpenings.StatementTimeout.TotalSeconds,
            CancellationTimeout = -1, // a server that does not answer is not asked to cancel either
            NoResetOnClose = true, // nothing of a session is changed
            MaxAutoPrepare = 12, // there are few statements, and the same ones each time
            AutoPrepareMinUsages = 2,
        };
        Source = NpgsqlDataSource.Create(connection);
    }

    /// <summary>The connections.</summary>
    public NpgsqlDataSource Source { get; }

    public string Address { get; }

    /// <summary>While the database writes one to its disk, the next is on its way.</summary>
    public int ConcurrentWrites => 2;

    public bool IsProblem(Exception exception) =>
        exception is NpgsqlException or SocketException or IOException or TimeoutException or OperationCanceledException;

    /// <summary>Classes 22 and 23 (what it writes), 40 (it met another one), 54 (it is too large).</summary>
    public bool IsOfOneStatement(Exception exception) =>
        exception is PostgresException { SqlState: ['2', '2' or '3', ..] or ['4', '0', ..] or ['5', '4', ..] };

    public string Reason(Exception exception) => PostgresProblem.Find(exception) is { } problem
        ? PostgresProblem.Reason(problem)
        : exception.Message.TrimEnd('.');

    /// <summary>Connections may be to a server that is down.</summary>
    public void Reset() => Source.Clear();

    public ValueTask DisposeAsync() => Source.DisposeAsync();

    /// <summary>
    /// The room's row is locked and its term compared first, so an append that is late, of a silo that lost the room, writes
    /// nothing, and who opens the room waits for one that is under way.
    /// </summary>
    private const string Sql = $"""
        {Append}
        SELECT id FROM held
        """;

    // A key is there once in a statement, with what it has at the end.
    private const string SqlWithState = $"""
        {Append}, state AS (
            SELECT s.*
            FROM unnest($14, $15, $16, $17, $18, $19, $20, $21) AS s (room, key, sequence, kind, sender, timestamp, expires, body)
            JOIN held ON held.id = s.room
        ), kept AS (
            INSERT INTO realtime_state (room, key, sequence, version, kind, sender, timestamp, expires, body)
            SELECT room, key, sequence, $13, kind, sender, timestamp, expires, body FROM state WHERE body IS NOT NULL
            ON CONFLICT (room, key) DO UPDATE SET sequence = excluded.sequence, version = excluded.version, kind = excluded.kind, sender = excluded.sender,
                timestamp = excluded.timestamp, expires = excluded.expires, body = excluded.body
        ), deleted AS (
            DELETE FROM realtime_state r USING state s WHERE r.room = s.room AND r.key = s.key AND s.body IS NULL
        )
        SELECT id FROM held
        """;

    private const string Append = """
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
        """;

    public async Task<HashSet<long>> Insert(List<PendingAppend> group, CancellationToken cancellation)
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
                (owners[row], sequences[row], kinds[row]) = (append.Mark.Room, message.Sequence, LogRow.KindOf(message));
                (senders[row], timestamps[row], bodies[row]) = (message.From, message.Timestamp, message.Body);
                (ids[row], hashes[row]) = (id is null ? null : Encoding.UTF8.GetBytes(id), unchecked((long)hash));
                row++;
            }
        }
        await using var connection = await Source.OpenConnectionAsync(cancellation);
        var state = LogRow.StateOf(group);
        await using var command = new NpgsqlCommand(state.Count == 0 ? Sql : SqlWithState, connection);
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
        command.Parameters.Add(new NpgsqlParameter<short> { TypedValue = LogRow.Version });
        if (state.Count > 0)
        {
            Add(state.Select(row => row.Room).ToArray());
            Add(state.Select(row => Encoding.UTF8.GetBytes(row.Entry.Key)).ToArray());
            Add(state.Select(row => row.Entry.Sequence).ToArray());
            Add(state.Select(row => LogRow.KindOf(row.Entry)).ToArray());
            Add(state.Select(row => row.Entry.From).ToArray());
            Add(state.Select(row => row.Entry.Timestamp).ToArray());
            Add(state.Select(row => row.Entry.Expires).ToArray());
            Add(state.Select(row => row.Entry.Body is [] ? null : row.Entry.Body).ToArray());
        }
        var committed = new HashSet<long>(group.Count);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
            committed.Add(reader.GetInt64(0));
        return committed;

        void Add<T>(T values) => command.Parameters.Add(new NpgsqlParameter<T> { TypedValue = values });
    }

    /// <summary>Why a room's rows were not taken. Asked for after the statement, which saw the room as it was at its begin.</summary>
    public async Task<LogException> Refusal(LogMark mark, CancellationToken cancellation)
    {
        await using var connection = await Source.OpenConnectionAsync(cancellation);
        await using var command = new NpgsqlCommand("SELECT name, term FROM realtime_rooms WHERE id = $1", connection);
        command.Parameters.Add(new NpgsqlParameter<long> { TypedValue = mark.Room });
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        if (await reader.ReadAsync(cancellation) && reader.GetInt64(1) > mark.Term)
            return new LogFencedException(reader.GetString(0));
        return new LogException("The room is not in the log as it was; it is read again.");
    }
}
