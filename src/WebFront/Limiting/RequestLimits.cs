using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.Extensions.Options;
using Realtime.WebFront.Http;

namespace Realtime.WebFront.Limiting;

/// <summary>How often the HTTP API may be asked, by caller and address: <see cref="LimitOptions.Requests"/>.</summary>
internal sealed class RequestLimits : IDisposable
{
    private readonly PartitionedRateLimiter<HttpContext>? _limiter;
    private readonly int _burst;
    private readonly LimitMetrics _metrics;

    public RequestLimits(IOptions<LimitOptions> options, LimitMetrics metrics)
    {
        _metrics = metrics;
        if (options.Value is not { Enabled: true, Requests: { Rate: > 0 } requests })
            return;
        _burst = requests.Burst;
        var bucket = new TokenBucketRateLimiterOptions { TokenLimit = requests.Burst, TokensPerPeriod = requests.Rate, ReplenishmentPeriod = TimeSpan.FromSeconds(1) };
        _limiter = PartitionedRateLimiter.Create<HttpContext, (string?, UInt128?)>(context => RateLimitPartition.GetTokenBucketLimiter(
            (context.User.Identity?.Name, AddressKey.Of(context.Connection.RemoteIpAddress, loopbackCounts: true)), _ => bucket));
    }

    /// <summary>Counts a request.</summary>
    /// <exception cref="ApiException">The caller has made as many as it may.</exception>
    public void Count(HttpContext context) => Take(context, 1);

    /// <summary>
    /// Counts what a request, which is counted already, asks for beyond one message. What is for more than the burst passes when nothing else
    /// did for long enough.
    /// </summary>
    /// <exception cref="ApiException">It is more than the caller may have now.</exception>
    public void CountMore(HttpContext context, int messages) => Take(context, Math.Min(messages, _burst) - 1);

    private void Take(HttpContext context, int permits)
    {
        if (permits <= 0)
            return;
        using var lease = _limiter?.AttemptAcquire(context, permits);
        if (lease is null or { IsAcquired: true })
            return;
        _metrics.Met(Limit.Requests);
        var seconds = lease.TryGetMetadata(MetadataName.RetryAfter, out var wait) ? Math.Max(1, Math.Ceiling(wait.TotalSeconds)) : 1;
        context.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        throw new ApiException(Problems.RateLimited, "This caller asks more often, or for more messages, than it may; try again later.");
    }

    public void Dispose() => _limiter?.Dispose();
}
