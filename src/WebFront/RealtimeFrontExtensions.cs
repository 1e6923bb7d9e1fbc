using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Realtime.Connections;
using Realtime.WebFront.Http;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Rooms;
using Realtime.WebFront.Security;

namespace Realtime.WebFront;

/// <summary>Makes an ASP.NET Core application a front.</summary>
public static class RealtimeFrontExtensions
{
    /// <summary>
    /// Adds a front: connections, the protocol, security and the HTTP API. The host must have a cluster client
    /// (<c>UseOrleans</c> or <c>UseOrleansClient</c>).
    /// </summary>
    /// <exception cref="OptionsValidationException">At start, when a setting is out of its range.</exception>
    public static IHostApplicationBuilder AddRealtimeFront(this IHostApplicationBuilder builder, Action<FrontOptions>? configure = null)
    {
        var services = builder.Services;
        services.AddOptions<FrontOptions>()
            .BindConfiguration("Front")
            .Configure<IConfiguration>((options, configuration) =>
                options.MaxContentBytes = configuration.GetValue("Rooms:MaxContentBytes", options.MaxContentBytes))
            .Configure(options => configure?.Invoke(options))
            .Validate<IConfiguration>(
                (_, configuration) => configuration["Front:MaxContentBytes"] is null,
                "Front:MaxContentBytes is not known; the bound belongs to rooms now, as Rooms:MaxContentBytes.")
            .ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<FrontOptions>, FrontOptions.Validator>());
        services.TryAddSingleton(TimeProvider.System);
        services.AddRealtimeConnections();
        services.AddRealtimeSecurity(builder.Configuration, builder.Environment);
        services.AddRealtimeApi();
        services.TryAddSingleton<SlowConsumers>();
        services.TryAddSingleton<RoomRouter>();
        services.TryAddSingleton<TokenExpiry>();
        services.TryAddSingleton<FrontService>();
        services.AddHostedService(provider => provider.GetRequiredService<FrontService>());
        return builder;
    }

    /// <summary>Maps <c>/ws</c>, <c>/ws/echo</c>, the HTTP API, health, metrics and the pages.</summary>
    public static WebApplication MapRealtimeFront(this WebApplication app)
    {
        app.UseApiProblems();
        app.UseDefaultFiles();
        // Asked for again each time (the answer is mostly 304), so that a page never mixes modules of two versions.
        app.UseStaticFiles(new StaticFileOptions { OnPrepareResponse = file => file.Context.Response.Headers.CacheControl = "no-cache" });
        app.UseAuthentication();
        app.UseAuthorization();
        app.MapConnections<RealtimeProtocol>("/ws", options =>
        {
            options.Subprotocols = [RealtimeProtocol.Name];
            options.SlowConsumer = SlowConsumerPolicy.Disconnect; // of what is not a room's; see SlowConsumers
        }).RequireAuthorization(RealtimePolicies.Client);
        app.MapConnections("/ws/echo", async (Connection connection) =>
        {
            await foreach (var message in connection.ReceiveAllAsync())
                await connection.SendAsync(message);
        });
        app.MapRealtimeApi();
        return app;
    }
}
