using System.Text;
using Microsoft.AspNetCore.Http.Features;

namespace Realtime.WebFront.Http;

/// <summary>
/// The path and query of a request as the client sent them, each part decoded once (RFC 3986 section 2.1). The server's own
/// <see cref="HttpRequest.Path"/> will not do for names: it resolves <c>%2E%2E</c> as <c>..</c>, keeps <c>%2F</c> beside a decoded
/// <c>%252F</c>, and leaves what is not UTF-8 as it came.
/// </summary>
internal static class RequestTarget
{
    private static readonly UTF8Encoding s_strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>The segments of the path, from the root on.</summary>
    /// <exception cref="ApiException">One is empty, is <c>.</c> or <c>..</c>, or does not decode.</exception>
    public static string[] Path(HttpContext context)
    {
        var path = Split(Raw(context)).Path;
        if (path is "" or "/")
            return [];
        var segments = path[1..].Split('/');
        for (var i = 0; i < segments.Length; i++)
        {
            segments[i] = Decode(segments[i], plusIsSpace: false)
                ?? throw Invalid($"Segment {i + 1} of the path does not decode: it must be UTF-8, and '%' be followed by two hexadecimal digits.");
            if (segments[i] is "" or "." or "..")
                throw Invalid($"Segment {i + 1} of the path is '{segments[i]}', which names nothing; write '/' in a name as %2F.");
        }
        return segments;
    }

    /// <summary>
    /// The one value of a query parameter, null when it is not there. <c>+</c> is a space, as browsers write it (URLSearchParams).
    /// </summary>
    /// <exception cref="ApiException">It is there more than once, or does not decode.</exception>
    public static string? Query(HttpContext context, string name)
    {
        string? found = null;
        foreach (var pair in Split(Raw(context)).Query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            var equals = pair.IndexOf('=');
            if (Decode(equals < 0 ? pair : pair[..equals], plusIsSpace: true) != name)
                continue;
            if (found is not null)
                throw new ApiException(Problems.BadRequest, $"'{name}' is in the address more than once; give it once.");
            found = Decode(equals < 0 ? "" : pair[(equals + 1)..], plusIsSpace: true)
                ?? throw new ApiException(Problems.BadRequest,
                    $"'{name}' in the address does not decode: it must be UTF-8, and '%' be followed by two hexadecimal digits.");
        }
        return found;
    }

    private static ApiException Invalid(string detail) => new(Problems.NameInvalid, detail);

    // A server without raw targets, as in tests in memory, has decoded the path already.
    private static string Raw(HttpContext context) =>
        context.Features.Get<IHttpRequestFeature>() is { RawTarget: { Length: > 0 } target }
            ? target
            : context.Request.PathBase.ToUriComponent() + context.Request.Path.ToUriComponent() + context.Request.QueryString;

    private static (string Path, string Query) Split(string target)
    {
        var mark = target.IndexOf('?');
        var (path, query) = mark < 0 ? (target, "") : (target[..mark], target[(mark + 1)..]);
        if (path.StartsWith('/'))
            return (path, query);
        // The absolute form, for proxies (RFC 9112 section 3.2.2): http://host/path
        var authority = path.IndexOf("://", StringComparison.Ordinal);
        var slash = authority < 0 ? -1 : path.IndexOf('/', authority + 3);
        return (slash < 0 ? "" : path[slash..], query);
    }

    private static string? Decode(string text, bool plusIsSpace)
    {
        if (!text.Contains('%') && !text.Contains('+'))
            return text.AsSpan().ContainsAnyExceptInRange('\0', '\x7f') ? null : text; // a target is ASCII
        var bytes = new byte[text.Length];
        var length = 0;
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] > '\x7f')
                return null;
            if (text[i] != '%')
                bytes[length++] = text[i] == '+' && plusIsSpace ? (byte)' ' : (byte)text[i];
            else if (i + 2 < text.Length && char.IsAsciiHexDigit(text[i + 1]) && char.IsAsciiHexDigit(text[i + 2]))
            {
                bytes[length++] = (byte)((Convert.ToInt32(text[i + 1].ToString(), 16) << 4) | Convert.ToInt32(text[i + 2].ToString(), 16));
                i += 2;
            }
            else
                return null;
        }
        try
        {
            return s_strict.GetString(bytes, 0, length);
        }
        catch (DecoderFallbackException)
        {
            return null;
        }
    }
}
