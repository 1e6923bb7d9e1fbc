using Realtime.Connections;
using Realtime.WebFront.Rooms;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Tokens;

/// <summary>
/// Closes connections whose token has expired (close code 4003). One timer for all, set to the next expiry; a connection has one
/// place in the order, which moves when its token is renewed and is given up when it closes.
/// </summary>
internal sealed partial class TokenExpiry : IDisposable
{
    // A timer takes at most 2^32 - 2 ms; far expiries are looked at again after a day.
    private static readonly TimeSpan s_longestWait = TimeSpan.FromDays(1);

    private readonly TimeProvider _time;
    private readonly ITimer _timer;
    private readonly ILogger<TokenExpiry> _logger;
    private readonly SortedSet<Entry> _next = new(Comparer<Entry>.Create(Compare));

    public TokenExpiry(TimeProvider time, ILogger<TokenExpiry> logger)
    {
        (_time, _logger) = (time, logger);
        _timer = time.CreateTimer(_ => CloseExpired(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
    }

    /// <summary>How many connections wait for the end of their token.</summary>
    public int Count
    {
        get
        {
            lock (_next)
                return _next.Count;
        }
    }

    /// <summary>Watches the token that the session has now, in place of one that it had before.</summary>
    public void Watch(Session session)
    {
        lock (_next)
        {
            Remove(session);
            if (session.IsClosed || session.Principal.GetTokenExpiry() is not { } expires)
                return;
            session.TokenExpires = expires;
            _next.Add(new Entry(expires, session));
            SetTimer();
        }
    }

    /// <summary>The session has been closed.</summary>
    public void Unwatch(Session session)
    {
        lock (_next)
            Remove(session);
    }

    public void Dispose() => _timer.Dispose();

    private void Remove(Session session)
    {
        if (session.TokenExpires is not { } watched)
            return;
        _next.Remove(new Entry(watched, session));
        session.TokenExpires = null;
    }

    private void CloseExpired()
    {
        lock (_next)
        {
            var now = _time.GetUtcNow();
            while (_next.Count > 0 && _next.Min is var (expires, session) && expires <= now)
            {
                Remove(session);
                SafeClose.Close(session.Connection, CloseCodes.TokenExpired, "the token has expired", LogCloseFailed);
            }
            SetTimer();
        }
    }

    [LoggerMessage(1, LogLevel.Error, "Connection {Connection}, whose token has expired, could not be closed; it is cut.")]
    private partial void LogCloseFailed(string connection, Exception exception);

    private void SetTimer()
    {
        if (_next.Count == 0)
            return;
        var wait = _next.Min.Expires - _time.GetUtcNow();
        _timer.Change(wait < TimeSpan.Zero ? TimeSpan.Zero : wait < s_longestWait ? wait : s_longestWait, Timeout.InfiniteTimeSpan);
    }

    private static int Compare(Entry one, Entry other) => one.Expires.CompareTo(other.Expires) is var order and not 0
        ? order
        : string.CompareOrdinal(one.Session.Connection.Id, other.Session.Connection.Id);

    private readonly record struct Entry(DateTimeOffset Expires, Session Session);
}
