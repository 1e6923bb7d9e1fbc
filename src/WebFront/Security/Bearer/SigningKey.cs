using System.Buffers.Text;
using System.Numerics;
using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;

namespace Realtime.WebFront.Security;

/// <summary>
/// A key that verifies signatures with one algorithm, which belongs to the key and never comes from a token: that rules
/// out <c>none</c> and the use of a public key as an HMAC secret (RFC 8725 sections 2.1 and 3.1).
/// </summary>
/// <param name="Key">The key.</param>
/// <param name="Algorithm">HS256, RS256 or ES256 (RFC 7518 section 3.1).</param>
/// <param name="Issuer">Whose tokens it verifies; null: everybody's.</param>
internal sealed record SigningKey(SecurityKey Key, string Algorithm, string? Issuer)
{
    /// <summary>For messages.</summary>
    public const string Algorithms = "HS256, RS256 or ES256";

    private const int MinSecretSize = 32; // bytes: as long as the hash (RFC 7518 section 3.2)
    private const int MinRsaSize = 2048; // bits (RFC 7518 section 3.3)
    private const int MaxRsaSize = 16384; // bits: the most that OpenSSL takes
    private const int MaxExponentSize = 8; // bytes: OpenSSL takes no longer one with a large modulus; 65537 is the rule
    private const string P256 = "1.2.840.10045.3.1.7";

    /// <summary>Names the key by its material (RFC 7638): the same for the same key, however it came here.</summary>
    public string Thumbprint { get; } = ThumbprintOf(Key);

    /// <summary><c>kid</c> (RFC 7517 section 4.5), or null.</summary>
    public string? Id => string.IsNullOrEmpty(Key.KeyId) ? null : Key.KeyId;

    public static string ThumbprintOf(SecurityKey key) => Base64Url.EncodeToString(key.ComputeJwkThumbprint());

    public static bool IsKnown(string? algorithm) =>
        algorithm is SecurityAlgorithms.HmacSha256 or SecurityAlgorithms.RsaSha256 or SecurityAlgorithms.EcdsaSha256;

    /// <exception cref="InvalidKeyException">The key is too small, or of another kind.</exception>
    public static SigningKey Of(SecurityKey key, string? issuer = null) => new(key, key switch
    {
        SymmetricSecurityKey secret => Check(secret),
        RsaSecurityKey rsa => Check(rsa),
        ECDsaSecurityKey ec => Check(ec),
        _ => throw new InvalidKeyException("its type must be a secret, RSA or EC"),
    }, issuer);

    /// <summary>For logs: id and algorithm, nothing of the key.</summary>
    public override string ToString() => $"{Id ?? "(no id)"} {Algorithm}";

    private static string Check(SymmetricSecurityKey key)
    {
        if (key.Key.Length < MinSecretSize)
            throw new InvalidKeyException(
                $"the secret has {key.Key.Length} bytes; HS256 needs at least {MinSecretSize} (RFC 7518 section 3.2)");
        // A public key is public: whoever has it could sign with it.
        if (key.Key.AsSpan().IndexOf("-----BEGIN "u8) >= 0)
            throw new InvalidKeyException("the secret is a PEM text; a key pair belongs to RS256 or ES256");
        return SecurityAlgorithms.HmacSha256;
    }

    private static string Check(RsaSecurityKey key)
    {
        var size = key.Parameters.Modulus is { } modulus ? new BigInteger(modulus, isUnsigned: true, isBigEndian: true).GetBitLength() : 0;
        if (size is < MinRsaSize or > MaxRsaSize)
            throw new InvalidKeyException(
                $"the RSA key has {size} bits; RS256 needs {MinRsaSize} to {MaxRsaSize} (RFC 7518 section 3.3)");
        // With an exponent of 1 everybody can sign; an even one is no RSA key.
        var exponent = key.Parameters.Exponent.AsSpan().TrimStart((byte)0);
        if (exponent.IsEmpty || exponent.Length > MaxExponentSize || (exponent[^1] & 1) == 0 || exponent is [1])
            throw new InvalidKeyException("the RSA exponent must be odd, and from 3 to 2^64 - 1");
        return SecurityAlgorithms.RsaSha256;
    }

    private static string Check(ECDsaSecurityKey key)
    {
        // Windows names the curve and may leave out its number.
        var curve = key.ECDsa.ExportParameters(includePrivateParameters: false).Curve;
        return curve.IsNamed && (curve.Oid.Value ?? curve.Oid.FriendlyName) is P256 or "nistP256"
            ? SecurityAlgorithms.EcdsaSha256
            : throw new InvalidKeyException("the EC key is on another curve; ES256 needs P-256 (RFC 7518 section 3.4)");
    }
}
