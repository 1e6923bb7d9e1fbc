using Realtime.WebFront.Security.Tokens;

namespace Realtime.WebFront.Security;

/// <summary>Makes keys of <see cref="BearerOptions.Keys"/>, and says what is wrong with those it cannot make.</summary>
internal static class ConfiguredKeys
{
    public static (IReadOnlyList<SignatureKey> Keys, IReadOnlyList<string> Errors) Read(IList<BearerKeyOptions> options)
    {
        var keys = new List<SignatureKey>();
        var errors = new List<string>();
        foreach (var (index, key) in options.Index())
        {
            var setting = $"{BearerOptions.Section}:Keys:{index}";
            if (key.KeyId is not null && keys.Any(k => k.KeyId == key.KeyId))
                errors.Add($"{setting}:KeyId is '{key.KeyId}' again; each key needs an id of its own.");
            else if (!SignatureAlgorithms.IsKnown(key.Algorithm))
                errors.Add($"{setting}:Algorithm is '{key.Algorithm}'; it must be {SignatureAlgorithms.All}.");
            else
                try
                {
                    keys.Add(key.Algorithm == SignatureAlgorithms.Hs256 ? Secret(key) : Public(key));
                }
                catch (InvalidKeyException e)
                {
                    errors.Add($"{setting} cannot be used: {e.Message}.");
                }
        }
        return (keys, errors);
    }

    private static HmacKey Secret(BearerKeyOptions key)
    {
        if (string.IsNullOrEmpty(key.Secret) || !string.IsNullOrEmpty(key.PublicKey))
            throw new InvalidKeyException("HS256 needs Secret, and no PublicKey");
        return StrictBase64Url.TryDecode(key.Secret, out var secret)
            ? new HmacKey(key.KeyId, secret)
            : throw new InvalidKeyException("Secret must be base64url without padding ('-' and '_', not '+', '/' and '='; RFC 4648 section 5)");
    }

    private static SignatureKey Public(BearerKeyOptions key)
    {
        if (string.IsNullOrEmpty(key.PublicKey) || !string.IsNullOrEmpty(key.Secret))
            throw new InvalidKeyException($"{key.Algorithm} needs PublicKey, and no Secret");
        return PublicKeyPem.Read(key.KeyId, key.Algorithm!, key.PublicKey);
    }
}
