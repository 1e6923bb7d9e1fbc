using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Diagnostics.HealthChecks;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Orleans.Hosting;
using Realtime.Settings;
using Realtime.Silo.Fronts;
using Realtime.Silo.Logs;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Hosting;

/// <summary>A silo as a process of its own: the grains, and a small web server that is asked how they are.</summary>
internal static class SiloHosting
{
    /// <summary>What a silo reads from the configuration.</summary>
    public static readonly SettingsSection[] Sections = [ClusterSettings.Settings, LogSettings.Settings, RoomOptions.Settings, LeaseOptions.Settings, StreamSettings.Settings];

    public static WebApplicationBuilder AddSilo(this WebApplicationBuilder builder)
    {
        SettingsCheck.All(builder.Configuration, Sections);
        var settings = ClusterSettings.Read(builder.Configuration);
        builder.UseOrleans(silo => silo.UseCluster(settings).AddRealtime());
        LateStart.Defer(builder.Services);
        builder.Services.AddHealthChecks().AddCheck<SiloHealth>("silo");
        return builder;
    }

    /// <summary><c>/health/live</c>: the process is up. <c>/health/ready</c>: its part of the cluster works; if not, the body says why.</summary>
    public static WebApplication MapSilo(this WebApplication app)
    {
        app.MapHealthChecks("/health/live", new() { Predicate = _ => false });
        app.MapHealthChecks("/health/ready", new() { ResponseWriter = HealthAnswer.Write });
        return app;
    }
}
