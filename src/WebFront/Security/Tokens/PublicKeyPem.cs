using System.Security.Cryptography;

namespace Realtime.WebFront.Security.Tokens;

/// <summary>Reads a public key from PEM: <c>PUBLIC KEY</c> (RFC 7468 section 13), for RSA also <c>RSA PUBLIC KEY</c>.</summary>
internal static class PublicKeyPem
{
    private const string P256 = "1.2.840.10045.3.1.7";

    /// <exception cref="InvalidKeyException">Not such a PEM, a private key, or another kind of key than the algorithm's.</exception>
    public static SignatureKey Read(string? keyId, string algorithm, string pem)
    {
        if (!PemEncoding.TryFind(pem, out var fields))
            throw new InvalidKeyException("the public key is not PEM; it must start with '-----BEGIN PUBLIC KEY-----'");
        var label = pem[fields.Label];
        if (label.Contains("PRIVATE", StringComparison.Ordinal))
            throw new InvalidKeyException("the PEM holds a private key; give the public key only, the private one stays with the issuer");
        if (label is not ("PUBLIC KEY" or "RSA PUBLIC KEY"))
            throw new InvalidKeyException("the PEM holds no public key; it must start with '-----BEGIN PUBLIC KEY-----'");

        try
        {
            return algorithm == SignatureAlgorithms.Rs256 ? ReadRsa(keyId, pem) : ReadEc(keyId, pem);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            throw new InvalidKeyException($"the PEM holds no public key for {algorithm}");
        }
    }

    private static RsaKey ReadRsa(string? keyId, string pem)
    {
        using var rsa = RSA.Create();
        rsa.ImportFromPem(pem);
        var parameters = rsa.ExportParameters(includePrivateParameters: false);
        return new RsaKey(keyId, parameters.Modulus, parameters.Exponent);
    }

    private static EcdsaKey ReadEc(string? keyId, string pem)
    {
        using var ecdsa = ECDsa.Create();
        ecdsa.ImportFromPem(pem);
        var parameters = ecdsa.ExportParameters(includePrivateParameters: false);
        // Windows names the curve and may leave out its number.
        if (!parameters.Curve.IsNamed || (parameters.Curve.Oid.Value ?? parameters.Curve.Oid.FriendlyName) is not (P256 or "nistP256"))
            throw new InvalidKeyException("the PEM holds an EC key on another curve; ES256 needs P-256 (RFC 7518 section 3.4)");
        return new EcdsaKey(keyId, parameters.Q.X!, parameters.Q.Y!);
    }
}
