using System.Diagnostics.CodeAnalysis;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Realtime.Connections;
using Realtime.Settings;
using Realtime.WebFront.Access;
using Realtime.WebFront.Calls;
using Realtime.WebFront.Http;
using Realtime.WebFront.Limiting;
using Realtime.WebFront.Operation;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Rooms;
using Realtime.WebFront.Security;
using Realtime.WebFront.Tokens;
using Realtime.WebFront.Users;

namespace Realtime.WebFront;

/// <summary>Makes an ASP.NET Core application a front. Its other endpoints stay as they are.</summary>
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
        services.AddSettings<FrontOptions>(FrontOptions.Settings)
            .Configure<IConfiguration>((options, configuration) => options.ReadRooms(configuration))
            .Configure(options => configure?.Invoke(options));
        services.AddSettings<LimitOptions>(LimitOptions.Settings).Configure<IConfiguration, IHostEnvironment>(LimitOptions.ForDevelopment);
        services.AddSettings<CallOptions>(CallOptions.Settings);
        services.TryAddSingleton(TimeProvider.System);
        services.AddRealtimeConnections();
        services.AddRealtimeSecurity(builder.Configuration, builder.Environment);
        services.AddRoomAccess();
        services.TryAddSingleton<Api>();
        services.TryAddSingleton<EventStreams>();
        services.TryAddSingleton<PostedSessions>();
        services.TryAddSingleton<OpenApiDocument>();
        services.TryAddSingleton<FrontHealth>();
        services.TryAddSingleton<SlowConsumers>();
        services.TryAddSingleton<GrainCalls>();
        services.TryAddSingleton<RoomServices>();
        services.TryAddSingleton<LocalRooms>();
        services.TryAddSingleton<ServerJoins>();
        services.TryAddSingleton<DirectTopics>();
        services.TryAddSingleton<DirectEvents>();
        services.TryAddSingleton<EventRouter>();
        services.TryAddSingleton<FrontStream>();
        services.TryAddSingleton<FrontObserver>();
        services.TryAddSingleton<FrontDrain>();
        services.TryAddSingleton<FrontReporter>();
        services.TryAddSingleton<ConnectionListing>();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<ILoggerProvider, RecentLog>());
        services.TryAddSingleton<SiloRecovery>();
        services.TryAddSingleton<LocalUsers>();
        services.TryAddSingleton<CallMetrics>();
        services.TryAddSingleton<CallMethods>();
        services.TryAddSingleton<CallService>();
        services.TryAddSingleton<ClientCalls>();
        services.TryAddSingleton<TokenExpiry>();
        services.TryAddSingleton<LimitMetrics>();
        services.TryAddSingleton<CommandLimits>();
        services.TryAddSingleton<ConnectionLimits>();
        services.TryAddSingleton<RequestLimits>();
        services.TryAddSingleton<RevocationSync>();
        services.TryAddSingleton(provider => new KeyWatch(
            provider.GetRequiredService<ConnectionRegistry>(), provider.GetRequiredService<SigningKeys>, provider.GetRequiredService<ILogger<KeyWatch>>()));
        services.TryAddSingleton<TokenVerifier>();
        services.TryAddSingleton<TokenRefresh>();
        services.TryAddSingleton<FrontService>();
        services.AddHostedService(provider => provider.GetRequiredService<FrontService>());
        return builder;
    }

    /// <summary>
    /// Maps <c>/ws</c>, the HTTP API at <c>/api</c>, <c>/health/live</c> and <c>/health/ready</c>, and in
    /// Development or with <see cref="FrontOptions.OpenApi"/> <c>/openapi/v1.json</c>. Each names who may use it; see
    /// <see cref="RealtimePolicies"/>. Health is open to everybody.
    /// </summary>
    /// <remarks>
    /// The middleware is the application's. A <see cref="WebApplication"/> brings what is needed by itself; who calls
    /// <c>UseRouting</c> calls <c>UseAuthentication</c> and <c>UseAuthorization</c> after it, and <c>UseForwardedHeaders</c>,
    /// <c>UsePathBase</c> and <c>UseCors</c> before.
    /// </remarks>
    /// <param name="endpoints">The application, or a group of its endpoints.</param>
    /// <param name="prefix">Before all of these paths: <c>/realtime</c>. None by default.</param>
    /// <returns>For conventions that are for all of them, as <c>RequireHost</c> or <c>RequireRateLimiting</c>.</returns>
    /// <exception cref="OptionsValidationException">A setting is out of its range.</exception>
    public static RouteGroupBuilder MapRealtime(this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var services = endpoints.ServiceProvider;
        var options = services.GetRequiredService<IOptions<FrontOptions>>().Value;
        var group = endpoints.MapGroup(prefix);
        group.MapConnections<RealtimeProtocol>("/ws", connections =>
        {
            connections.Subprotocols = [RealtimeProtocol.Name];
            connections.SlowConsumer = SlowConsumerPolicy.Disconnect; // of what is not a room's; see SlowConsumers
            connections.OnUpgradeRefused = (context, refusal) => Problems.Write(context, Problems.Of(refusal.Status), refusal.Reason);
            connections.Gate = services.GetRequiredService<FrontDrain>();
            connections.MaxMessageSize = MaxMessageSize(connections, options, services.GetRequiredService<IConfiguration>());
        }).RefuseRevoked().RequireAuthorization(RealtimePolicies.Client).ExcludeFromDescription();
        services.GetRequiredService<Api>().Map(group);
        services.GetRequiredService<EventStreams>(); // is measured from the start
        group.MapOperations();
        if (options.OpenApi ?? services.GetRequiredService<IHostEnvironment>().IsDevelopment())
            services.GetRequiredService<OpenApiDocument>().Map(group);
        return group;
    }

    // Unless it is set: both fields of a message as long as they may be, and what stands around them.
    internal static int MaxMessageSize(ConnectionOptions connections, FrontOptions front, IConfiguration configuration)
    {
        const int overhead = 32 * 1024;
        const string name = nameof(ConnectionOptions.MaxMessageSize);
        var isSet = configuration[$"{ConnectionOptions.Section}:{name}"] is not null || connections.MaxMessageSize != new ConnectionOptions().MaxMessageSize;
        return isSet ? connections.MaxMessageSize : 2 * front.MaxContentBytes + overhead;
    }

    /// <summary>
    /// Maps the console at <c>/console</c>: a page for whoever runs fronts and silos. Its files are open to everybody and say nothing; what it shows
    /// and does it asks of the HTTP API, in Development without a token, elsewhere with one that has <see cref="RealtimePolicies.AdminScope"/>. It
    /// finds the API beside it, so map both in one place.
    /// </summary>
    /// <param name="endpoints">The application, or a group of its endpoints.</param>
    /// <param name="prefix">That of <see cref="MapRealtime"/>.</param>
    /// <returns>For conventions that are for all of it, as <c>RequireHost</c>.</returns>
    public static RouteGroupBuilder MapRealtimeConsole(this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var group = endpoints.MapGroup(prefix);
        group.MapConsole();
        return group;
    }

    /// <summary>
    /// Maps the chat (<c>/</c>), the toolbox (<c>/toolbox.html</c>), the client library (<c>/realtime.js</c>) and the echo that the
    /// toolbox uses (<c>/ws/echo</c>). The files are open to everybody; the echo is so in Development, and elsewhere wants what
    /// <c>/ws</c> wants. They find the front beside them, so map both in one place.
    /// </summary>
    /// <param name="endpoints">The application, or a group of its endpoints.</param>
    /// <param name="prefix">That of <see cref="MapRealtime"/>.</param>
    /// <returns>For conventions that are for all of them.</returns>
    public static RouteGroupBuilder MapRealtimePages(this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string prefix = "")
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var group = endpoints.MapGroup(prefix);
        group.MapPages();
        var echo = group.MapConnections("/ws/echo", async (Connection connection) =>
        {
            await foreach (var message in connection.ReceiveAllAsync())
                await connection.SendAsync(message);
        }, connections =>
        {
            connections.OnUpgradeRefused = (context, refusal) => Problems.Write(context, Problems.Of(refusal.Status), refusal.Reason);
            connections.Gate = endpoints.ServiceProvider.GetRequiredService<ConnectionLimits>().Gate;
        });
        echo.RefuseRevoked().WithMetadata(ForManagement.Metadata).ExcludeFromDescription();
        if (endpoints.ServiceProvider.GetRequiredService<IHostEnvironment>().IsDevelopment())
            echo.AllowAnonymous();
        else
            echo.RequireAuthorization(RealtimePolicies.Client);
        return group;
    }
}
