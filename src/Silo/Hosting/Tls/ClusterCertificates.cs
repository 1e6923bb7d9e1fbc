using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Realtime.Silo.Hosting;

/// <summary>
/// The certificates of <see cref="TlsSettings"/>, read again when the files have changed, so that they can be renewed while the process
/// runs; as long as new ones cannot be used, the ones before are.
/// </summary>
internal sealed class ClusterCertificates
{
    private static readonly TimeSpan s_pause = TimeSpan.FromSeconds(10);

    private readonly TlsSettings _settings;
    private readonly TimeProvider _time;
    private readonly Lock _gate = new();
    private Loaded _loaded;
    private string _stamp;
    private long _lookedAt;

    /// <exception cref="StartException">They cannot be used.</exception>
    public ClusterCertificates(TlsSettings settings, TimeProvider time)
    {
        (_settings, _time) = (settings, time);
        try
        {
            _stamp = Stamp();
            _loaded = Load(settings);
        }
        catch (Exception exception) when (IsProblem(exception))
        {
            throw new StartException($"The certificates of Cluster:Tls cannot be used: {exception.Message}");
        }
        _lookedAt = time.GetTimestamp();
    }

    /// <summary>What this process shows.</summary>
    public X509Certificate2 Own => Current().Own;

    /// <summary>Whether another process's certificate is issued by one of the authorities, and is valid now.</summary>
    public bool IsTrusted(X509Certificate2 certificate, X509Chain? sent)
    {
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(Current().Authorities);
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck; // it is a network of its own, and asks nobody
        chain.ChainPolicy.DisableCertificateDownloads = true;
        foreach (var element in sent?.ChainElements ?? Enumerable.Empty<X509ChainElement>())
            chain.ChainPolicy.ExtraStore.Add(element.Certificate); // between it and the authority
        return chain.Build(certificate);
    }

    /// <summary>Says which setting is wrong, and why; null when none is.</summary>
    public static (string Setting, string Says)? Problem(TlsSettings settings)
    {
        try
        {
            if (!LoadOwn(settings).HasPrivateKey)
                return (nameof(TlsSettings.Key), "is missing, and the file of Cluster:Tls:Certificate has no private key; it must be the PEM file of the key.");
        }
        catch (Exception exception) when (IsProblem(exception))
        {
            return (nameof(TlsSettings.Certificate), $"is '{settings.Certificate}', which cannot be used with its key: {exception.Message.TrimEnd('.')}.");
        }
        try
        {
            return LoadAuthorities(settings).Count > 0 ? null : (nameof(TlsSettings.Authorities), $"is '{settings.Authorities}', which has no certificates; it must be a PEM file with some.");
        }
        catch (Exception exception) when (IsProblem(exception))
        {
            return (nameof(TlsSettings.Authorities), $"is '{settings.Authorities}', which cannot be used: {exception.Message.TrimEnd('.')}.");
        }
    }

    private Loaded Current()
    {
        lock (_gate)
        {
            if (_time.GetElapsedTime(_lookedAt) < s_pause)
                return _loaded;
            _lookedAt = _time.GetTimestamp();
            try
            {
                if (Stamp() is var stamp && stamp != _stamp)
                    (_loaded, _stamp) = (Load(_settings), stamp);
            }
            catch (Exception exception) when (IsProblem(exception))
            {
                // Half written, perhaps; it is looked at again.
            }
            return _loaded;
        }
    }

    /// <summary>Changes with the files. By content, as mounted secrets are swapped behind symbolic links.</summary>
    private string Stamp() => string.Join(' ', new[] { _settings.Certificate, _settings.Key, _settings.Authorities }
        .Where(file => !string.IsNullOrEmpty(file)).Select(file => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file!)))));

    private static Loaded Load(TlsSettings settings) => new(LoadOwn(settings), LoadAuthorities(settings));

    private static X509Certificate2 LoadOwn(TlsSettings settings)
    {
        if (Path.GetExtension(settings.Certificate!).ToUpperInvariant() is ".PFX" or ".P12")
            return X509CertificateLoader.LoadPkcs12FromFile(settings.Certificate!, settings.Password);
        var key = string.IsNullOrEmpty(settings.Key) ? null : settings.Key;
        return string.IsNullOrEmpty(settings.Password)
            ? X509Certificate2.CreateFromPemFile(settings.Certificate!, key)
            : X509Certificate2.CreateFromEncryptedPemFile(settings.Certificate!, settings.Password, key);
    }

    private static X509Certificate2Collection LoadAuthorities(TlsSettings settings)
    {
        var authorities = new X509Certificate2Collection();
        authorities.ImportFromPemFile(settings.Authorities!);
        return authorities;
    }

    private static bool IsProblem(Exception exception) => exception is IOException or UnauthorizedAccessException or CryptographicException or ArgumentException;

    private sealed record Loaded(X509Certificate2 Own, X509Certificate2Collection Authorities);
}
