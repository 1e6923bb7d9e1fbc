using Microsoft.Extensions.Diagnostics.HealthChecks;
using Orleans.Runtime;
using Realtime.Grains;
using Realtime.Silo.Hosting;

namespace Realtime.Server;

/// <summary>
/// Ready: the silo is in the cluster, and a front is too, so what it does reaches clients. The fronts do not ask this; they
/// find silos by the list of the cluster.
/// </summary>
internal sealed class SiloHealth(SiloState state, IGrainFactory grains) : IHealthCheck
{
    /// <summary>An answer that takes longer is no yes. Load balancers and Kubernetes wait a second or more.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(1);

    public async Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default)
    {
        if (state.WaitsFor is { } reason)
            return HealthCheckResult.Unhealthy(reason);
        try
        {
            var fronts = await grains.GetGrain<IFrontDirectoryGrain>(IFrontDirectoryGrain.Key).Fronts().WaitAsync(s_patience, cancellationToken);
            return fronts.Length > 0 ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("No front has joined the cluster yet.");
        }
        catch (Exception exception) when (exception is TimeoutException or OrleansException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            return HealthCheckResult.Unhealthy("The grains do not answer.");
        }
    }
}
