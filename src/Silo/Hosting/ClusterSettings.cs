using System.ComponentModel.DataAnnotations;
using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Npgsql;
using Realtime.Settings;
using Realtime.Silo.Redis;

namespace Realtime.Silo.Hosting;

/// <summary>Which cluster a process belongs to and how it finds it; configuration section <c>Cluster</c>.</summary>
public sealed class ClusterSettings : ISettings
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Cluster";

    /// <summary>
    /// What the process is. <c>single</c>: all in one, which needs nobody; <c>silo</c>: it runs rooms and users; <c>front</c>: it
    /// serves clients and joins the silos; <c>migrate</c>: it makes the tables in the database, or brings them up to date, and ends.
    /// </summary>
    [AllowedValues("single", "silo", "front", "migrate")]
    public string Role { get; set; } = "single";

    /// <summary>How processes find each other: <c>localhost</c> (one machine, for development), <c>postgres</c> or <c>redis</c>.</summary>
    [AllowedValues("localhost", "postgres", "redis")]
    public string Clustering { get; set; } = "localhost";

    /// <summary>Processes with the same id and the same database are one cluster. 1 to 150 characters.</summary>
    [StringLength(150, MinimumLength = 1)]
    public string ClusterId { get; set; } = "realtime";

    /// <summary>Whose stored state this is; stays the same when <see cref="ClusterId"/> changes. 1 to 150 characters.</summary>
    [StringLength(150, MinimumLength = 1)]
    public string ServiceId { get; set; } = "realtime";

    /// <summary>
    /// The database of <c>postgres</c>: <c>Host=db;Database=realtime;Username=realtime;Password=..</c>; the server of
    /// <c>redis</c>: <c>db:6379,user=realtime,password=..</c>
    /// </summary>
    public string? ConnectionString { get; set; }

    /// <summary>Where a silo listens for other silos. 1 to 65535.</summary>
    [Range(1, 65535)]
    public int SiloPort { get; set; } = 11111;

    /// <summary>Where a silo listens for fronts and other clients; with <c>localhost</c>, where a client looks for it. 1 to 65535.</summary>
    [Range(1, 65535)]
    public int GatewayPort { get; set; } = 30000;

    /// <summary>With <c>localhost</c>: the silo port of the first silo, which keeps the list of silos in its memory. 1 to 65535.</summary>
    [Range(1, 65535)]
    public int PrimarySiloPort { get; set; } = 11111;

    /// <summary>
    /// The address or host name by which the others reach this silo. Without it: the machine's first address that is not
    /// loopback. A loopback address makes the silo listen on loopback only.
    /// </summary>
    public string? AdvertisedAddress { get; set; }

    /// <summary>The certificates with which silos and fronts talk to each other; without them anybody who reaches the ports is let in.</summary>
    public TlsSettings Tls { get; set; } = new();

    internal bool IsFront => Role == "front";

    internal bool UsesPostgres => Clustering == "postgres";

    internal bool UsesRedis => Clustering == "redis";

    internal bool UsesLocalhost => Clustering == "localhost";

    /// <summary>Membership compares the times of silos, in steps of 5 s; a clock that is wrong by more is worth a word.</summary>
    internal static readonly TimeSpan AllowedSkew = TimeSpan.FromSeconds(2);

    internal static readonly SettingsSection Settings = new(Section, typeof(ClusterSettings)) { Moved = new Dictionary<string, string> { ["Mode"] = "Cluster:Role" } };

    /// <summary>Reads and checks the section.</summary>
    /// <exception cref="OptionsValidationException">A setting is out of its range; the message names it, its value and what is allowed.</exception>
    public static ClusterSettings Read(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return configuration.ReadSettings<ClusterSettings>(Settings);
    }

    IEnumerable<SettingProblem> ISettings.Problems()
    {
        if (SiloPort == GatewayPort)
            yield return new(nameof(SiloPort), $"and Cluster:GatewayPort are both {SiloPort}; they must differ.");
        if (UsesPostgres && string.IsNullOrWhiteSpace(ConnectionString))
            yield return new(nameof(ConnectionString), "is missing; with Cluster:Clustering = postgres it names the database: Host=..;Database=..;Username=..;Password=..");
        else if (UsesPostgres && !IsConnectionString(ConnectionString!))
            yield return new(nameof(ConnectionString), "is not a PostgreSQL connection string with a host; it must look like Host=..;Database=..;Username=..;Password=..");
        if (UsesRedis && string.IsNullOrWhiteSpace(ConnectionString))
            yield return new(nameof(ConnectionString), "is missing; with Cluster:Clustering = redis it names the server: host:6379,user=..,password=..");
        else if (UsesRedis && !RedisAddress.IsValid(ConnectionString!))
            yield return new(nameof(ConnectionString), "is not a Redis connection string; it must look like host:6379,user=..,password=.. with the addresses first and no comma in the password.");
        if (AdvertisedAddress is not null && Uri.CheckHostName(AdvertisedAddress) == UriHostNameType.Unknown)
            yield return new(nameof(AdvertisedAddress), $"is '{AdvertisedAddress}'; it must be an IP address or a host name.");
        if (Role is "silo" or "front")
        {
            foreach (var problem in Tls.Problems())
                yield return problem;
        }
    }

    internal static bool IsConnectionString(string text)
    {
        try
        {
            return !string.IsNullOrEmpty(new NpgsqlConnectionStringBuilder(text).Host);
        }
        catch (Exception exception) when (exception is ArgumentException or FormatException or OverflowException)
        {
            return false; // and its message is not shown: it can repeat parts of a password
        }
    }

    /// <summary>The address of <see cref="AdvertisedAddress"/>; null when it is not set.</summary>
    /// <exception cref="StartException">The host name has no address.</exception>
    internal IPAddress? ResolveAdvertisedAddress()
    {
        if (AdvertisedAddress is null)
            return null;
        if (IPAddress.TryParse(AdvertisedAddress, out var address))
            return address;
        try
        {
            return Dns.GetHostAddresses(AdvertisedAddress, System.Net.Sockets.AddressFamily.InterNetwork)[0];
        }
        catch (Exception exception) when (exception is System.Net.Sockets.SocketException or IndexOutOfRangeException)
        {
            throw new StartException($"Cluster:AdvertisedAddress is '{AdvertisedAddress}', for which no IPv4 address is found: {exception.Message}");
        }
    }
}
