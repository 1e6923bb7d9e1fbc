using Microsoft.Extensions.Options;
using Orleans.Hosting;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.Settings;
using Realtime.Silo;
using Realtime.Silo.Hosting;
using Realtime.Silo.Logs;
using Realtime.WebFront.Http;
using Realtime.WebFront.Security;

namespace Realtime.WebFront;

/// <summary>Where the front's grains are: in its own process, or in a cluster of silos.</summary>
internal static class FrontHosting
{
    /// <summary>Adds the front, and the grains that it needs, as <c>Cluster:Mode</c> says.</summary>
    public static WebApplicationBuilder AddFrontProcess(this WebApplicationBuilder builder)
    {
        SettingsCheck.All(builder.Configuration, [.. SiloHosting.Sections, new(ConnectionOptions.Section, typeof(ConnectionOptions)), FrontOptions.Settings, BearerOptions.Settings]);
        var settings = ClusterSettings.Read(builder.Configuration);
        if (!settings.IsClient)
        {
            builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime());
            builder.AddRealtimeFront();
            if (LogSettings.Read(builder.Configuration).UsesPostgres)
                LateStart.Defer(builder.Services); // the silo waits for the database
            return builder;
        }
        builder.UseOrleansClient(client => client.UseCluster(settings).AddRealtimeClient());
        builder.AddRealtimeFront();
        LateStart.Defer(builder.Services);
        return builder;
    }

    /// <summary>Maps the front. Until the cluster has been joined, clients are asked to come again.</summary>
    public static WebApplication MapFrontProcess(this WebApplication app)
    {
        if (app.Services.GetService<LateStart>() is { } start)
        {
            app.Use((context, next) => start.IsDone || !NeedsCluster(context.Request.Path) ? next(context) : Refuse(context));
        }
        app.MapRealtime();
        app.Services.GetRequiredService<Api>().MapRest(app);
        if (app.Services.GetRequiredService<IOptions<FrontOptions>>().Value.Pages ?? app.Environment.IsDevelopment())
            app.MapRealtimePages();
        // The process has nothing else, so that all that is wrong is told in one way.
        app.Map("/{**rest}", context => Problems.Guard(context, _ => throw Api.NotFound()))
            .WithOrder(3).AllowAnonymous().ExcludeFromDescription();
        return app;
    }

    private static bool NeedsCluster(PathString path) => path.StartsWithSegments("/ws") || path.StartsWithSegments("/api");

    private static Task Refuse(HttpContext context)
    {
        context.Response.Headers.RetryAfter = "1"; // second; a client without a cluster tries again about as often
        return Problems.Write(context, Problems.Unavailable, "The front has not joined the cluster yet; try again.");
    }
}
