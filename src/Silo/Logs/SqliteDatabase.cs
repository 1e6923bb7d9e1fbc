using System.Text;
using Microsoft.Data.Sqlite;

namespace Realtime.Silo.Logs;

/// <summary>The tables of the log in a file of SQLite.</summary>
internal sealed class SqliteDatabase(SqliteFile file, TimeProvider time) : ILogDatabase
{
    public string Address => $"SQLite file {file.Path}";

    public int ConcurrentWrites => 1;

    public bool IsProblem(Exception exception) => exception is SqliteException or IOException or TimeoutException or OperationCanceledException;

    /// <summary>Too large (18), a constraint (19), a wrong type (20).</summary>
    public bool IsOfOneStatement(Exception exception) => exception is SqliteException { SqliteErrorCode: 18 or 19 or 20 };

    public string Reason(Exception exception) => exception is SqliteException sqlite ? SqliteFile.ReasonOf(sqlite) : exception.Message.TrimEnd('.');

    public void Reset()
    {
        // The file stays open: its lock is this process's.
    }

    public Task<HashSet<long>> Insert(List<PendingAppend> group, CancellationToken cancellation)
    {
        PendingAppend[] appends = [.. group]; // who does not wait any more goes on with the list
        return file.Use(file => Insert(file, appends), cancellation);
    }

    private HashSet<long> Insert(SqliteFile file, PendingAppend[] appends)
    {
        var committed = new HashSet<long>(appends.Length);
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var append in appends)
        {
            var (room, term) = append.Mark;
            if (file.Execute("UPDATE rooms SET sequence = $1, used_at = $2 WHERE id = $3 AND term = $4 AND sequence = $5",
                append.Entries[^1].Message.Sequence, now, room, term, append.Entries[0].Message.Sequence - 1) == 0)
                continue;
            foreach (var (message, id, hash) in append.Entries)
            {
                file.Execute("INSERT INTO messages (room, sequence, version, kind, sender, timestamp, body) VALUES ($1, $2, $3, $4, $5, $6, $7)",
                    room, message.Sequence, LogRow.Version, LogRow.KindOf(message), message.From, message.Timestamp, message.Body);
                if (id is not null)
                    file.Execute("INSERT INTO publishes (room, sequence, sender, id, hash, timestamp) VALUES ($1, $2, $3, $4, $5, $6)",
                        room, message.Sequence, message.IsService ? Rooms.KnownPublish.OfService(message.From) : message.From,
                        Encoding.UTF8.GetBytes(id), unchecked((long)hash), message.Timestamp);
            }
            committed.Add(room);
        }
        foreach (var (room, entry) in LogRow.StateOf([.. appends.Where(append => committed.Contains(append.Mark.Room))]))
        {
            if (entry.Body is [])
            {
                file.Execute("DELETE FROM state WHERE room = $1 AND key = $2", room, Encoding.UTF8.GetBytes(entry.Key));
                continue;
            }
            file.Execute("""
                INSERT INTO state (room, key, sequence, version, kind, sender, timestamp, expires, body) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
                ON CONFLICT (room, key) DO UPDATE SET sequence = excluded.sequence, version = excluded.version, kind = excluded.kind,
                    sender = excluded.sender, timestamp = excluded.timestamp, expires = excluded.expires, body = excluded.body
                """, room, Encoding.UTF8.GetBytes(entry.Key), entry.Sequence, LogRow.Version, LogRow.KindOf(entry), entry.From, entry.Timestamp,
                entry.Expires, entry.Body);
        }
        return committed;
    }

    public Task<LogException> Refusal(LogMark mark, CancellationToken cancellation) => file.Use<LogException>(file =>
    {
        using var reader = file.Query("SELECT name, term FROM rooms WHERE id = $1", mark.Room);
        return reader.Read() && reader.GetInt64(1) > mark.Term
            ? new LogFencedException(reader.GetString(0))
            : new LogException("The room is not in the log as it was; it is read again.");
    }, cancellation);
}
