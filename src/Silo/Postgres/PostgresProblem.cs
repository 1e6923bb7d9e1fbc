using System.Net.Sockets;
using Npgsql;

namespace Realtime.Silo.Postgres;

/// <summary>What went wrong with the database, in one line and never with a password.</summary>
internal static class PostgresProblem
{
    /// <summary>The part of the exception that the database or the way to it made; null when it has none.</summary>
    public static Exception? Find(Exception? exception) => exception switch
    {
        null => null,
        NpgsqlException or SocketException => exception,
        AggregateException aggregate => aggregate.InnerExceptions.Select(Find).FirstOrDefault(found => found is not null),
        _ => Find(exception.InnerException),
    };

    /// <summary>Which database it is: <c>PostgreSQL at db:5432, database realtime, user realtime</c>.</summary>
    public static string Address(string connectionString)
    {
        var parts = new NpgsqlConnectionStringBuilder(connectionString);
        return $"PostgreSQL at {parts.Host}:{parts.Port}, database {parts.Database ?? parts.Username}, user {parts.Username}";
    }

    public static string Reason(Exception exception) => (exception switch
    {
        PostgresException postgres => postgres.MessageText,
        NpgsqlException { InnerException: { } inner } => inner.Message,
        _ => exception.Message,
    }).TrimEnd('.');
}
