namespace Realtime.WebFront.Security;

/// <summary>A key in <see cref="BearerOptions.Keys"/>.</summary>
public sealed class BearerKeyOptions
{
    /// <summary>
    /// The <c>kid</c> of the tokens that it signs; unique. A key without one is tried for tokens whose <c>kid</c> no other key has,
    /// and for those without a <c>kid</c>.
    /// </summary>
    public string? KeyId { get; set; }

    /// <summary>HS256, RS256 or ES256 (RFC 7518 section 3.1). A token that says another is refused.</summary>
    public string? Algorithm { get; set; }

    /// <summary>For HS256: at least 32 random bytes, as base64url without padding (<c>openssl rand 32 | basenc --base64url | tr -d =</c>).</summary>
    public string? Secret { get; set; }

    /// <summary>For RS256 (2048 bits and more) and ES256 (P-256): PEM that starts with <c>-----BEGIN PUBLIC KEY-----</c>.</summary>
    public string? PublicKey { get; set; }
}
