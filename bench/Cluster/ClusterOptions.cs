using System.Globalization;

namespace Realtime.Cluster;

/// <summary>What a cluster is to be; each with its bounds.</summary>
internal sealed record ClusterOptions
{
    /// <summary>Silos, and fronts, of a cluster on one machine: each takes about 120 MB.</summary>
    private const int MaxProcesses = 16;

    private const int MaxPort = 65_535;

    /// <summary>1 to 16.</summary>
    public int Silos { get; private set; } = 2;

    /// <summary>1 to 16.</summary>
    public int Fronts { get; private set; } = 2;

    /// <summary>Of the first front; the others follow it. 1 to 65535.</summary>
    public int Port { get; private set; } = 5080;

    /// <summary>A database that is there already; null where the cluster starts a server of its own.</summary>
    public string? Postgres { get; private set; }

    /// <summary>Configuration for every process.</summary>
    public string[] Settings { get; private set; } = [];

    /// <summary>Reads the command line.</summary>
    /// <param name="arguments">Without the connection string.</param>
    /// <param name="postgres">The connection string, which is not for command lines; null when there is none.</param>
    /// <exception cref="ArgumentException">An option is unknown, without its value or out of its range.</exception>
    public static ClusterOptions Parse(string[] arguments, string? postgres)
    {
        var options = new ClusterOptions { Postgres = postgres };
        for (var i = 0; i < arguments.Length; i++)
        {
            if (arguments[i] == "--")
            {
                options.Settings = arguments[(i + 1)..];
                break;
            }
            var (name, value) = arguments[i].Split('=', 2) is [var before, var after] ? (before, after) : (arguments[i], null);
            switch (name)
            {
                case "--silos": options.Silos = Number(MaxProcesses); break;
                case "--fronts": options.Fronts = Number(MaxProcesses); break;
                case "--port": options.Port = Number(MaxPort); break;
                default: throw new ArgumentException($"unknown option '{arguments[i]}' of cluster; see ./realtime help cluster");
            }

            int Number(int most)
            {
                value ??= i + 1 < arguments.Length ? arguments[++i] : "";
                return int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number >= 1 && number <= most
                    ? number
                    : throw new ArgumentException($"{name} is '{value}'; it must be a number from 1 to {most}");
            }
        }
        if (options.Port + options.Fronts - 1 > MaxPort)
            throw new ArgumentException($"--port {options.Port} leaves no room for {options.Fronts} fronts below {MaxPort + 1}");
        if (postgres is not null && !postgres.Contains('='))
            throw new ArgumentException("--postgres needs a connection string: Host=..;Database=..;Username=..;Password=..");
        return options;
    }
}
