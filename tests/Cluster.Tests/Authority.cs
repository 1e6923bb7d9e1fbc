using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Realtime.Cluster.Tests;

/// <summary>A certificate authority in a folder of its own, with the certificates that it has issued.</summary>
internal sealed class Authority : IDisposable
{
    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("realtime-authority-");
    private readonly ECDsa _key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
    private readonly X509Certificate2 _certificate;

    public Authority()
    {
        var request = new CertificateRequest("CN=authority of a test", _key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign, critical: true));
        _certificate = request.CreateSelfSigned(DateTimeOffset.UtcNow.AddHours(-1), DateTimeOffset.UtcNow.AddHours(1));
        File.WriteAllText(FileOf("authority.pem"), _certificate.ExportCertificatePem());
    }

    /// <summary>The settings of a process with a new certificate of this authority, which trusts this authority or another.</summary>
    public string[] Settings(Authority? trusts = null, bool asPfx = false)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=a process", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension([new("1.3.6.1.5.5.7.3.1"), new("1.3.6.1.5.5.7.3.2")], critical: false));
        using var issued = request.Create(_certificate, DateTimeOffset.UtcNow.AddMinutes(-10), DateTimeOffset.UtcNow.AddMinutes(50), RandomNumberGenerator.GetBytes(8));
        var name = Guid.NewGuid().ToString("N");
        string[] authorities = [$"--Cluster:Tls:Authorities={(trusts ?? this).FileOf("authority.pem")}"];
        if (asPfx)
        {
            using var both = issued.CopyWithPrivateKey(key);
            File.WriteAllBytes(FileOf($"{name}.pfx"), both.Export(X509ContentType.Pkcs12, "geheim"));
            return [$"--Cluster:Tls:Certificate={FileOf($"{name}.pfx")}", "--Cluster:Tls:Password=geheim", .. authorities];
        }
        File.WriteAllText(FileOf($"{name}.pem"), issued.ExportCertificatePem());
        File.WriteAllText(FileOf($"{name}.key"), key.ExportPkcs8PrivateKeyPem());
        return [$"--Cluster:Tls:Certificate={FileOf($"{name}.pem")}", $"--Cluster:Tls:Key={FileOf($"{name}.key")}", .. authorities];
    }

    public string FileOf(string name) => Path.Combine(_folder.FullName, name);

    public void Dispose()
    {
        _certificate.Dispose();
        _key.Dispose();
        _folder.Delete(recursive: true);
    }
}
