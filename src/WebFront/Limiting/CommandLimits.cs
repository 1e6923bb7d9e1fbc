using Microsoft.Extensions.Options;
using Realtime.WebFront.Rooms;

namespace Realtime.WebFront.Limiting;

/// <summary>What is to be done about a command over a limit.</summary>
internal enum ExcessStep : byte
{
    /// <summary>The client is told, and the command is not carried out.</summary>
    Tell,

    /// <summary>The client has been told: the command waits, and with it what comes behind it, which is not read.</summary>
    Wait,

    /// <summary>The client goes on and on: the connection is closed.</summary>
    Close,
}

/// <summary>A command over a limit.</summary>
/// <param name="Limit">Which.</param>
/// <param name="Step">What is to be done.</param>
/// <param name="Wait">Until there are tokens.</param>
internal readonly record struct Excess(Limit Limit, ExcessStep Step, TimeSpan Wait)
{
    /// <summary>The same in whole milliseconds, of which there is one at least.</summary>
    public long RetryAfter => Math.Max(1, (long)Math.Ceiling(Wait.TotalMilliseconds));

    /// <summary>For the client.</summary>
    public string Reason => Limit switch
    {
        Limit.Publishes => "This connection publishes more often than it may; try again later.",
        Limit.MessageBytes => "This connection sends more bytes than it may; try again later.",
        Limit.Joins => "This connection joins and leaves more often than it may; try again later.",
        Limit.Reads => "This connection asks for members and history more often than it may; try again later.",
        Limit.Refreshes => "This connection renews its token more often than it may; try again later.",
        Limit.Calls => "This connection calls more often than it may; try again later.",
        Limit.Directs => "This connection sends messages to users more often than it may; try again later.",
        _ => "This connection sends more frames than it may; try again later.",
    };
}

/// <summary>The limits of a connection's commands: <see cref="LimitOptions"/>. A connection has <see cref="CommandBuckets"/>.</summary>
internal sealed class CommandLimits
{
    /// <summary>How long a client that was told of a limit is slowed down before it is told again, and what ends an excess.</summary>
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(1);

    /// <summary>How long a command may wait before it is looked at again: so that a wait does not end an excess.</summary>
    public static readonly TimeSpan LongestWait = s_pause / 2;

    private readonly LimitMetrics _metrics;
    private readonly TimeProvider _time;
    private readonly Rate _commands, _publishes, _messageBytes, _joins, _reads, _directs, _refreshes, _calls, _errors;
    private readonly long _pause, _maxExcess;
    private readonly bool _isOff;

    public CommandLimits(IOptions<LimitOptions> options, LimitMetrics metrics, TimeProvider time)
    {
        (_metrics, _time) = (metrics, time);
        var limits = options.Value;
        _isOff = !limits.Enabled;
        (_commands, _publishes, _messageBytes) = (RateOf(limits.Commands), RateOf(limits.Publishes), RateOf(limits.MessageBytes));
        (_joins, _reads, _directs) = (RateOf(limits.Joins), RateOf(limits.Reads), RateOf(limits.Directs));
        (_refreshes, _calls, _errors) = (RateOf(limits.Refreshes), RateOf(limits.Calls), RateOf(limits.Errors));
        (_pause, _maxExcess) = (Ticks(s_pause), limits.MaxExcess == TimeSpan.Zero ? long.MaxValue : Ticks(limits.MaxExcess));

        Rate RateOf(RateOptions rate) => new(rate, time.TimestampFrequency);
        long Ticks(TimeSpan span) => (long)(span.TotalSeconds * time.TimestampFrequency);
    }

    /// <summary>Takes what a command needs, or says that it is over a limit.</summary>
    /// <param name="session">Whose.</param>
    /// <param name="kind">What it asks for.</param>
    /// <param name="bytes">Of a message's content and data, a call's, or what a member shows of itself.</param>
    /// <param name="excess">Of a command that is over a limit; it has taken nothing.</param>
    public bool IsOver(Session session, CommandKind kind, int bytes, out Excess excess)
    {
        excess = default;
        if (_isOff || session.IsStream) // which has one command, and that with a request, of which there are limits
            return false;
        var buckets = session.Buckets ??= new();
        if (kind == CommandKind.Publish && _publishes.IsOff)
            buckets.Commands.Return(_commands, 1); // as often as the client likes
        return kind switch
        {
            CommandKind.Any => IsOver(buckets, ref buckets.Commands, _commands, Limit.Commands, 0, out excess),
            CommandKind.Publish => IsOver(buckets, ref buckets.Publishes, _publishes, Limit.Publishes, bytes, out excess),
            CommandKind.Join => IsOver(buckets, ref buckets.Joins, _joins, Limit.Joins, bytes, out excess),
            CommandKind.Read => IsOver(buckets, ref buckets.Reads, _reads, Limit.Reads, 0, out excess),
            CommandKind.Direct => IsOver(buckets, ref buckets.Directs, _directs, Limit.Directs, bytes, out excess),
            CommandKind.Refresh => IsOver(buckets, ref buckets.Refreshes, _refreshes, Limit.Refreshes, 0, out excess),
            CommandKind.Call => IsOver(buckets, ref buckets.Calls, _calls, Limit.Calls, bytes, out excess),
            _ => false,
        };
    }

    /// <summary>Counts an error that a client gets; false when it has had as many as it may.</summary>
    public bool CountError(Session session)
    {
        if (_isOff)
            return true;
        var buckets = session.Buckets ??= new();
        var now = _time.GetTimestamp();
        if (buckets.Errors.Missing(_errors, 1, now) > 0)
        {
            _metrics.Met(Limit.Errors);
            return false;
        }
        buckets.Errors.Take(_errors, 1, now);
        return true;
    }

    private bool IsOver(CommandBuckets buckets, ref TokenBucket bucket, in Rate rate, Limit limit, int bytes, out Excess excess)
    {
        var now = _time.GetTimestamp();
        var missing = bucket.Missing(rate, 1, now);
        if (bytes > 0 && buckets.MessageBytes.Missing(_messageBytes, bytes, now) is var missingBytes && missingBytes > missing)
            (missing, limit) = (missingBytes, Limit.MessageBytes);
        if (missing > 0)
        {
            excess = new(limit, Step(buckets, limit, now), TimeSpan.FromSeconds((double)missing / _time.TimestampFrequency));
            return true;
        }
        bucket.Take(rate, 1, now);
        if (bytes > 0)
            buckets.MessageBytes.Take(_messageBytes, bytes, now);
        excess = default;
        return false;
    }

    private ExcessStep Step(CommandBuckets buckets, Limit limit, long now)
    {
        _metrics.Met(limit);
        if (buckets.LastExcess == 0 || now - buckets.LastExcess > _pause)
            buckets.ExcessSince = now;
        buckets.LastExcess = now;
        if (now - buckets.ExcessSince > _maxExcess)
        {
            _metrics.Met(Limit.Excess);
            return ExcessStep.Close;
        }
        if (now - buckets.ToldAt > _pause)
            (buckets.Told, buckets.ToldAt) = (0, now);
        var bit = 1 << (int)limit;
        if ((buckets.Told & bit) != 0)
            return ExcessStep.Wait;
        buckets.Told |= bit;
        return ExcessStep.Tell;
    }
}
