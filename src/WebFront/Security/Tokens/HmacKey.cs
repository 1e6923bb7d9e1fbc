using System.Security.Cryptography;

namespace Realtime.WebFront.Security.Tokens;

/// <summary>HS256 (RFC 7518 section 3.2).</summary>
internal sealed class HmacKey : SignatureKey
{
    /// <summary>Bytes: as long as the hash (RFC 7518 section 3.2).</summary>
    public const int MinSecretSize = 32;

    private readonly byte[] _secret;

    /// <exception cref="InvalidKeyException">The secret is too short, or is a PEM text.</exception>
    public HmacKey(string? keyId, byte[] secret) : base(keyId, SignatureAlgorithms.Hs256)
    {
        if (secret.Length < MinSecretSize)
            throw new InvalidKeyException(
                $"the secret has {secret.Length} bytes; HS256 needs at least {MinSecretSize} (RFC 7518 section 3.2)");
        // A public key is public: whoever has it could sign with it.
        if (secret.AsSpan().IndexOf("-----BEGIN "u8) >= 0)
            throw new InvalidKeyException("the secret is a PEM text; a key pair belongs to RS256 or ES256");
        _secret = secret;
    }

    public override bool Verify(ReadOnlySpan<byte> signedBytes, ReadOnlySpan<byte> signature)
    {
        Span<byte> expected = stackalloc byte[HMACSHA256.HashSizeInBytes];
        HMACSHA256.HashData(_secret, signedBytes, expected);
        return CryptographicOperations.FixedTimeEquals(expected, signature);
    }
}
