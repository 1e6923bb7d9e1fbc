using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Realtime.WebFront.Security.Tokens;

/// <summary>
/// Verifies a JSON Web Signature in its compact form, <c>header.payload.signature</c> (RFC 7515 section 5.2). Whatever the
/// text is, the outcome is a payload or a failure in fixed words that repeat nothing of the token.
/// </summary>
internal static class JsonWebSignature
{
    /// <summary>Characters: what servers and proxies commonly take as one header, and far above any sensible token.</summary>
    public const int MaxLength = 8 * 1024;

    public static bool TryVerify(
        string token, KeySet keys, [NotNullWhen(true)] out byte[]? payload, [NotNullWhen(false)] out string? failure)
    {
        payload = null;
        if (token.Length > MaxLength)
        {
            failure = $"The token is longer than {MaxLength} characters.";
            return false;
        }

        var headerEnd = token.IndexOf('.');
        var payloadEnd = token.LastIndexOf('.');
        if (headerEnd < 0 || headerEnd == payloadEnd || token.AsSpan(headerEnd + 1, payloadEnd - headerEnd - 1).Contains('.'))
        {
            failure = "The token is not a signed JWT: it must have three parts with dots between them.";
            return false;
        }

        if (!StrictBase64Url.TryDecode(token.AsSpan(0, headerEnd), out var header)
            || !StrictBase64Url.TryDecode(token.AsSpan(headerEnd + 1, payloadEnd - headerEnd - 1), out var content)
            || !StrictBase64Url.TryDecode(token.AsSpan(payloadEnd + 1), out var signature))
        {
            failure = "A part of the token is not base64url without padding.";
            return false;
        }

        if (!TryReadHeader(header, out var algorithm, out var keyId, out failure))
            return false;

        var candidates = keys.Find(keyId);
        if (candidates.Count == 0)
        {
            failure = keys.Keys.Count == 0 ? "This server has no keys to verify tokens with." : "The token's key id is unknown.";
            return false;
        }
        candidates = [.. candidates.Where(k => k.Algorithm == algorithm)];
        if (candidates.Count == 0)
        {
            failure = "The token's algorithm is not the one of its key.";
            return false;
        }

        // The decoder above has accepted both parts, so this is ASCII.
        var signedBytes = Encoding.ASCII.GetBytes(token, 0, payloadEnd);
        if (!candidates.Any(k => k.Verify(signedBytes, signature)))
        {
            failure = "The token's signature is wrong.";
            return false;
        }

        payload = content;
        failure = null;
        return true;
    }

    private static bool TryReadHeader(
        byte[] utf8, [NotNullWhen(true)] out string? algorithm, out string? keyId, [NotNullWhen(false)] out string? failure)
    {
        algorithm = null;
        keyId = null;
        using var document = StrictJson.ParseObject(utf8);
        if (document is null)
        {
            failure = "The token's header is not a JSON object with each name once.";
            return false;
        }

        // Keys that a header carries or points to (jwk, jku, x5c, x5u) are never looked at.
        var header = document.RootElement;
        failure =
            !header.TryGetOptionalString("alg", out algorithm) || !SignatureAlgorithms.IsKnown(algorithm)
                ? $"The token's algorithm (alg) must be {SignatureAlgorithms.All}."
            : !header.TryGetOptionalString("kid", out keyId)
                ? "The token's key id (kid) must be a string."
            : header.TryGetProperty("crit", out _)
                ? "The token's header has critical extensions (crit); none is known here."
            : !header.TryGetOptionalString("typ", out var type) || !IsAccessTokenType(type)
                ? "The token's type (typ) must be JWT or at+jwt."
            : null;
        return failure is null;
    }

    /// <summary>
    /// Absent, <c>JWT</c> (RFC 7519 section 5.1) or <c>at+jwt</c> (RFC 9068 section 2.1). Any other type names a token that
    /// was made for another purpose, such as a logout or a security event (RFC 8725 section 3.11).
    /// </summary>
    private static bool IsAccessTokenType(string? type)
    {
        if (type is null)
            return true;

        const string prefix = "application/";
        var name = type.StartsWith(prefix, StringComparison.OrdinalIgnoreCase) ? type.AsSpan(prefix.Length) : type;
        return name.Equals("JWT", StringComparison.OrdinalIgnoreCase) || name.Equals("at+jwt", StringComparison.OrdinalIgnoreCase);
    }
}
