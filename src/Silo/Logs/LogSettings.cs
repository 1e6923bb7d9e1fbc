using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Npgsql;
using Realtime.Silo.Hosting;

namespace Realtime.Silo.Logs;

/// <summary>Where rooms keep their messages; configuration section <c>Log</c>.</summary>
public sealed class LogSettings
{
    /// <summary>The name of the configuration section.</summary>
    public const string Section = "Log";

    internal const string Memory = "memory";
    internal const string Postgres = "postgres";

    /// <summary>
    /// <c>memory</c>: lost when a silo is killed, and with the last silo. <c>postgres</c>: kept. Without it: <c>postgres</c> in a
    /// cluster whose silos find each other there, otherwise <c>memory</c>.
    /// </summary>
    public string? Provider { get; set; }

    /// <summary>The database of <c>postgres</c>; without it, that of the cluster.</summary>
    public string? ConnectionString { get; set; }

    /// <summary>
    /// A room that nobody has used for so long is forgotten: when it is used again it begins a new epoch. 1 hour to 10 years.
    /// </summary>
    public TimeSpan RoomAge { get; set; } = TimeSpan.FromDays(30);

    internal bool UsesPostgres => Provider == Postgres;

    /// <summary>Whose rooms they are in the database: <see cref="ClusterSettings.ServiceId"/>.</summary>
    internal string Service { get; private set; } = "";

    /// <summary>Reads and checks the section; what is not set comes from the cluster's section.</summary>
    /// <exception cref="OptionsValidationException">A setting is out of its range; the message names it, its value and what is allowed.</exception>
    public static LogSettings Read(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var section = configuration.GetSection(Section);
        string[] unknown = [.. section.GetChildren().Select(child => child.Key)
            .Where(key => !s_names.Contains(key, StringComparer.OrdinalIgnoreCase))
            .Select(key => $"Log:{key} is no setting; there are {string.Join(", ", s_names)}.")];
        if (unknown.Length > 0)
            throw Invalid(unknown);
        LogSettings settings;
        try
        {
            settings = section.Get<LogSettings>() ?? new();
        }
        catch (InvalidOperationException exception)
        {
            // The binder's message names the setting and its value; only the age can fail here, so it shows no secret.
            throw Invalid([exception.Message]);
        }
        var cluster = ClusterSettings.Read(configuration);
        settings.Service = cluster.ServiceId;
        if (string.IsNullOrEmpty(settings.Provider))
            settings.Provider = cluster.UsesPostgres ? Postgres : Memory;
        if (string.IsNullOrWhiteSpace(settings.ConnectionString) && cluster.UsesPostgres)
            settings.ConnectionString = cluster.ConnectionString;
        string[] problems = [.. settings.Problems()];
        return problems.Length == 0 ? settings : throw Invalid(problems);
    }

    private static readonly string[] s_names = [nameof(Provider), nameof(ConnectionString), nameof(RoomAge)];

    private static OptionsValidationException Invalid(string[] problems) => new(Section, typeof(LogSettings), problems);

    private IEnumerable<string> Problems()
    {
        if (Provider is not (Memory or Postgres))
            yield return $"Log:Provider is '{Provider}'; it must be {Memory} or {Postgres}.";
        if (UsesPostgres && string.IsNullOrWhiteSpace(ConnectionString))
            yield return "Log:ConnectionString is missing; with Log:Provider = postgres it names the database: Host=..;Database=..;Username=..;Password=..";
        else if (UsesPostgres && !ClusterSettings.IsConnectionString(ConnectionString!))
            yield return "Log:ConnectionString is not a PostgreSQL connection string with a host; it must look like Host=..;Database=..;Username=..;Password=..";
        var (least, most) = (TimeSpan.FromHours(1), TimeSpan.FromDays(3650));
        if (RoomAge < least || RoomAge > most)
            yield return $"Log:RoomAge is {RoomAge}; it must be from {least} to {most}.";
    }
}
