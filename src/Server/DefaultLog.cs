using Realtime.Silo.Hosting;
using Realtime.Silo.Logs;

namespace Realtime.Server;

/// <summary>
/// Where a single process keeps its rooms outside Development, unless <c>Log:Provider</c> says: in a file of SQLite, so that an
/// acknowledged message outlasts the process.
/// </summary>
internal static class DefaultLog
{
    // systemd's, for a service with StateDirectory=; the image sets it too. Several are parted by colons.
    private const string StateDirectory = "STATE_DIRECTORY";

    public static void Add(WebApplicationBuilder builder, string? role)
    {
        var log = builder.Configuration.GetSection(LogSettings.Section);
        var cluster = builder.Configuration.GetSection(ClusterSettings.Section);
        if (role is not (null or "" or "single") || builder.Environment.IsDevelopment()
            || !string.IsNullOrEmpty(log[nameof(LogSettings.Provider)]) || !string.IsNullOrEmpty(cluster[nameof(ClusterSettings.Clustering)]))
            return;
        builder.Configuration[$"{LogSettings.Section}:{nameof(LogSettings.Provider)}"] = "sqlite";
        if (string.IsNullOrWhiteSpace(log[nameof(LogSettings.ConnectionString)]))
            builder.Configuration[$"{LogSettings.Section}:{nameof(LogSettings.ConnectionString)}"] = $"Data Source=\"{Path.Combine(Folder(builder.Environment), "realtime.db")}\"";
    }

    private static string Folder(IHostEnvironment environment) =>
        Environment.GetEnvironmentVariable(StateDirectory)?.Split(':')[0] is { Length: > 0 } state
            ? state
            : Path.Combine(environment.ContentRootPath, "data");
}
