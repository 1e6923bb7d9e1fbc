using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Http;

namespace Realtime.Connections.Upgrade;

/// <summary>The check that keeps foreign pages from connecting with a user's cookies (RFC 6455 section 10.2).</summary>
internal static class Origin
{
    /// <summary>Reads an origin as browsers write it (RFC 6454 section 6.2): scheme, host and port, nothing else.</summary>
    public static bool TryParse(string? text, [NotNullWhen(true)] out Uri? origin) =>
        Uri.TryCreate(text, UriKind.Absolute, out origin)
        && origin.Host.Length > 0 && origin.PathAndQuery == "/" && origin.Fragment.Length == 0 && origin.UserInfo.Length == 0
        && !text.EndsWith('/');

    public static bool IsAllowed(HttpContext context, ConnectionOptions options)
    {
        if (options.CheckOrigin is { } check)
            return check(context);
        var values = context.Request.Headers.Origin;
        if (options.AllowAnyOrigin || values.Count == 0)
            return true;
        if (values.Count > 1 || !TryParse(values[0], out var origin))
            return false; // "null", the origin of sandboxed pages and files, is nobody's own
        return IsOwn(origin, context.Request.Host) || IsListed(origin, options.AllowedOrigins);
    }

    // The scheme is not compared: behind a proxy that ends TLS the server sees http where the browser saw https.
    private static bool IsOwn(Uri origin, HostString host) =>
        host.HasValue
        && string.Equals(origin.Host, Bracketed(host.Host), StringComparison.OrdinalIgnoreCase)
        && (host.Port is { } port ? port == origin.Port : origin.IsDefaultPort);

    private static string Bracketed(string host) => host.Contains(':') && !host.StartsWith('[') ? $"[{host}]" : host;

    private static bool IsListed(Uri origin, IList<string> allowed)
    {
        for (int i = 0; i < allowed.Count; i++)
            if (TryParse(allowed[i], out var listed)
                && listed.Scheme == origin.Scheme && listed.Port == origin.Port
                && string.Equals(listed.Host, origin.Host, StringComparison.OrdinalIgnoreCase))
                return true;
        return false;
    }
}
