using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Npgsql;
using Realtime.PushStreams;
using Realtime.Silo.Postgres;

namespace Realtime.Silo.Logs;

/// <summary>
/// Whether the database takes anything. While it does not, one attempt in about half a second goes to it and all others are
/// refused at once; its begin and its end are each logged in a line.
/// </summary>
internal sealed partial class LogOutage(string connectionString, TimeProvider time, ILogger<LogOutage> logger)
{
    private static readonly TimeSpan s_shortestPause = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan s_pauseSpread = TimeSpan.FromMilliseconds(500);

    private readonly Lock _gate = new();
    private string? _reason; // null while all is well
    private long _begin;
    private long _attempt; // the last one
    private TimeSpan _pause; // until the next one

    /// <exception cref="LogException">There is an outage, and this is not the attempt that goes through.</exception>
    public void ThrowIfDown()
    {
        if (Volatile.Read(ref _reason) is null)
            return;
        lock (_gate)
        {
            if (_reason is null)
                return;
            if (time.GetElapsedTime(_attempt) < _pause)
                throw new LogException($"The log cannot be written: {_reason}.");
            BeginPause();
        }
    }

    /// <summary>The error for the caller of a failed attempt; an outage begins when it was the database's fault.</summary>
    public LogException Failed(Exception exception)
    {
        var reason = exception switch
        {
            OperationCanceledException => "no answer in time",
            _ when PostgresProblem.Find(exception) is { } problem => PostgresProblem.Reason(problem),
            _ => exception.Message.TrimEnd('.'),
        };
        if (!IsOfOneStatement(exception))
        {
            lock (_gate)
            {
                BeginPause();
                if (_reason is null)
                {
                    _begin = _attempt;
                    SafeLog.Write(() => LogBegin(PostgresProblem.Address(connectionString), reason));
                }
                _reason = reason;
            }
        }
        return new LogException($"The log cannot be written: {reason}.", exception);
    }

    // Random, as an outage begins for all silos at once.
    private void BeginPause() => (_attempt, _pause) = (time.GetTimestamp(), s_shortestPause + Backoff.Part(s_pauseSpread));

    public void Succeeded()
    {
        if (Volatile.Read(ref _reason) is null)
            return;
        lock (_gate)
        {
            if (_reason is null)
                return;
            _reason = null;
            SafeLog.Write(() => LogEnd(PostgresProblem.Address(connectionString), time.GetElapsedTime(_begin).TotalSeconds));
        }
    }

    /// <summary>What the database or the way to it can throw; anything else is a defect.</summary>
    public static bool IsProblem(Exception exception) =>
        exception is NpgsqlException or SocketException or IOException or TimeoutException or OperationCanceledException;

    /// <summary>
    /// The database works and refuses this statement, and nothing of it is done: classes 22 and 23 (what it writes), 40 (it
    /// met another one), 54 (it is too large).
    /// </summary>
    public static bool IsOfOneStatement(Exception exception) =>
        exception is PostgresException { SqlState: ['2', '2' or '3', ..] or ['4', '0', ..] or ['5', '4', ..] };

    [LoggerMessage(1, LogLevel.Error, "Rooms cannot keep messages, and refuse them until they can. {Database}: {Reason}.")]
    private partial void LogBegin(string database, string reason);

    [LoggerMessage(2, LogLevel.Warning, "Rooms can keep messages again, after {Seconds:0.0} s. {Database}.")]
    private partial void LogEnd(string database, double seconds);
}
