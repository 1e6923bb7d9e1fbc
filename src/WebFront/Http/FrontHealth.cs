using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Realtime.WebFront.Http;

/// <summary>Ready: the front hears its stream, so whoever connects is served.</summary>
internal sealed class FrontHealth(FrontService front) : IHealthCheck
{
    /// <summary>The tag of checks that belong to readiness.</summary>
    public const string Ready = "ready";

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(front.IsReady ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("The front does not hear its stream."));
}
