using System.Net;
using Realtime.Connections;
using Realtime.PushStreams;
using Realtime.WebFront.Operation;

namespace Realtime.WebFront.Security;

/// <summary>
/// The security log: who connected, who was refused, who was sent away, with user and address, and never with a token. Its category is
/// <c>Realtime.Security</c>. What others can cause at will is bounded to so many lines a second, behind which comes their count.
/// </summary>
internal sealed partial class SecurityEvents : IDisposable
{
    /// <summary>The category of the log.</summary>
    public const string Category = "Realtime.Security";

    /// <summary>Lines a second of refusals, and of closes.</summary>
    public const int MaxLines = 20;

    // Longer reasons and names are not written by us; a client can write what it likes in a close frame.
    private const int MaxText = 200;

    private static readonly TimeSpan s_second = TimeSpan.FromSeconds(1);

    private readonly ILogger _logger;
    private readonly LineBound _refusals;
    private readonly LineBound _closes;

    public SecurityEvents(ILoggerFactory loggers, TimeProvider time, RecentErrors recent)
    {
        Recent = recent;
        _logger = loggers.CreateLogger(Category);
        _refusals = new(time, count => LogMoreRefused(count));
        _closes = new(time, count => LogMoreClosed(count));
    }

    /// <summary>The same and more, for whoever looks at the front now.</summary>
    public RecentErrors Recent { get; }

    public void Connected(Connection connection)
    {
        if (_logger.IsEnabled(LogLevel.Debug))
            SafeLog.Write(() => LogConnected(Shown(connection.UserId), connection.RemoteAddress, connection.Id));
    }

    /// <summary>A request was refused for who sends it, how often or in which way.</summary>
    public void Refused(HttpContext context, int status, string reason)
    {
        if (!_logger.IsEnabled(LogLevel.Information) || !_refusals.Take())
            return;
        var (user, connection) = (context.User.Identity is { IsAuthenticated: true } identity ? identity.Name : null, context.Connection);
        var address = connection.RemoteIpAddress is { } remote ? new IPEndPoint(remote, connection.RemotePort) : null;
        SafeLog.Write(() => LogRefused(Shown(context.Request.Method), Shown(context.Request.Path), status, Shown(user), address, Shown(reason)));
    }

    /// <summary>A connection has ended; written when that was for what its user did or may not.</summary>
    public void Closed(Connection connection, ushort code, string reason)
    {
        if (code is not (CloseCodes.PolicyViolation or CloseCodes.MessageTooBig or (>= CloseCodes.SlowConsumer and <= CloseCodes.TokenExpired) or CloseCodes.RateLimited))
            return;
        Recent.Closed(connection, code, reason);
        if (!_logger.IsEnabled(LogLevel.Information) || !_closes.Take())
            return;
        SafeLog.Write(() => LogClosed(Shown(connection.UserId), connection.RemoteAddress, connection.Id, code, Shown(reason)));
    }

    public void Dispose()
    {
        _refusals.Dispose();
        _closes.Dispose();
    }

    /// <summary>One line, whatever a client sent.</summary>
    private static string Shown(string? text) =>
        string.IsNullOrEmpty(text) ? "-"
        : string.Concat((text.Length > MaxText ? text[..MaxText] : text).Select(c => char.IsControl(c) || char.IsSurrogate(c) ? '?' : c));

    [LoggerMessage(1, LogLevel.Debug, "User {User} at {Address} is connected as {Connection}.")]
    private partial void LogConnected(string user, EndPoint? address, string connection);

    [LoggerMessage(2, LogLevel.Information, "{Method} {Path} was refused with {Status}, to user {User} at {Address}: {Reason}")]
    private partial void LogRefused(string method, string path, int status, string user, EndPoint? address, string reason);

    [LoggerMessage(3, LogLevel.Information, "User {User} at {Address} lost the connection {Connection} with {Code}: {Reason}")]
    private partial void LogClosed(string user, EndPoint? address, string connection, ushort code, string reason);

    [LoggerMessage(4, LogLevel.Information, "{Count} more requests were refused within a second.")]
    private partial void LogMoreRefused(int count);

    [LoggerMessage(5, LogLevel.Information, "{Count} more connections were closed within a second.")]
    private partial void LogMoreClosed(int count);

    /// <summary>Lets so many lines through a second; the others are counted, and told when the second is over.</summary>
    private sealed class LineBound : IDisposable
    {
        private readonly Lock _lock = new();
        private readonly TimeProvider _time;
        private readonly Action<int> _tell;
        private readonly ITimer _timer;
        private long _begin;
        private int _taken;
        private int _more;

        public LineBound(TimeProvider time, Action<int> tell)
        {
            (_time, _tell) = (time, tell);
            _begin = time.GetTimestamp();
            _timer = time.CreateTimer(_ => Tell(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        }

        public bool Take()
        {
            lock (_lock)
            {
                if (_more == 0 && _time.GetElapsedTime(_begin) >= s_second)
                    (_begin, _taken) = (_time.GetTimestamp(), 0);
                if (++_taken <= MaxLines)
                    return true;
                if (_more++ == 0)
                    _timer.Change(s_second, Timeout.InfiniteTimeSpan);
                return false;
            }
        }

        public void Dispose() => _timer.Dispose();

        private void Tell()
        {
            int more;
            lock (_lock)
            {
                more = _more;
                (_more, _taken, _begin) = (0, 0, _time.GetTimestamp());
            }
            SafeLog.Write(() => _tell(more)); // a timer's callback
        }
    }
}
