using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Realtime.WebFront.Tests.Security;

/// <summary>The other side: makes keys and signs tokens, also such as no honest issuer would.</summary>
internal sealed class Issuer
{
    public const string Name = "https://issuer.example";
    public const string Audience = "realtime";

    private readonly Func<byte[], byte[]> _sign;

    private Issuer(string algorithm, string keyId, Dictionary<string, object> jwk, string? secret, string? pem, Func<byte[], byte[]> sign)
    {
        (Algorithm, KeyId, Secret, Pem, _sign) = (algorithm, keyId, secret, pem, sign);
        Jwk = JsonSerializer.Serialize(new Dictionary<string, object>(jwk) { ["kid"] = keyId });
    }

    public string Algorithm { get; }
    public string KeyId { get; }
    public string? Secret { get; }
    public string? Pem { get; }
    public string Jwk { get; }

    public static Issuer Hs256(string keyId = "hs", byte[]? secret = null)
    {
        secret ??= RandomNumberGenerator.GetBytes(32);
        return new("HS256", keyId, new() { ["kty"] = "oct", ["k"] = Encode(secret) }, Convert.ToBase64String(secret), null, bytes => HMACSHA256.HashData(secret, bytes));
    }

    public static Issuer Rs256(string keyId = "rs")
    {
        var rsa = RSA.Create(2048);
        var key = rsa.ExportParameters(false);
        return new("RS256", keyId, new() { ["kty"] = "RSA", ["n"] = Encode(key.Modulus), ["e"] = Encode(key.Exponent) }, null,
            rsa.ExportSubjectPublicKeyInfoPem(), bytes => rsa.SignData(bytes, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1));
    }

    public static Issuer Es256(string keyId = "es")
    {
        var ecdsa = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var key = ecdsa.ExportParameters(false);
        return new("ES256", keyId,
            new() { ["kty"] = "EC", ["crv"] = "P-256", ["x"] = Encode(key.Q.X), ["y"] = Encode(key.Q.Y) }, null,
            ecdsa.ExportSubjectPublicKeyInfoPem(), bytes => ecdsa.SignData(bytes, HashAlgorithmName.SHA256));
    }

    public static Issuer Of(string algorithm) => algorithm switch { "HS256" => Hs256(), "RS256" => Rs256(), _ => Es256() };

    public static string Jwks(params Issuer[] issuers) => $$"""{"keys":[{{string.Join(',', issuers.Select(i => i.Jwk))}}]}""";

    public static string Encode(ReadOnlySpan<byte> bytes) => Base64Url.EncodeToString(bytes);

    public static string Encode(string text) => Encode(Encoding.UTF8.GetBytes(text));

    /// <summary>A good payload for alice that expires in an hour, with changes; a null takes a claim away.</summary>
    public static JsonObject Claims(TimeProvider time, params (string Name, JsonNode? Value)[] changes)
    {
        var now = time.GetUtcNow().ToUnixTimeSeconds();
        var claims = new JsonObject { ["iss"] = Name, ["aud"] = Audience, ["sub"] = "alice", ["iat"] = now, ["exp"] = now + 3600 };
        foreach (var (name, value) in changes)
        {
            claims.Remove(name);
            if (value is not null)
                claims[name] = value;
        }
        return claims;
    }

    public string Token(TimeProvider time, params (string Name, JsonNode? Value)[] changes) => Sign(Claims(time, changes).ToJsonString());

    /// <summary>Signs anything, under any header.</summary>
    public string Sign(string payload, string? header = null) =>
        Sign(Encoding.UTF8.GetBytes(header ?? $$"""{"alg":"{{Algorithm}}","typ":"JWT","kid":"{{KeyId}}"}"""), Encoding.UTF8.GetBytes(payload));

    public string Sign(byte[] header, byte[] payload) => SignParts(Encode(header), Encode(payload));

    public string SignParts(string header, string payload)
    {
        var signed = $"{header}.{payload}";
        return $"{signed}.{Encode(_sign(Encoding.ASCII.GetBytes(signed)))}";
    }
}
