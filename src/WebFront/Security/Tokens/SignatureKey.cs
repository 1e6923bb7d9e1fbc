namespace Realtime.WebFront.Security.Tokens;

/// <summary>
/// A key that verifies signatures with one algorithm, which belongs to the key and never comes from a token: that rules
/// out <c>none</c> and the use of a public key as an HMAC secret (RFC 8725 sections 2.1 and 3.1). Thread-safe.
/// </summary>
internal abstract class SignatureKey(string? keyId, string algorithm)
{
    /// <summary><c>kid</c> (RFC 7517 section 4.5), or null.</summary>
    public string? KeyId { get; } = keyId;

    /// <summary>One of <see cref="SignatureAlgorithms"/>.</summary>
    public string Algorithm { get; } = algorithm;

    public abstract bool Verify(ReadOnlySpan<byte> signedBytes, ReadOnlySpan<byte> signature);

    /// <summary>For logs: id and algorithm, nothing of the key.</summary>
    public override string ToString() => $"{KeyId ?? "(no id)"} {Algorithm}";
}
