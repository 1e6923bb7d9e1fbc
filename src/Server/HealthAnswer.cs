using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace Realtime.Server;

/// <summary>The body of <c>/health/ready</c>: <c>Healthy</c>, or <c>Unhealthy</c> and why.</summary>
internal static class HealthAnswer
{
    public static Task Write(HttpContext context, HealthReport report)
    {
        context.Response.ContentType = "text/plain; charset=utf-8";
        var reasons = report.Entries.Values.Select(entry => entry.Description).OfType<string>();
        return context.Response.WriteAsync(string.Join(' ', reasons.Prepend($"{report.Status}")));
    }
}
