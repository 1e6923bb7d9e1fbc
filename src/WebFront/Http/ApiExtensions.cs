using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Diagnostics;
using Realtime.Grains;
using Realtime.Silo.Hosting;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Http;

/// <summary>The HTTP API, health and metrics of a front.</summary>
internal static class ApiExtensions
{
    public static void AddRealtimeApi(this IServiceCollection services)
    {
        services.ConfigureHttpJsonOptions(options =>
        {
            var json = options.SerializerOptions;
            json.TypeInfoResolverChain.Insert(0, ApiJson.Default);
            json.DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull; // absent means absent, never null
            json.UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow; // a misspelt field is an error, not a surprise
        });
        services.AddOpenApi(options => options.AddDocumentTransformer((document, _, _) =>
        {
            document.Info = new() { Title = "Realtime", Version = "v1", Description = "Send to rooms and users from outside, and see who is where." };
            return Task.CompletedTask;
        }));
        services.AddProblemDetails();
        // A bad body is the caller's to know: the handler in MapRealtimeApi says what was wrong.
        services.Configure<RouteHandlerOptions>(options => options.ThrowOnBadRequest = true);
        services.AddSingleton<MetricsText>();
        services.AddHealthChecks().AddCheck<FrontHealth>("front", tags: [FrontHealth.Ready]);
    }

    public static void MapRealtimeApi(this WebApplication app)
    {
        var api = app.MapGroup("/api").RequireAuthorization(RealtimePolicies.Api).AddEndpointFilter(Catch)
            .ProducesProblem(StatusCodes.Status400BadRequest)
            .ProducesProblem(StatusCodes.Status401Unauthorized)
            .ProducesProblem(StatusCodes.Status403Forbidden)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        api.MapRooms();
        api.MapUsers();
        api.MapCluster();
        app.MapOpenApi();
        app.MapHealthChecks("/health/live", new() { Predicate = _ => false });
        app.MapHealthChecks("/health/ready", new() { Predicate = check => check.Tags.Contains(FrontHealth.Ready), ResponseWriter = HealthAnswer.Write });
        app.Services.GetRequiredService<MetricsText>(); // counts from now on
        app.MapGet("/metrics", (MetricsText metrics) => Results.Text(metrics.Write(), MetricsText.ContentType)).ExcludeFromDescription();
    }

    /// <summary>Bad requests of the framework (a body that is not JSON) come past endpoint filters, as exceptions.</summary>
    public static void UseApiProblems(this IApplicationBuilder app) => app.UseExceptionHandler(new ExceptionHandlerOptions
    {
        SuppressDiagnosticsCallback = context => context.Exception is BadHttpRequestException,
        ExceptionHandler = context => ApiProblem.From(context.Features.Get<IExceptionHandlerFeature>()?.Error).ExecuteAsync(context),
    });

    private static async ValueTask<object?> Catch(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        try
        {
            return await next(context);
        }
        catch (Exception exception) when (exception is ArgumentException or RoomException or TimeoutException or Orleans.Runtime.OrleansException)
        {
            return ApiProblem.From(exception);
        }
    }
}
