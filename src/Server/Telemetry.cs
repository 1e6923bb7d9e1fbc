using Npgsql;
using OpenTelemetry;
using OpenTelemetry.Exporter;
using OpenTelemetry.Logs;
using OpenTelemetry.Metrics;
using OpenTelemetry.Resources;
using OpenTelemetry.Trace;
using Orleans.Hosting;
using Realtime.Silo.Hosting;
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

    /// <summary>Orleans' own, by which its calls carry a trace from process to process.</summary>
    private const string OfGrainCalls = "Microsoft.Orleans.Application";

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
                    metrics.AddOtlpExporter(options => Read(options, configuration, "METRICS"));
            });
        if (IsSent(configuration, "TRACES"))
        {
            telemetry.WithTracing(traces => traces.AddSource(Ours, OfGrainCalls).AddNpgsql().AddAspNetCoreInstrumentation(options => options.Filter = IsTraced)
                .SetSampler(RootSampler.Of(configuration)).AddOtlpExporter(options => Read(options, configuration, "TRACES")));
        }
        if (IsSent(configuration, "LOGS"))
            builder.Logging.AddOpenTelemetry(logs => logs.AddOtlpExporter(options => Read(options, configuration, "LOGS")));
    }

    /// <summary>Lets grain calls carry the trace that they are made in. Where nothing is traced they cost what they did.</summary>
    public static ISiloBuilder AddTracing(this ISiloBuilder silo) => IsSent(silo.Configuration, "TRACES") ? silo.AddActivityPropagation() : silo;

    /// <summary>The same for a client of the cluster.</summary>
    public static IClientBuilder AddTracing(this IClientBuilder client) => IsSent(client.Configuration, "TRACES") ? client.AddActivityPropagation() : client;

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

    /// <summary>The variables of one signal, which the exporter reads by itself only for all signals at once.</summary>
    /// <exception cref="StartException">The address is none.</exception>
    private static void Read(OtlpExporterOptions options, IConfiguration configuration, string signal)
    {
        var name = $"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT";
        if (configuration[name] is { Length: > 0 } endpoint)
        {
            options.Endpoint = Uri.TryCreate(endpoint, UriKind.Absolute, out var address) ? address
                : throw new StartException($"{name} is '{endpoint}'; it must be an address as http://collector:4318/v1/{signal.ToLowerInvariant()}.");
        }
        if (configuration[$"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL"] is { Length: > 0 } protocol)
            options.Protocol = protocol == "http/protobuf" ? OtlpExportProtocol.HttpProtobuf : OtlpExportProtocol.Grpc;
        if (configuration[$"OTEL_EXPORTER_OTLP_{signal}_HEADERS"] is { Length: > 0 } headers)
            options.Headers = headers;
    }

    private static string? Version => typeof(WebFront.FrontOptions).Assembly.GetName().Version?.ToString(3);

    // A WebSocket is a request for as long as it is open, where it has not left HTTP; who asks for health or metrics is a machine that asks for ever.
    private static bool IsTraced(HttpContext context) =>
        context.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase);
}
