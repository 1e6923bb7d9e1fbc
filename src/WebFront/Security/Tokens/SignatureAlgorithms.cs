namespace Realtime.WebFront.Security.Tokens;

/// <summary>The algorithms that a key can have (RFC 7518 section 3.1): the required one and the two recommended ones.</summary>
internal static class SignatureAlgorithms
{
    /// <summary>HMAC with SHA-256.</summary>
    public const string Hs256 = "HS256";

    /// <summary>RSASSA-PKCS1-v1_5 with SHA-256.</summary>
    public const string Rs256 = "RS256";

    /// <summary>ECDSA on P-256 with SHA-256.</summary>
    public const string Es256 = "ES256";

    /// <summary>For messages.</summary>
    public const string All = "HS256, RS256 or ES256";

    public static bool IsKnown(string? name) => name is Hs256 or Rs256 or Es256;
}
