using System.Security.Cryptography;
using Microsoft.IdentityModel.Tokens;
using Realtime.Settings;

namespace Realtime.WebFront.Security;

/// <summary>Makes keys of <see cref="BearerOptions"/>, and says what is wrong with those it cannot make.</summary>
internal static class ConfiguredKeys
{
    public static (IReadOnlyList<SigningKey> Keys, IReadOnlyList<SettingProblem> Problems) Read(BearerOptions options)
    {
        var keys = new List<SigningKey>();
        var problems = new List<SettingProblem>();
        Add(nameof(options.SigningKeys), options.SigningKeys, Secret);
        Add(nameof(options.PublicKeys), options.PublicKeys, Public);
        return (keys, problems);

        void Add(string name, IList<SigningKeyOptions> list, Func<string, SecurityKey> read)
        {
            foreach (var (index, key) in list.Index())
            {
                var setting = $"{name}:{index}";
                if (key.Id is not null && keys.Any(other => other.Id == key.Id))
                    problems.Add(new($"{setting}:Id", $"is '{key.Id}' again; each key needs an id of its own."));
                else
                    try
                    {
                        var made = read(key.Value ?? "");
                        made.KeyId = key.Id;
                        keys.Add(SigningKey.Of(made, string.IsNullOrWhiteSpace(key.Issuer) ? null : key.Issuer));
                    }
                    catch (InvalidKeyException e)
                    {
                        problems.Add(new($"{setting}:Value", $"cannot be used: {e.Message}."));
                    }
            }
        }
    }

    private static SymmetricSecurityKey Secret(string value)
    {
        if (value.Contains("-----BEGIN", StringComparison.Ordinal))
            throw new InvalidKeyException($"it is a PEM text; a public key belongs to {nameof(BearerOptions.PublicKeys)}");
        var bytes = new byte[value.Length];
        return value.Length > 0 && Convert.TryFromBase64String(value, bytes, out var size)
            ? new SymmetricSecurityKey(bytes[..size])
            : throw new InvalidKeyException("it must be base64 with padding, as 'openssl rand -base64 32' writes it (RFC 4648 section 4)");
    }

    /// <summary><c>PUBLIC KEY</c> (RFC 7468 section 13), for RSA also <c>RSA PUBLIC KEY</c>.</summary>
    private static SecurityKey Public(string pem)
    {
        if (!PemEncoding.TryFind(pem, out var fields))
            throw new InvalidKeyException("the public key is not PEM; it must start with '-----BEGIN PUBLIC KEY-----'");
        var label = pem[fields.Label];
        if (label.Contains("PRIVATE", StringComparison.Ordinal))
            throw new InvalidKeyException("the PEM holds a private key; give the public key only, the private one stays with the issuer");
        if (label is not ("PUBLIC KEY" or "RSA PUBLIC KEY"))
            throw new InvalidKeyException("the PEM holds no public key; it must start with '-----BEGIN PUBLIC KEY-----'");
        return Rsa(pem) as SecurityKey ?? Ec(pem) ?? throw new InvalidKeyException("the PEM holds no public key for RS256 or ES256");
    }

    private static RsaSecurityKey? Rsa(string pem)
    {
        try
        {
            using var rsa = RSA.Create();
            rsa.ImportFromPem(pem);
            return new RsaSecurityKey(rsa.ExportParameters(includePrivateParameters: false));
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            return null;
        }
    }

    private static ECDsaSecurityKey? Ec(string pem)
    {
        var ecdsa = ECDsa.Create(); // the key's, as long as it is used
        try
        {
            ecdsa.ImportFromPem(pem);
            return new ECDsaSecurityKey(ecdsa);
        }
        catch (Exception e) when (e is CryptographicException or ArgumentException)
        {
            ecdsa.Dispose();
            return null;
        }
    }
}
