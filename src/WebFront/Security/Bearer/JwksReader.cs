using System.Text.Json;
using Microsoft.IdentityModel.Tokens;

namespace Realtime.WebFront.Security;

/// <summary>
/// Reads a JSON Web Key Set (RFC 7517 section 5). A key that cannot verify our tokens is left out with a note, as the RFC
/// asks (another type, curve, use or algorithm; a member missing or out of range); a set of keys of which none is usable is an error.
/// One that is empty says that no key counts any more.
/// </summary>
internal static class JwksReader
{
    /// <summary>Keys in a set: issuers publish a handful, and a token without <c>kid</c> may be tried against each.</summary>
    public const int MaxKeys = 100;

    /// <exception cref="InvalidKeyException">Not a key set, too many keys, or none of its keys is usable.</exception>
    public static (IReadOnlyList<SigningKey> Keys, IReadOnlyList<string> Notes) Read(ReadOnlyMemory<byte> utf8)
    {
        using var document = StrictJson.ParseObject(utf8)
            ?? throw new InvalidKeyException("it is not a JSON object with each name once");
        if (!document.RootElement.TryGetProperty("keys", out var list) || list.ValueKind != JsonValueKind.Array)
            throw new InvalidKeyException("it is no JSON Web Key Set: the array 'keys' is missing (RFC 7517 section 5)");
        if (list.GetArrayLength() > MaxKeys)
            throw new InvalidKeyException($"it has {list.GetArrayLength()} keys; at most {MaxKeys} are taken");

        var keys = new List<SigningKey>();
        var notes = new List<string>();
        foreach (var (index, item) in list.EnumerateArray().Index())
        {
            try
            {
                var jwk = Parse(item);
                keys.Add(ReadKey(jwk, item.TryGetProperty("key_ops", out _)));
                if (jwk.HasPrivateKey && jwk.Kty != JsonWebAlgorithmsKeyTypes.Octet)
                    notes.Add($"key {index} comes with its private part, which a front neither needs nor should have");
            }
            catch (InvalidKeyException e)
            {
                notes.Add($"key {index} is left out: {e.Message}");
            }
        }

        return keys.Count > 0 || list.GetArrayLength() == 0
            ? (keys, notes)
            : throw new InvalidKeyException(string.Join("; ", notes.Prepend("it has no key that can be used")));
    }

    private static JsonWebKey Parse(JsonElement item)
    {
        if (item.ValueKind != JsonValueKind.Object)
            throw new InvalidKeyException("it is not an object");
        try
        {
            return new JsonWebKey(item.GetRawText());
        }
        // The library throws what its reader meets; the texts may repeat values.
        catch (Exception)
        {
            throw new InvalidKeyException("a member is of another type than RFC 7517 and RFC 7518 give it");
        }
    }

    private static SigningKey ReadKey(JsonWebKey jwk, bool hasOperations)
    {
        var algorithm = (jwk.Kty, jwk.Crv) switch
        {
            ("oct", _) => SecurityAlgorithms.HmacSha256,
            ("RSA", _) => SecurityAlgorithms.RsaSha256,
            ("EC", "P-256") => SecurityAlgorithms.EcdsaSha256,
            ("EC", _) => throw new InvalidKeyException("its curve (crv) must be P-256"),
            _ => throw new InvalidKeyException("its type (kty) must be oct, RSA or EC"),
        };
        if ((jwk.Alg ?? algorithm) != algorithm)
            throw new InvalidKeyException($"its algorithm (alg) must be {algorithm}, or absent");
        if ((jwk.Use ?? "sig") != "sig")
            throw new InvalidKeyException("its use must be sig, or absent");
        if (hasOperations && !jwk.KeyOps.Contains("verify"))
            throw new InvalidKeyException("its key_ops must have verify, or be absent");

        // What verifies, and no more: a certificate beside it (x5c) could hold another key.
        var plain = new JsonWebKey { Kty = jwk.Kty, Crv = jwk.Crv, Kid = jwk.Kid, K = jwk.K, N = jwk.N, E = jwk.E, X = jwk.X, Y = jwk.Y };
        return JsonWebKeyConverter.TryConvertToSecurityKey(plain, out var key)
            ? SigningKey.Of(key)
            : throw new InvalidKeyException($"its members are missing, or are no {(jwk.Kty == "EC" ? "point on P-256" : "key")} as base64url without padding");
    }
}
