using System.Text;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Http;

/// <summary>For those who run the front: <c>/health/live</c>, <c>/health/ready</c>.</summary>
internal static class OperationEndpoints
{
    private static readonly string[] s_reads = [HttpMethods.Get, HttpMethods.Head];

    public static void MapOperations(this IEndpointRouteBuilder endpoints)
    {
        // Load balancers and Kubernetes bring no token, and learn nothing but whether to send clients here.
        endpoints.MapGetOnly("/health/live", context => WriteText(context, "text/plain; charset=utf-8", "Healthy")).AllowAnonymous();
        endpoints.MapGetOnly("/health/ready", Ready).AllowAnonymous();
    }

    /// <summary>Maps GET and HEAD of something that is not for clients, and refuses other methods as a problem.</summary>
    public static IEndpointConventionBuilder MapGetOnly(this IEndpointRouteBuilder endpoints, string pattern, Func<HttpContext, Task> get) =>
        endpoints.Map(pattern, context => GetOnly(context, () => get(context))).WithMetadata(ForManagement.Metadata).ExcludeFromDescription();

    /// <summary>Answers GET and HEAD of data that is not for clients, and refuses other methods as a problem.</summary>
    public static Task GetOnly(HttpContext context, Func<Task> get) => Problems.Guard(context, _ =>
    {
        if (!s_reads.Contains(context.Request.Method, StringComparer.OrdinalIgnoreCase))
            throw Api.Refuse(context, s_reads);
        context.Response.Headers.CacheControl = "no-cache";
        SecurityHeaders.SetForData(context.Response.Headers);
        return get();
    });

    public static Task WriteText(HttpContext context, string type, string text)
    {
        var bytes = Encoding.UTF8.GetBytes(text);
        context.Response.ContentType = type;
        context.Response.ContentLength = bytes.Length;
        return HttpMethods.IsHead(context.Request.Method) ? Task.CompletedTask : context.Response.Body.WriteAsync(bytes, context.RequestAborted).AsTask();
    }

    private static Task Ready(HttpContext context)
    {
        var reason = context.RequestServices.GetRequiredService<FrontHealth>().Problem;
        context.Response.StatusCode = reason is null ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable;
        return WriteText(context, "text/plain; charset=utf-8", reason is null ? "Healthy" : $"Unhealthy {reason}");
    }
}
