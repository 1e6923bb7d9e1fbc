using Npgsql;
using Realtime.Silo.Webhooks;

namespace Realtime.Silo.Logs;

/// <summary>Cursors of webhooks beside the log in PostgreSQL.</summary>
internal sealed class PostgresCursors(PostgresDatabase database, LogSettings settings, LogOutage outage, TimeProvider time) : IWebhookCursors
{
    private readonly LogOpenings _openings = new(database, outage, PostgresDatabase.MaxOpenings, time);

    public async ValueTask<long[]> Open(long room, string[] receivers, long sequence, string user)
    {
        var cursors = new long[receivers.Length];
        await _openings.Run(user, async bound =>
        {
            await using var connection = await database.Source.OpenConnectionAsync(bound);
            await using var command = new NpgsqlCommand("""
                INSERT INTO realtime_webhooks (room, receiver, sequence) SELECT $1, name, $3 FROM unnest($2) AS receiver (name)
                ON CONFLICT (room, receiver) DO UPDATE SET sequence = least(realtime_webhooks.sequence, excluded.sequence)
                RETURNING receiver, sequence
                """, connection)
            { Parameters = { Value(room), Value(receivers), Value(sequence) } };
            await using var reader = await command.ExecuteReaderAsync(bound);
            while (await reader.ReadAsync(bound))
                cursors[Array.IndexOf(receivers, reader.GetString(0))] = reader.GetInt64(1);
            return null;
        });
        return cursors;
    }

    public async Task Save(WebhookCursor[] cursors, CancellationToken cancellation)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        await using var command = new NpgsqlCommand("""
            UPDATE realtime_webhooks w SET sequence = c.sequence
            FROM unnest($2, $3, $4, $5) AS c (name, epoch, receiver, sequence) JOIN realtime_rooms r ON r.service = $1 AND r.name = c.name AND r.epoch = c.epoch
            WHERE w.room = r.id AND w.receiver = c.receiver AND w.sequence < c.sequence
            """, connection)
        {
            Parameters =
            {
                Value(settings.Service), Value(cursors.Select(cursor => cursor.Room).ToArray()), Value(cursors.Select(cursor => cursor.Epoch).ToArray()),
                Value(cursors.Select(cursor => cursor.Receiver).ToArray()), Value(cursors.Select(cursor => cursor.Sequence).ToArray()),
            },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }

    public async Task<(long Number, string Name)[]> Behind(string[] receivers, long after, int limit, CancellationToken cancellation)
    {
        await using var connection = await database.Source.OpenConnectionAsync(cancellation);
        await using var command = new NpgsqlCommand("""
            SELECT DISTINCT r.id, r.name FROM realtime_webhooks w JOIN realtime_rooms r ON r.id = w.room
            WHERE w.room > $1 AND w.sequence < r.sequence AND w.receiver = ANY ($2) AND r.service = $3 ORDER BY r.id LIMIT $4
            """, connection)
        { Parameters = { Value(after), Value(receivers), Value(settings.Service), Value(limit) } };
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var rooms = new List<(long, string)>();
        while (await reader.ReadAsync(cancellation))
            rooms.Add((reader.GetInt64(0), reader.GetString(1)));
        return [.. rooms];
    }

    private static NpgsqlParameter<T> Value<T>(T value) => new() { TypedValue = value };
}
