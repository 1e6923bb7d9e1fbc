using Realtime.Settings;

namespace Realtime.Silo.Hosting;

/// <summary>With which certificates silos and fronts prove who they are, to each other; configuration section <c>Cluster:Tls</c>.</summary>
public sealed class TlsSettings
{
    /// <summary>
    /// The process's own certificate, for server and client authentication: a PEM file, or PKCS #12 (<c>.pfx</c>, <c>.p12</c>). Without
    /// it nothing is encrypted, and whoever reaches the ports is let in.
    /// </summary>
    public string? Certificate { get; set; }

    /// <summary>The PEM file of its private key, when <see cref="Certificate"/> has none.</summary>
    public string? Key { get; set; }

    /// <summary>The password of the key, or of the PKCS #12 file.</summary>
    public string? Password { get; set; }

    /// <summary>The certificates of the authorities, as PEM: the others need one that is issued by one of these, and no others are let in.</summary>
    public string? Authorities { get; set; }

    internal bool IsUsed => !string.IsNullOrEmpty(Certificate);

    internal IEnumerable<SettingProblem> Problems()
    {
        if (!IsUsed)
        {
            foreach (var (name, value) in new[] { (nameof(Key), Key), (nameof(Authorities), Authorities), (nameof(Password), Password) })
            {
                if (!string.IsNullOrEmpty(value))
                    yield return new($"Tls:{name}", "is set, and Cluster:Tls:Certificate is not; it must be the file of this process's certificate.");
            }
            yield break;
        }
        if (string.IsNullOrEmpty(Authorities))
            yield return new($"Tls:{nameof(Authorities)}", "is missing; it must be a PEM file with the certificates of the authorities that issue those of silos and fronts.");
        else if (ClusterCertificates.Problem(this) is var (setting, says))
            yield return new($"Tls:{setting}", says);
    }
}
