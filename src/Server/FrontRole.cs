using Microsoft.Extensions.Options;
using Orleans.Hosting;
using Realtime.Connections;
using Realtime.Grains;
using Realtime.Silo;
using Realtime.Silo.Hosting;
using Realtime.Silo.Logs;
using Realtime.WebFront;
using Realtime.WebFront.Http;
using Realtime.WebFront.Security;

namespace Realtime.Server;

/// <summary>The roles <c>front</c>, whose grains are in a cluster of silos, and <c>single</c>, which has them in its own process.</summary>
internal static class FrontRole
{
    /// <summary>Where it listens unless it is told.</summary>
    private const string Address = "http://127.0.0.1:5080";

    public static WebApplication Build(WebApplicationBuilder builder)
    {
        var settings = ClusterSettings.Read(builder.Configuration);
        builder.ListenAt(Address);
        ManagementSettings.Use(builder);
        ForwardedHeadersSettings.Use(builder.Services, builder.Configuration);
        if (settings.IsFront)
            builder.UseOrleansClient(client => client.UseCluster(settings).AddRealtimeClient().AddTracing());
        else
            builder.UseOrleans(silo => silo.UseSingleProcess().AddRealtime().AddTracing());
        builder.AddRealtimeFront();
        RequestPace.Add(builder.Services);
        // A front waits for the cluster, and a silo for the database of its log.
        if (settings.IsFront || LogSettings.Read(builder.Configuration).UsesPostgres)
        {
            LateStart.Defer(builder.Services);
            builder.Services.AddSingleton<IFrontDependency, ClusterDependency>();
        }
        Telemetry.Add(builder, settings.IsFront ? "front" : "single");
        var app = builder.Build();
        app.Services.GetService<SqliteFile>()?.Open(); // before all else, so that what is wrong with it is one line
        app.MapFront();
        return app;
    }

    /// <summary>Maps the front. Until the cluster has been joined, clients are asked to come again.</summary>
    public static void MapFront(this WebApplication app)
    {
        if (app.Services.GetService<LateStart>() is { } start)
            app.Use((context, next) => start.IsDone || !NeedsCluster(context.Request.Path) ? next(context) : Refuse(context));
        app.MapRealtime();
        app.MapMetrics(RealtimePolicies.Read);
        app.Services.GetRequiredService<Api>().MapRest(app);
        if (app.Services.GetRequiredService<IOptions<FrontOptions>>().Value.Pages ?? app.Environment.IsDevelopment())
            app.MapRealtimePages();
        if (app.Services.GetRequiredService<IOptions<FrontOptions>>().Value.Console ?? (app.Environment.IsDevelopment() || ManagementSettings.IsSet(app.Configuration)))
            app.MapRealtimeConsole();
        // The process has nothing else, so that all that is wrong is told in one way.
        app.Map("/{**rest}", context => Problems.Guard(context, _ => throw Api.NotFound()))
            .WithOrder(3).AllowAnonymous().ExcludeFromDescription();
    }

    private static bool NeedsCluster(PathString path) =>
        path.StartsWithSegments("/ws", StringComparison.OrdinalIgnoreCase) || path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase);

    private static Task Refuse(HttpContext context)
    {
        context.Response.Headers.RetryAfter = "1"; // second; a client without a cluster tries again about as often
        return Problems.Write(context, Problems.Unavailable, "The front has not joined the cluster yet; try again.");
    }
}
