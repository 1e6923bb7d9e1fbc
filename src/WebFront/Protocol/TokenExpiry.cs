using Realtime.Connections;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Protocol;

/// <summary>
/// Closes connections whose token has expired (close code 4003). One timer for all, set to the next expiry.
/// </summary>
internal sealed partial class TokenExpiry : IDisposable
{
    // A timer takes at most 2^32 - 2 ms; far expiries are looked at again after a day.
    private static readonly TimeSpan s_longestWait = TimeSpan.FromDays(1);

    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly ILogger<TokenExpiry> _logger;
    private readonly PriorityQueue<WeakReference<Connection>, DateTimeOffset> _next = new();

    public TokenExpiry(TimeProvider time, ILogger<TokenExpiry> logger)
    {
        (_time, _logger) = (time, logger);
        _timer = time.CreateTimer(_ => CloseExpired(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>Watches a connection whose token expires.</summary>
    public void Watch(Connection connection)
    {
        if (connection.User.GetTokenExpiry() is not { } expiry)
            return;
        lock (_next)
        {
            // Weak: a closed connection must not stay in memory until its token would have expired.
            _next.Enqueue(new WeakReference<Connection>(connection), expiry);
            SetTimer();
        }
    }

    public void Dispose() => _timer.Dispose();

    private void CloseExpired()
    {
        lock (_next)
        {
            var now = _time.GetUtcNow();
            while (_next.TryPeek(out var watched, out var expiry) && expiry <= now)
            {
                _next.Dequeue();
                if (watched.TryGetTarget(out var connection))
                    Close(connection);
            }
            SetTimer();
        }
    }

    private void Close(Connection connection)
    {
        try
        {
            _ = connection.CloseAsync(CloseCodes.TokenExpired, "the token has expired");
        }
        catch (Exception exception)
        {
            // A timer's callback: an exception would end the process, and the others' tokens expire too.
            LogCloseFailed(connection.Id, exception);
            connection.Abort();
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Connection {Connection}, whose token has expired, could not be closed; it is cut.")]
    private partial void LogCloseFailed(string connection, Exception exception);

    private void SetTimer()
    {
        if (!_next.TryPeek(out _, out var expiry))
            return;
        var wait = expiry - _time.GetUtcNow();
        _timer.Change(wait < TimeSpan.Zero ? TimeSpan.Zero : wait < s_longestWait ? wait : s_longestWait, Timeout.InfiniteTimeSpan);
    }
}
