using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Options;
using Realtime.WebFront.Http;
using Realtime.WebFront.Operation;

namespace Realtime.WebFront.Limiting;

/// <summary>How often the HTTP API may be asked, by caller and address: <see cref="LimitOptions.Requests"/>.</summary>
/// <remarks>
/// A flood is let through one by one: who is over the limit waits for its turn, and nothing behind it on an HTTP/1.1 connection is read
/// meanwhile. Answered at once or in bursts, by ten or by a hundred, what is allowed would delay the front's other clients.
/// </remarks>
internal sealed class RequestLimits
{
    /// <summary>How long a request waits at most, either for its turn or for its refusal.</summary>
    private static readonly TimeSpan s_longestWait = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan s_sweepPeriod = TimeSpan.FromSeconds(10);

    private const int MostDelayed = 1000; // refusals

    private readonly ConcurrentDictionary<(string?, UInt128?), Caller> _callers = new();
    private readonly LimitMetrics _metrics;
    private readonly RecentErrors _recent;
    private readonly TimeProvider _time;
    private readonly Rate _rate;
    private readonly int _burst;
    private long _swept;
    private int _delayed;

    public RequestLimits(IOptions<LimitOptions> options, LimitMetrics metrics, RecentErrors recent, TimeProvider time)
    {
        (_metrics, _recent, _time, _swept) = (metrics, recent, time, time.GetTimestamp());
        _rate = new Rate(options.Value.Enabled ? options.Value.Requests : new(), time.TimestampFrequency);
        _burst = options.Value.Requests.Burst;
    }

    /// <summary>Counts a request; completes when it is its turn.</summary>
    /// <exception cref="ApiException">The caller has made as many as it may.</exception>
    public ValueTask Count(HttpContext context) => Take(context, 1);

    /// <summary>
    /// Counts what a request, which is counted already, asks for beyond one message. What is for more than the burst passes when nothing else
    /// did for long enough.
    /// </summary>
    /// <exception cref="ApiException">It is more than the caller may have now.</exception>
    public ValueTask CountMore(HttpContext context, int messages) => Take(context, Math.Min(messages, _burst) - 1);

    /// <summary>Counts an answered request that nothing else counts, by its address; completes when it would have been its turn, or it has waited for long enough.</summary>
    public ValueTask Pace(HttpContext context)
    {
        if (_rate.IsOff)
            return default;
        var wait = Reserve((null, AddressKey.Of(context.Connection.RemoteIpAddress, loopbackCounts: true)), 1);
        if (wait == TimeSpan.Zero)
            return default;
        _metrics.Met(Limit.Requests);
        return new(Delay(wait < s_longestWait ? wait : s_longestWait, context.RequestAborted));
    }

    private ValueTask Take(HttpContext context, int permits)
    {
        if (permits <= 0 || _rate.IsOff)
            return default;
        var wait = Reserve((context.User.Identity?.Name, AddressKey.Of(context.Connection.RemoteIpAddress, loopbackCounts: true)), permits);
        if (wait == TimeSpan.Zero)
            return default;
        _metrics.Met(Limit.Requests);
        return wait <= s_longestWait ? new(Delay(wait, context.RequestAborted)) : Refuse(context, wait);
    }

    /// <summary>Takes what a request needs, now or from what is still to come. Returns how long that lasts; if it is too long, nothing is taken.</summary>
    private TimeSpan Reserve((string?, UInt128?) key, int permits)
    {
        Sweep();
        while (true)
        {
            var caller = _callers.GetOrAdd(key, static _ => new());
            lock (caller)
            {
                if (caller.IsForgotten)
                    continue;
                var now = _time.GetTimestamp();
                var wait = TimeSpan.FromSeconds((double)caller.Requests.Missing(_rate, permits, now) / _time.TimestampFrequency);
                if (wait <= s_longestWait)
                    caller.Requests.Take(_rate, permits, now);
                return wait;
            }
        }
    }

    private async ValueTask Refuse(HttpContext context, TimeSpan wait)
    {
        _recent.Limited(context, Limit.Requests);
        context.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        if (Interlocked.Increment(ref _delayed) <= MostDelayed)
            await Delay(s_longestWait, context.RequestAborted);
        Interlocked.Decrement(ref _delayed);
        throw new ApiException(Problems.RateLimited, "This caller asks more often, or for more messages, than it may; try again later.");
    }

    private async Task Delay(TimeSpan wait, CancellationToken gone) =>
        await Task.Delay(wait, _time, gone).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    // Callers with a full bucket are as good as new ones.
    private void Sweep()
    {
        var swept = Volatile.Read(ref _swept);
        if (_time.GetElapsedTime(swept) < s_sweepPeriod || Interlocked.CompareExchange(ref _swept, _time.GetTimestamp(), swept) != swept)
            return;
        foreach (var (key, caller) in _callers)
        {
            lock (caller)
            {
                if (!caller.Requests.IsFull(_time.GetTimestamp()))
                    continue;
                caller.IsForgotten = true;
                _callers.TryRemove(new(key, caller));
            }
        }
    }

    private sealed class Caller
    {
        public TokenBucket Requests;

        public bool IsForgotten { get; set; }
    }
}
