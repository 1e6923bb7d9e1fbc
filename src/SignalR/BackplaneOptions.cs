using System.ComponentModel.DataAnnotations;
using Realtime.Settings;

namespace Realtime.SignalR;

/// <summary>How a server's hubs use the backplane; configuration section <c>Backplane</c>.</summary>
public sealed class BackplaneOptions
{
    internal static readonly SettingsSection Settings = new("Backplane", typeof(BackplaneOptions), typeof(BackplaneSiloOptions));

    /// <summary>
    /// What begins the names of hubs in the cluster: applications that share a cluster, and have hubs of one name, are kept apart by it.
    /// Up to 100 characters.
    /// </summary>
    [StringLength(100)]
    public string Prefix { get; set; } = "";

    /// <summary>
    /// How long a call to the cluster is repeated while a silo dies, and how long a server waits for the answers of others. Then the hub's
    /// call fails with a <see cref="TimeoutException"/>. 1 s to 5 min.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>The most bytes of one message in all hub protocols together; a larger one is refused. 1 KiB to 16 MiB.</summary>
    [Range(1 << 10, 16 << 20)]
    public int MaxMessageBytes { get; set; } = 4 << 20;

    /// <summary>The most bytes of a hub that wait to be sent to the cluster; what comes beyond is refused. 64 KiB to 1 GiB.</summary>
    [Range(64 << 10, 1 << 30)]
    public int MaxPendingBytes { get; set; } = 64 << 20;

    /// <summary>
    /// A connection that does not read, and for which more bytes than these wait, is closed: it does not hold up the others. 64 KiB to 1 GiB.
    /// </summary>
    [Range(64 << 10, 1 << 30)]
    public int MaxConnectionBytes { get; set; } = 4 << 20;
}

/// <summary>How a silo serves the backplane; configuration section <c>Backplane</c> too.</summary>
public sealed class BackplaneSiloOptions
{
    /// <summary>
    /// A server that has not renewed its lease for so long gets nothing any more; servers renew twice a second. The same on all silos.
    /// 3 s to 5 min.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:03", "00:05:00")]
    public TimeSpan ServerLease { get; set; } = TimeSpan.FromSeconds(6);

    /// <summary>
    /// The most bytes that wait in this process for one server's hub. Beyond it senders wait for a second, then messages for that server are
    /// dropped until it has taken some. 64 KiB to 1 GiB.
    /// </summary>
    [Range(64 << 10, 1 << 30)]
    public int MaxServerBytes { get; set; } = 64 << 20;
}
