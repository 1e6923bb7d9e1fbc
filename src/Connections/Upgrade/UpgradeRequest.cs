using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace Realtime.Connections.Upgrade;

/// <summary>What client and server agreed on.</summary>
/// <param name="Key">The client's key; null for HTTP/2, which needs none (RFC 8441 section 5).</param>
/// <param name="Subprotocol">The subprotocol, or null.</param>
/// <param name="Extensions">The answer to the offered extensions; null when none is used.</param>
/// <param name="WindowBits">The window of what is compressed for the client, 8 to 15; 0 for no compression.</param>
internal readonly record struct Agreed(string? Key, string? Subprotocol, string? Extensions, int WindowBits);

/// <summary>The server's side of the opening handshake (RFC 6455 section 4.2, over HTTP/2 RFC 8441).</summary>
internal static class UpgradeRequest
{
    private const string Version = "13";
    public const string WebSocket = "websocket";
    private const int KeyBytes = 16;
    private const int KeyLength = 24; // in base64

    private static ReadOnlySpan<byte> AcceptGuid => "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"u8; // RFC 6455 section 1.3

    /// <summary>Checks a request; null when it may be upgraded.</summary>
    public static UpgradeRefusal? Check(HttpContext context, ConnectionOptions options, out Agreed agreed)
    {
        agreed = default;
        var request = context.Request;
        var headers = request.Headers;
        var connect = context.Features.Get<IHttpExtendedConnectFeature>();
        bool http2 = connect is { IsExtendedConnect: true } && WebSocket.Equals(connect.Protocol, StringComparison.OrdinalIgnoreCase);
        if (!http2)
        {
            if (request.Method != HttpMethods.Get) // methods are case-sensitive (RFC 9110 section 9.1)
            {
                context.Response.Headers.Allow = HttpMethods.Get;
                return new(StatusCodes.Status405MethodNotAllowed, $"This is a WebSocket endpoint: GET, not {request.Method}.");
            }
            // Section 4.2.1 wants HTTP/1.1; in HTTP/1.0 an Upgrade header is to be ignored (RFC 9110 section 7.8).
            if (!HttpProtocol.IsHttp11(request.Protocol) || !HeaderText.ListHas(headers.Upgrade, WebSocket) || context.Features.Get<IHttpUpgradeFeature>() is not { IsUpgradableRequest: true })
                return UpgradeRequired(context, "This is a WebSocket endpoint: send 'Connection: Upgrade' and 'Upgrade: websocket', over HTTP/1.1, or an extended CONNECT over HTTP/2.");
        }
        if (headers.SecWebSocketVersion != Version)
        {
            context.Response.Headers.SecWebSocketVersion = Version;
            return UpgradeRequired(context, $"Sec-WebSocket-Version must be {Version}.");
        }
        string? key = http2 ? null : headers.SecWebSocketKey.ToString();
        if (key is not null && !IsKey(key))
            return new(StatusCodes.Status400BadRequest, "Sec-WebSocket-Key must be 16 bytes in base64.");
        if (!Origin.IsAllowed(context, options))
            return new(StatusCodes.Status403Forbidden, "This origin is not allowed.");
        // What breaks the grammar of the handshake is refused (section 4.2.1); an offer that only cannot be met is passed over.
        if (!HeaderText.TryParseTokens(headers.SecWebSocketProtocol, out var offered))
            return new(StatusCodes.Status400BadRequest, "Sec-WebSocket-Protocol must be a list of tokens.");
        if (!ExtensionOffer.TryParse(headers.SecWebSocketExtensions, out var offers))
            return new(StatusCodes.Status400BadRequest, "Sec-WebSocket-Extensions must be a list of extensions with their parameters (RFC 6455 section 9.1).");
        string? subprotocol = ChooseSubprotocol(offered, options.Subprotocols);
        if (subprotocol is null && options.RequireSubprotocol)
            return new(StatusCodes.Status400BadRequest, $"Sec-WebSocket-Protocol must offer one of: {string.Join(", ", options.Subprotocols)}.");
        int windowBits = 0;
        string? extensions = options.EnableCompression ? PerMessageDeflate.Choose(offers, out windowBits) : null;
        agreed = new(key, subprotocol, extensions, windowBits);
        return null;
    }

    /// <summary>The proof that the server understood the key (section 4.2.2), which has been checked.</summary>
    public static string Accept(string key)
    {
        Span<byte> proof = stackalloc byte[KeyLength + AcceptGuid.Length];
        Encoding.ASCII.GetBytes(key, proof);
        AcceptGuid.CopyTo(proof[KeyLength..]);
        Span<byte> hash = stackalloc byte[SHA1.HashSizeInBytes];
        SHA1.HashData(proof, hash);
        return Convert.ToBase64String(hash);
    }

    /// <summary>
    /// An answer of 426, which names what to upgrade to (RFC 9110 section 15.5.22). It says too what becomes of the connection, as one
    /// that lists options without <c>keep-alive</c> is ended by the server. HTTP/2 knows neither field, and the server would log them.
    /// </summary>
    private static UpgradeRefusal UpgradeRequired(HttpContext context, string reason)
    {
        var (request, headers) = (context.Request, context.Response.Headers);
        bool http11 = HttpProtocol.IsHttp11(request.Protocol);
        if (http11 || HttpProtocol.IsHttp10(request.Protocol))
        {
            headers.Upgrade = WebSocket;
            headers.Connection = http11 && !HeaderText.ListHas(request.Headers.Connection, "close") ? "Upgrade, keep-alive" : "Upgrade, close";
        }
        return new(StatusCodes.Status426UpgradeRequired, reason);
    }

    private static bool IsKey(string key)
    {
        Span<byte> bytes = stackalloc byte[KeyBytes + 2]; // room to see that it is longer
        return key.Length == KeyLength && Convert.TryFromBase64String(key, bytes, out int length) && length == KeyBytes;
    }

    private static string? ChooseSubprotocol(List<string> offered, IList<string> spoken)
    {
        foreach (var subprotocol in spoken)
            if (offered.Contains(subprotocol))
                return subprotocol;
        return null;
    }
}
