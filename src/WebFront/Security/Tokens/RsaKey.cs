using System.Numerics;
using System.Security.Cryptography;

namespace Realtime.WebFront.Security.Tokens;

/// <summary>RS256 (RFC 7518 section 3.3).</summary>
internal sealed class RsaKey : SignatureKey
{
    /// <summary>Bits (RFC 7518 section 3.3).</summary>
    public const int MinSize = 2048;

    /// <summary>Bits: the most that OpenSSL takes.</summary>
    public const int MaxSize = 16384;

    // Bytes: OpenSSL takes no longer exponent with a large modulus, and nobody uses one (65537 is the rule).
    private const int MaxExponentSize = 8;

    private readonly int _signatureSize;
    private readonly InstancePool<RSA> _instances;

    /// <param name="keyId"><c>kid</c>, or null.</param>
    /// <param name="modulus">Big-endian.</param>
    /// <param name="exponent">Big-endian.</param>
    /// <exception cref="InvalidKeyException">Size or exponent out of range.</exception>
    public RsaKey(string? keyId, ReadOnlySpan<byte> modulus, ReadOnlySpan<byte> exponent)
        : base(keyId, SignatureAlgorithms.Rs256)
    {
        modulus = modulus.TrimStart((byte)0);
        exponent = exponent.TrimStart((byte)0);

        var size = modulus.IsEmpty ? 0 : modulus.Length * 8 - BitOperations.LeadingZeroCount((uint)modulus[0]) + 24;
        if (size is < MinSize or > MaxSize)
            throw new InvalidKeyException(
                $"the RSA key has {size} bits; RS256 needs {MinSize} to {MaxSize} (RFC 7518 section 3.3)");
        // With an exponent of 1 everybody can sign; an even one is no RSA key.
        if (exponent.IsEmpty || exponent.Length > MaxExponentSize || (exponent[^1] & 1) == 0 || exponent is [1])
            throw new InvalidKeyException("the RSA exponent must be odd, and from 3 to 2^64 - 1");

        _signatureSize = modulus.Length;
        var parameters = new RSAParameters { Modulus = modulus.ToArray(), Exponent = exponent.ToArray() };
        try
        {
            _instances = new(() => RSA.Create(parameters));
        }
        catch (CryptographicException)
        {
            throw new InvalidKeyException("the RSA key is refused by the cryptography library");
        }
    }

    public override bool Verify(ReadOnlySpan<byte> signedBytes, ReadOnlySpan<byte> signature)
    {
        if (signature.Length != _signatureSize)
            return false;

        var rsa = _instances.Rent();
        try
        {
            return rsa.VerifyData(signedBytes, signature, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1);
        }
        finally
        {
            _instances.Return(rsa);
        }
    }
}
