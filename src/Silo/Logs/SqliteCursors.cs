using Realtime.Silo.Webhooks;

namespace Realtime.Silo.Logs;

/// <summary>Cursors of webhooks beside the log in a file of SQLite.</summary>
internal sealed class SqliteCursors(SqliteFile file, SqliteDatabase database, LogOutage outage, TimeProvider time) : IWebhookCursors
{
    // Made where it is needed, and passed over by releases that do not know it: so the file's version stays.
    private const string Table = """
        CREATE TABLE IF NOT EXISTS webhooks (
            room     INTEGER NOT NULL,
            receiver TEXT NOT NULL,    -- a hash of what the settings say of it
            sequence INTEGER NOT NULL, -- of the last message that it has accepted
            PRIMARY KEY (room, receiver)
        ) STRICT
        """;

    private readonly LogOpenings _openings = new(database, outage, 1, time);
    private bool _isMade;

    public async ValueTask<long[]> Open(long room, string[] receivers, long sequence, string user)
    {
        var cursors = new long[receivers.Length];
        await _openings.Run(user, async bound =>
        {
            await file.Use(file =>
            {
                Make(file);
                for (var i = 0; i < receivers.Length; i++)
                {
                    using var reader = file.Query("""
                        INSERT INTO webhooks (room, receiver, sequence) VALUES ($1, $2, $3)
                        ON CONFLICT (room, receiver) DO UPDATE SET sequence = min(sequence, excluded.sequence) RETURNING sequence
                        """, room, receivers[i], sequence);
                    reader.Read();
                    cursors[i] = reader.GetInt64(0);
                }
                return 0;
            }, bound);
            return null;
        });
        return cursors;
    }

    public Task Save(WebhookCursor[] cursors, CancellationToken cancellation) => file.Use(file =>
    {
        Make(file);
        foreach (var (room, epoch, receiver, sequence) in cursors)
        {
            file.Execute("UPDATE webhooks SET sequence = $1 WHERE room = (SELECT id FROM rooms WHERE name = $2 AND epoch = $3) AND receiver = $4 AND sequence < $1",
                sequence, room, epoch, receiver);
        }
        return 0;
    }, cancellation);

    public Task<(long Number, string Name)[]> Behind(string[] receivers, long after, int limit, CancellationToken cancellation) => file.Use(file =>
    {
        Make(file);
        file.Execute("DELETE FROM webhooks WHERE rowid IN (SELECT w.rowid FROM webhooks w WHERE NOT EXISTS (SELECT 1 FROM rooms r WHERE r.id = w.room) LIMIT 1000)");
        var rooms = new SortedDictionary<long, string>();
        foreach (var receiver in receivers)
        {
            using var reader = file.Query("""
                SELECT r.id, r.name FROM webhooks w JOIN rooms r ON r.id = w.room
                WHERE w.room > $1 AND w.sequence < r.sequence AND w.receiver = $2 ORDER BY r.id LIMIT $3
                """, after, receiver, limit);
            while (reader.Read())
                rooms[reader.GetInt64(0)] = reader.GetString(1);
        }
        return rooms.Take(limit).Select(room => (room.Key, room.Value)).ToArray();
    }, cancellation);

    private void Make(SqliteFile file)
    {
        if (!_isMade)
            file.Execute(Table);
        _isMade = true;
    }
}
