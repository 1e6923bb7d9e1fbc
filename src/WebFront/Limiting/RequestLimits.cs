using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;
using Realtime.WebFront.Http;

namespace Realtime.WebFront.Limiting;

/// <summary>How often the HTTP API may be asked, by caller and address: <see cref="LimitOptions.Requests"/>.</summary>
internal sealed class RequestLimits : IDisposable
{
    // Who is refused waits so long for the answer, and nothing behind it on an HTTP/1.1 connection is read meanwhile: refusals at full
    // speed would cost as much as answers. So many wait at most.
    private static readonly TimeSpan s_refusalDelay = TimeSpan.FromMilliseconds(100);
    private const int MostDelayed = 1000;

    private const int PeriodsPerSecond = 10;

    private readonly PartitionedRateLimiter<HttpContext>? _limiter;
    private readonly int _burst;
    private readonly LimitMetrics _metrics;
    private int _delayed;

    public RequestLimits(IOptions<LimitOptions> options, LimitMetrics metrics)
    {
        _metrics = metrics;
        if (options.Value is not { Enabled: true, Requests: { Rate: > 0 } requests })
            return;
        _burst = requests.Burst;
        // Ten times a second where the rate is so high: what is allowed comes spread then, and not all at the begin of each second.
        var periods = requests.Rate % PeriodsPerSecond == 0 ? PeriodsPerSecond : 1;
        var bucket = new TokenBucketRateLimiterOptions
        {
            TokenLimit = requests.Burst,
            TokensPerPeriod = requests.Rate / periods,
            ReplenishmentPeriod = TimeSpan.FromSeconds(1) / periods,
        };
        _limiter = PartitionedRateLimiter.Create<HttpContext, (string?, UInt128?)>(context => RateLimitPartition.GetTokenBucketLimiter(
            (context.User.Identity?.Name, AddressKey.Of(context.Connection.RemoteIpAddress, loopbackCounts: true)), _ => bucket));
    }

    /// <summary>Counts a request.</summary>
    /// <exception cref="ApiException">The caller has made as many as it may.</exception>
    public ValueTask Count(HttpContext context) => Take(context, 1);

    /// <summary>
    /// Counts what a request, which is counted already, asks for beyond one message. What is for more than the burst passes when nothing else
    /// did for long enough.
    /// </summary>
    /// <exception cref="ApiException">It is more than the caller may have now.</exception>
    public ValueTask CountMore(HttpContext context, int messages) => Take(context, Math.Min(messages, _burst) - 1);

    private ValueTask Take(HttpContext context, int permits) =>
        permits <= 0 || IsAllowed(context, permits) ? default : RefuseLater(context.RequestAborted);

    private bool IsAllowed(HttpContext context, int permits)
    {
        using var lease = _limiter?.AttemptAcquire(context, permits);
        if (lease is null or { IsAcquired: true })
            return true;
        _metrics.Met(Limit.Requests);
        var seconds = lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? Math.Max(1, Math.Ceiling(wait.TotalSeconds)) : 1;
        context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return false;
    }

    private async ValueTask RefuseLater(CancellationToken gone)
    {
        if (Interlocked.Increment(ref _delayed) <= MostDelayed)
            await Task.Delay(s_refusalDelay, gone).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        Interlocked.Decrement(ref _delayed);
        throw new ApiException(Problems.RateLimited, "This caller asks more often, or for more messages, than it may; try again later.");
    }

    public void Dispose() => _limiter?.Dispose();
}
