using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Realtime.Settings;
using Realtime.Silo.Hosting;

namespace Realtime.Silo.Logs;

/// <summary>Where rooms keep their messages; configuration section <c>Log</c>.</summary>
public sealed class LogSettings : ISettings
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Log";

    internal const string Memory = "memory";
    internal const string Postgres = "postgres";
    internal const string Sqlite = "sqlite";

    /// <summary>
    /// <c>memory</c>: lost when a silo is killed, and with the last silo. <c>sqlite</c>: kept in a file of one process.
    /// <c>postgres</c>: kept. Without it: <c>postgres</c> in a cluster whose silos find each other there, otherwise <c>memory</c>.
    /// </summary>
    [AllowedValues(null, "", Memory, Sqlite, Postgres)]
    public string? Provider { get; set; }

    /// <summary>The database of <c>postgres</c>; without it, that of the cluster. The file of <c>sqlite</c>: <c>Data Source=..</c>.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>
    /// A room that was unused for so long is deleted: when it is used again it begins a new epoch. 1 hour to 10 years.
    /// </summary>
    [Range(typeof(TimeSpan), "01:00:00", "3650.00:00:00")]
    public TimeSpan RoomAge { get; set; } = TimeSpan.FromDays(30);

    internal bool UsesPostgres => Provider == Postgres;

    internal bool UsesSqlite => Provider == Sqlite;

    /// <summary>Whose rooms they are in the database: <see cref="ClusterSettings.ServiceId"/>.</summary>
    internal string Service { get; private set; } = "";

    internal static readonly SettingsSection Settings = new(Section, typeof(LogSettings)) { Complete = (configuration, settings) => ((LogSettings)settings).Complete(configuration) };

    /// <summary>Whether the cluster's section says which database it is, or says that it is missing there.</summary>
    private bool _isOfCluster;

    private bool _isOfSilo;

    /// <summary>Reads and checks the section; what is not set comes from the cluster's section.</summary>
    /// <exception cref="OptionsValidationException">A setting is out of its range; the message names it, its value and what is allowed.</exception>
    public static LogSettings Read(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var service = ClusterSettings.Read(configuration).ServiceId; // and the section that is the base of this one is right
        var settings = configuration.ReadSettings<LogSettings>(Settings);
        settings.Service = service;
        return settings;
    }

    private void Complete(IConfiguration configuration)
    {
        var cluster = configuration.GetSection(ClusterSettings.Section);
        var isInDatabase = cluster[nameof(ClusterSettings.Clustering)] == Postgres;
        if (string.IsNullOrEmpty(Provider))
            Provider = isInDatabase ? Postgres : Memory;
        _isOfSilo = cluster[nameof(ClusterSettings.Role)] == "silo";
        _isOfCluster = UsesPostgres && isInDatabase && string.IsNullOrWhiteSpace(ConnectionString);
        if (_isOfCluster)
            ConnectionString = cluster[nameof(ClusterSettings.ConnectionString)];
    }

    IEnumerable<SettingProblem> ISettings.Problems()
    {
        if (UsesSqlite)
        {
            if (_isOfSilo)
                yield return new(nameof(Provider), "is 'sqlite', which is for a single process (Cluster:Role = single); the silos of a cluster share a log in postgres");
            else if (string.IsNullOrWhiteSpace(ConnectionString))
                yield return new(nameof(ConnectionString), "is missing; with Log:Provider = sqlite it names the file: Data Source=data/realtime.db");
            else if (SqliteFile.PathOf(ConnectionString) is null)
                yield return new(nameof(ConnectionString), "does not name a file of SQLite; it must be Data Source=.. with a path, and nothing else");
        }
        if (!UsesPostgres || _isOfCluster)
            yield break;
        if (string.IsNullOrWhiteSpace(ConnectionString))
            yield return new(nameof(ConnectionString), "is missing; with Log:Provider = postgres it names the database: Host=..;Database=..;Username=..;Password=..");
        else if (!ClusterSettings.IsConnectionString(ConnectionString!))
            yield return new(nameof(ConnectionString), "is not a PostgreSQL connection string with a host; it must look like Host=..;Database=..;Username=..;Password=..");
    }
}
