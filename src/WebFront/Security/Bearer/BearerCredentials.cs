using Microsoft.AspNetCore.Http.Features;
using Microsoft.Net.Http.Headers;

namespace Realtime.WebFront.Security;

/// <summary>
/// The token of a request, as <c>Authorization: Bearer</c> (RFC 6750 section 2.1) or as <c>?access_token=</c> (section 2.3),
/// which is there for browsers: their WebSocket sends no headers of ours. Never both.
/// </summary>
/// <param name="Token">Null when none was sent, or the way it was sent is wrong.</param>
/// <param name="Problem">What is wrong with the way it was sent.</param>
/// <param name="FromQuery">It came in the address.</param>
internal readonly record struct BearerCredentials(string? Token, string? Problem, bool FromQuery)
{
    private const string Scheme = "Bearer";
    private const string QueryName = "access_token";

    public bool WereSent => Token is not null || Problem is not null;

    public static BearerCredentials Read(HttpRequest request)
    {
        var headers = request.Headers.Authorization;
        if (headers.Count > 1)
            return Wrong("The request has more than one Authorization header.");

        var header = headers.Count == 1 ? headers[0].AsSpan().Trim() : default;
        var inHeader = header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && (header.Length == Scheme.Length || header[Scheme.Length] == ' ');
        var inQuery = request.Query.TryGetValue(QueryName, out var values);

        if (inHeader && inQuery)
            return Wrong("The token was sent twice, as Authorization header and as access_token; send it once.");
        if (inHeader)
        {
            var token = header[Scheme.Length..].TrimStart();
            return token.IsEmpty ? Wrong("The Authorization header has no token after Bearer.") : new(token.ToString(), null, false);
        }
        if (!inQuery)
            return default;

        if (!IsStream(request))
            return Wrong("access_token in the address is for WebSockets and event streams only; send the token as Authorization header.");
        return values is [{ Length: > 0 } single] ? new(single, null, true) : Wrong("access_token must be there once, and not empty.");
    }

    private static BearerCredentials Wrong(string problem) => new(null, problem, false);

    // Addresses are logged and kept, so only for what can send no header. Over HTTP/2 a WebSocket opens with an extended CONNECT in
    // the place of GET (RFC 8441 section 4).
    private static bool IsStream(HttpRequest request) =>
        HttpMethods.IsGet(request.Method)
            ? request.Headers.GetCommaSeparatedValues(HeaderNames.Upgrade).Contains("websocket", StringComparer.OrdinalIgnoreCase)
                || request.GetTypedHeaders().Accept.Any(range => range.MediaType.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase))
            : request.HttpContext.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true };
}
