using System.Text.Json;

namespace Realtime.WebFront.Security.Tokens;

/// <summary>
/// Reads a JSON Web Key Set (RFC 7517 section 5). A key that cannot verify our tokens is left out with a note, as the RFC
/// asks (another type, curve, use or algorithm; a member missing or out of range); a set without any usable key is an error.
/// </summary>
internal static class JwksReader
{
    /// <summary>Keys in a set: issuers publish a handful, and a token without <c>kid</c> may be tried against each.</summary>
    public const int MaxKeys = 100;

    /// <exception cref="InvalidKeyException">Not a key set, too many keys, or no usable key.</exception>
    public static (IReadOnlyList<SignatureKey> Keys, IReadOnlyList<string> Notes) Read(ReadOnlyMemory<byte> utf8)
    {
        using var document = StrictJson.ParseObject(utf8)
            ?? throw new InvalidKeyException("it is not a JSON object with each name once");
        if (!document.RootElement.TryGetProperty("keys", out var list) || list.ValueKind != JsonValueKind.Array)
            throw new InvalidKeyException("it is no JSON Web Key Set: the array 'keys' is missing (RFC 7517 section 5)");
        if (list.GetArrayLength() > MaxKeys)
            throw new InvalidKeyException($"it has {list.GetArrayLength()} keys; at most {MaxKeys} are taken");

        var keys = new List<SignatureKey>();
        var notes = new List<string>();
        foreach (var (index, item) in list.EnumerateArray().Index())
        {
            try
            {
                keys.Add(ReadKey(item));
                if (item.TryGetProperty("d", out _))
                    notes.Add($"key {index} comes with its private part, which a front neither needs nor should have");
            }
            catch (InvalidKeyException e)
            {
                notes.Add($"key {index} is left out: {e.Message}");
            }
        }

        return keys.Count > 0
            ? (keys, notes)
            : throw new InvalidKeyException(string.Join("; ", notes.Prepend("it has no key that can be used")));
    }

    private static SignatureKey ReadKey(JsonElement jwk)
    {
        if (jwk.ValueKind != JsonValueKind.Object)
            throw new InvalidKeyException("it is not an object");

        var algorithm = (Text(jwk, "kty"), Text(jwk, "crv")) switch
        {
            ("oct", _) => SignatureAlgorithms.Hs256,
            ("RSA", _) => SignatureAlgorithms.Rs256,
            ("EC", "P-256") => SignatureAlgorithms.Es256,
            ("EC", _) => throw new InvalidKeyException("its curve (crv) must be P-256"),
            _ => throw new InvalidKeyException("its type (kty) must be oct, RSA or EC"),
        };
        if ((Text(jwk, "alg") ?? algorithm) != algorithm)
            throw new InvalidKeyException($"its algorithm (alg) must be {algorithm}, or absent");
        if ((Text(jwk, "use") ?? "sig") != "sig")
            throw new InvalidKeyException("its use must be sig, or absent");
        if (!MayVerify(jwk))
            throw new InvalidKeyException("its key_ops must have verify, or be absent");

        var keyId = Text(jwk, "kid");
        return algorithm switch
        {
            SignatureAlgorithms.Hs256 => new HmacKey(keyId, Bytes(jwk, "k")),
            SignatureAlgorithms.Rs256 => new RsaKey(keyId, Bytes(jwk, "n"), Bytes(jwk, "e")),
            _ => new EcdsaKey(keyId, Bytes(jwk, "x"), Bytes(jwk, "y")),
        };
    }

    /// <summary>RFC 7517 section 4.3.</summary>
    private static bool MayVerify(JsonElement jwk) =>
        !jwk.TryGetProperty("key_ops", out var operations)
        || (operations.ValueKind == JsonValueKind.Array
            && operations.EnumerateArray().Any(o => o.TryGetString(out var name) && name == "verify"));

    private static string? Text(JsonElement jwk, string name) =>
        jwk.TryGetOptionalString(name, out var text) ? text : throw new InvalidKeyException($"'{name}' must be a string");

    private static byte[] Bytes(JsonElement jwk, string name) =>
        Text(jwk, name) is { } text && StrictBase64Url.TryDecode(text, out var bytes)
            ? bytes
            : throw new InvalidKeyException($"'{name}' must be base64url without padding");
}
