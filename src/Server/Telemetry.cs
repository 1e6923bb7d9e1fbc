using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Realtime.WebFront.Http;

namespace Realtime.Server;

/// <summary>
/// What the process tells of itself: metrics at <c>/metrics</c> for Prometheus, and metrics, traces and logs by OTLP where a standard variable of
/// OpenTelemetry (<c>OTEL_EXPORTER_OTLP_ENDPOINT</c>, or one of a signal's own) names a collector. Without one nothing is traced.
/// </summary>
internal static class Telemetry
{
    /// <summary>Of this product's libraries: meters and sources of activities.</summary>
    private const string Ours = "Realtime.*";

    private static readonly string[] s_meters = [Ours, "Microsoft.Orleans", "Npgsql"];

    /// <summary>To be called after the hosted services of a role, so that what is measured of the start is there, whatever starts late.</summary>
    public static void Add(IHostApplicationBuilder builder, string role)
    {
        var configuration = builder.Configuration;
        var telemetry = builder.Services.AddOpenTelemetry()
            // OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES count more.
            .ConfigureResource(resource => resource.AddService($"realtime-{role}", "realtime", Version, serviceInstanceId: $"{Environment.MachineName}:{Environment.ProcessId}")
                .AddEnvironmentVariableDetector())
            .WithMetrics(metrics =>
            {
                metrics.AddMeter(s_meters).AddAspNetCoreInstrumentation().AddRuntimeInstrumentation();
                // A scrape is a moment's picture. It is for those who run the process, and they ask seldom.
                metrics.AddPrometheusExporter(options => (options.ScrapeResponseCacheDurationMilliseconds, options.ScopeInfoEnabled) = (0, false));
                if (IsSent(configuration, "METRICS"))
                    metrics.AddOtlpExporter();
            });
        if (IsSent(configuration, "TRACES"))
            telemetry.WithTracing(traces => traces.AddSource(Ours).AddNpgsql().AddAspNetCoreInstrumentation(options => options.Filter = IsTraced).AddOtlpExporter());
        if (IsSent(configuration, "LOGS"))
            builder.Logging.AddOpenTelemetry(logs => logs.AddOtlpExporter());
    }

    /// <summary>Maps <c>/metrics</c>.</summary>
    /// <param name="policy">Who may read it; everybody who reaches it when null.</param>
    public static void MapMetrics(this WebApplication app, string? policy)
    {
        var endpoint = app.MapPrometheusScrapingEndpoint("/metrics", meterProvider: null, branch => branch.Use((context, next) => OperationEndpoints.GetOnly(context, () => next(context))), null)
            .WithMetadata(ForManagement.Metadata).ExcludeFromDescription();
        if (policy is null)
            endpoint.AllowAnonymous();
        else
            endpoint.RequireAuthorization(policy);
    }

    /// <summary>Whether a signal (<c>METRICS</c>, <c>TRACES</c>, <c>LOGS</c>) goes anywhere.</summary>
    internal static bool IsSent(IConfiguration configuration, string signal) =>
        configuration[$"OTEL_{signal}_EXPORTER"] is not "none"
        && !string.Equals(configuration["OTEL_SDK_DISABLED"], "true", StringComparison.OrdinalIgnoreCase)
        && !(string.IsNullOrEmpty(configuration["OTEL_EXPORTER_OTLP_ENDPOINT"]) && string.IsNullOrEmpty(configuration[$"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"]));

    private static string? Version => typeof(WebFront.FrontOptions).Assembly.GetName().Version?.ToString(3);

    // A WebSocket is a request for as long as it is open, where it has not left HTTP; who asks for health or metrics is a machine that asks for ever.
    private static bool IsTraced(HttpContext context) =>
        context.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase);
}
