using System.Buffers;
using System.Buffers.Text;
using System.Diagnostics.CodeAnalysis;
using System.Text.Json;

namespace Realtime.WebFront.Security;

/// <summary>
/// The parts of a signed JSON Web Token (RFC 7515 section 7.1), read before anything is verified and as strictly as the RFCs
/// allow. The library is lenient here: it takes padding, a name twice, critical extensions and a type in one spelling only.
/// Failures are fixed words that repeat nothing of the token.
/// </summary>
internal sealed class StrictToken : IDisposable
{
    /// <summary>Characters: what servers and proxies commonly take as one header, and far above any sensible token.</summary>
    public const int MaxLength = 8 * 1024;

    private static readonly SearchValues<char> s_alphabet =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.");

    private readonly JsonDocument _payload;

    private StrictToken(string algorithm, string? keyId, JsonDocument payload) => (Algorithm, KeyId, _payload) = (algorithm, keyId, payload);

    public string Algorithm { get; }

    public string? KeyId { get; }

    public JsonElement Claims => _payload.RootElement;

    public static bool TryRead(string token, [NotNullWhen(true)] out StrictToken? strict, [NotNullWhen(false)] out string? failure)
    {
        strict = null;
        if (token.Length > MaxLength)
            failure = $"The token is longer than {MaxLength} characters.";
        else if (token.Split('.') is not [var header, var payload, var signature])
            failure = "The token is not a signed JWT: it must have three parts with dots between them.";
        else if (token.AsSpan().ContainsAnyExcept(s_alphabet) || !Base64Url.IsValid(header) || !Base64Url.IsValid(payload) || !Base64Url.IsValid(signature))
            failure = "A part of the token is not base64url without padding.";
        else if (TryReadHeader(Base64Url.DecodeFromChars(header), out var algorithm, out var keyId, out failure))
        {
            var document = StrictJson.ParseObject(Base64Url.DecodeFromChars(payload));
            failure = document is null ? "The token's payload is not a JSON object with each name once." : null;
            strict = document is null ? null : new StrictToken(algorithm, keyId, document);
        }
        return strict is not null;
    }

    public void Dispose() => _payload.Dispose();

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
            !header.TryGetOptionalString("alg", out algorithm) || !SigningKey.IsKnown(algorithm)
                ? $"The token's algorithm (alg) must be {SigningKey.Algorithms}."
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
    /// Absent, <c>JWT</c> (RFC 7519 section 5.1) or <c>at+jwt</c> (RFC 9068 section 2.1), in any case. Any other type names a token
    /// that was made for another purpose, such as a logout or a security event (RFC 8725 section 3.11).
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
