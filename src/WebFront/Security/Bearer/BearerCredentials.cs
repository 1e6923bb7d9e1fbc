using Microsoft.AspNetCore.Http.Features;
using Microsoft.Extensions.Primitives;
using Microsoft.Net.Http.Headers;

namespace Realtime.WebFront.Security;

/// <summary>
/// The token of a request: as <c>Authorization: Bearer</c> (RFC 6750 section 2.1), or for browsers, whose WebSocket sends no headers of
/// ours, as a subprotocol beside the real one or as <c>?access_token=</c> (section 2.3). Never two of them.
/// </summary>
/// <param name="Token">Null when none was sent, or the way it was sent is wrong.</param>
/// <param name="Problem">What is wrong with the way it was sent.</param>
/// <param name="FromQuery">It came in the address.</param>
internal readonly record struct BearerCredentials(string? Token, string? Problem, bool FromQuery)
{
    /// <summary>
    /// Before a token among the offered subprotocols. It is never the one that is agreed, so the token is not sent back. The
    /// characters of a token are all allowed there (RFC 7515 section 7.1, RFC 6455 section 4.1).
    /// </summary>
    public const string SubprotocolPrefix = "realtime.bearer.";

    private const string Scheme = "Bearer";

    public bool WereSent => Token is not null || Problem is not null;

    public static BearerCredentials Read(HttpRequest request)
    {
        var headers = request.Headers.Authorization;
        if (headers.Count > 1)
            return Wrong("The request has more than one Authorization header.");

        var header = headers.Count == 1 ? headers[0].AsSpan().Trim() : default;
        var inHeader = header.StartsWith(Scheme, StringComparison.OrdinalIgnoreCase)
            && (header.Length == Scheme.Length || header[Scheme.Length] == ' ');
        var inQuery = request.Query.TryGetValue(AddressToken.Name, out var values);
        var inSubprotocol = TryReadSubprotocol(request.Headers.SecWebSocketProtocol, out var offered, out var isSecond);

        if ((inHeader && inQuery) || (inSubprotocol && (inHeader || inQuery)))
        {
            var (one, other) = (inHeader ? "Authorization header" : AddressToken.Name, inSubprotocol ? "subprotocol" : AddressToken.Name);
            return Wrong($"The token was sent twice, as {one} and as {other}; send it once.");
        }
        if (inHeader)
        {
            var token = header[Scheme.Length..].TrimStart();
            return token.IsEmpty ? Wrong("The Authorization header has no token after Bearer.") : new(token.ToString(), null, false);
        }
        if (inSubprotocol)
        {
            return !IsWebSocket(request) ? Wrong("A token as subprotocol is for WebSockets only; send it as Authorization header.")
                : isSecond || offered.Length == 0 ? Wrong($"A token as subprotocol, {SubprotocolPrefix}..., must be there once, and not empty.")
                : new(offered, null, false);
        }
        if (!inQuery)
            return default;

        if (!IsWebSocket(request) && !IsEventStream(request))
            return Wrong("access_token in the address is for WebSockets and event streams only; send the token as Authorization header.");
        return values is [{ Length: > 0 } single] ? new(single, null, true) : Wrong("access_token must be there once, and not empty.");
    }

    private static BearerCredentials Wrong(string problem) => new(null, problem, false);

    private static bool TryReadSubprotocol(StringValues header, out string token, out bool isSecond)
    {
        (token, isSecond) = ("", false);
        var found = false;
        foreach (var value in header)
        {
            foreach (var part in value.AsSpan().Split(','))
            {
                var offered = value.AsSpan()[part].Trim();
                if (!offered.StartsWith(SubprotocolPrefix, StringComparison.Ordinal))
                    continue;
                isSecond = found;
                found = true;
                token = offered[SubprotocolPrefix.Length..].ToString();
                if (isSecond)
                    return true;
            }
        }
        return found;
    }

    // Addresses are logged and kept, so only for what can send no header.
    private static bool IsEventStream(HttpRequest request) =>
        HttpMethods.IsGet(request.Method)
        && request.GetTypedHeaders().Accept.Any(range => range.MediaType.Equals("text/event-stream", StringComparison.OrdinalIgnoreCase));

    // Over HTTP/2 a WebSocket opens with an extended CONNECT in the place of GET (RFC 8441 section 4).
    private static bool IsWebSocket(HttpRequest request) =>
        HttpMethods.IsGet(request.Method)
            ? request.Headers.GetCommaSeparatedValues(HeaderNames.Upgrade).Contains("websocket", StringComparer.OrdinalIgnoreCase)
            : request.HttpContext.Features.Get<IHttpExtendedConnectFeature>() is { IsExtendedConnect: true };
}
