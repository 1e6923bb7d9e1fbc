using Orleans.Hosting;
using Realtime.Silo;
using Realtime.Silo.Hosting;

namespace Realtime.Server;

/// <summary>The role <c>silo</c>: the grains, and a small web server that is asked how they are.</summary>
internal static class SiloRole
{
    /// <summary>Where it listens unless it is told.</summary>
    private const string Address = "http://127.0.0.1:5090";

    public static WebApplication Build(WebApplicationBuilder builder)
    {
        var settings = ClusterSettings.Read(builder.Configuration);
        builder.ListenAt(Address);
        builder.UseOrleans(silo => silo.UseCluster(settings).AddRealtime().AddTracing());
        LateStart.Defer(builder.Services);
        Telemetry.Add(builder, "silo");
        builder.Services.AddHealthChecks().AddCheck<SiloHealth>("silo");

        var app = builder.Build();
        // Live: the process is up. Ready: its part of the cluster works; if not, the body says why.
        app.MapHealthChecks("/health/live", new() { Predicate = _ => false }).AllowAnonymous();
        app.MapHealthChecks("/health/ready", new() { ResponseWriter = HealthAnswer.Write }).AllowAnonymous();
        app.MapMetrics(policy: null); // no clients reach this address
        return app;
    }
}
