using Microsoft.Extensions.Diagnostics.HealthChecks;
using Realtime.Silo.Hosting;

namespace Realtime.WebFront.Http;

/// <summary>Ready: the front hears its stream, so whoever connects is served.</summary>
internal sealed class FrontHealth(FrontService front, LateStart? start = null, ConnectionRetry? connection = null, SiloState? silo = null) : IHealthCheck
{
    /// <summary>The tag of checks that belong to readiness.</summary>
    public const string Ready = "ready";

    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(front.IsReady ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy(Reason));

    private string Reason => start is { IsDone: false } && (connection?.WaitsFor ?? silo?.WaitsFor) is { } reason ? reason : "The front does not hear its stream.";
}
