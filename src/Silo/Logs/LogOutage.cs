using Microsoft.Extensions.Logging;
using Realtime.PushStreams;

namespace Realtime.Silo.Logs;

/// <summary>
/// Whether the database takes anything. While it does not, one attempt in about half a second goes to it and all others are
/// refused at once; its begin and its end are each logged in a line.
/// </summary>
internal sealed partial class LogOutage(ILogDatabase database, TimeProvider time, ILogger<LogOutage> logger)
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
        var reason = exception is OperationCanceledException ? "no answer in time" : database.Reason(exception);
        if (!database.IsOfOneStatement(exception))
        {
            lock (_gate)
            {
                BeginPause();
                if (_reason is null)
                {
                    _begin = _attempt;
                    SafeLog.Write(() => LogBegin(database.Address, reason));
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
            SafeLog.Write(() => LogEnd(database.Address, time.GetElapsedTime(_begin).TotalSeconds));
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Rooms cannot keep messages, and refuse them until they can. {Database}: {Reason}.")]
    private partial void LogBegin(string database, string reason);

    [LoggerMessage(2, LogLevel.Warning, "Rooms can keep messages again, after {Seconds:0.0} s. {Database}.")]
    private partial void LogEnd(string database, double seconds);
}
