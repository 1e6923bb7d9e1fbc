using Realtime.WebFront.Limiting;

namespace Realtime.Server;

/// <summary>
/// Holds up, by <see cref="RequestLimits"/>, who floods the process with requests that no limit counts: those that are refused before they
/// come to one, as for a wrong token or header, and those of pages, health and metrics.
/// </summary>
internal sealed class RequestPace(RequestLimits limits) : IStartupFilter
{
    public static void Add(IServiceCollection services) => services.AddSingleton<IStartupFilter, RequestPace>();

    /// <summary>Before authentication, which answers by itself.</summary>
    public Action<IApplicationBuilder> Configure(Action<IApplicationBuilder> next) => app =>
    {
        app.Use(async (HttpContext context, RequestDelegate rest) =>
        {
            await rest(context);
            var status = context.Response.StatusCode;
            var isCounted = status == StatusCodes.Status101SwitchingProtocols
                || (status < StatusCodes.Status400BadRequest && context.Request.Path.StartsWithSegments("/api", StringComparison.OrdinalIgnoreCase));
            // The answer is on its way. What comes behind it on an HTTP/1.1 connection is not read meanwhile.
            if (!isCounted)
                await limits.Pace(context);
        });
        next(app);
    };
}
