using System.Security.Cryptography;

namespace Realtime.WebFront.Security.Tokens;

/// <summary>ES256 (RFC 7518 section 3.4).</summary>
internal sealed class EcdsaKey : SignatureKey
{
    /// <summary>Bytes of a coordinate, with leading zeros (RFC 7518 section 6.2.1.2).</summary>
    public const int CoordinateSize = 32;

    // Bytes: R and S side by side, not DER (RFC 7518 section 3.4).
    private const int SignatureSize = 64;

    private readonly InstancePool<ECDsa> _instances;

    /// <exception cref="InvalidKeyException">A coordinate of another size, or a point that is not on the curve.</exception>
    public EcdsaKey(string? keyId, byte[] x, byte[] y) : base(keyId, SignatureAlgorithms.Es256)
    {
        if (x.Length != CoordinateSize || y.Length != CoordinateSize)
            throw new InvalidKeyException(
                $"the EC coordinates have {x.Length} and {y.Length} bytes; P-256 has {CoordinateSize} each (RFC 7518 section 6.2.1.2)");

        var parameters = new ECParameters { Curve = ECCurve.NamedCurves.nistP256, Q = new ECPoint { X = x, Y = y } };
        try
        {
            _instances = new(() => ECDsa.Create(parameters));
        }
        catch (CryptographicException)
        {
            throw new InvalidKeyException("the EC point is not on the curve P-256");
        }
    }

    public override bool Verify(ReadOnlySpan<byte> signedBytes, ReadOnlySpan<byte> signature)
    {
        if (signature.Length != SignatureSize)
            return false;

        var ecdsa = _instances.Rent();
        try
        {
            return ecdsa.VerifyData(
                signedBytes, signature, HashAlgorithmName.SHA256, DSASignatureFormat.IeeeP1363FixedFieldConcatenation);
        }
        finally
        {
            _instances.Return(ecdsa);
        }
    }
}
