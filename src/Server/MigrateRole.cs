using Realtime.Silo.Hosting;
using Realtime.Silo.Logs;
using Realtime.Silo.Postgres;

namespace Realtime.Server;

/// <summary>
/// The role <c>migrate</c>: brings the schema of the databases up to date and ends, so that silos can have a user who makes no tables.
/// </summary>
internal static class MigrateRole
{
    public static WebApplication Build(WebApplicationBuilder builder)
    {
        var (cluster, log) = (ClusterSettings.Read(builder.Configuration), LogSettings.Read(builder.Configuration));
        var databases = new[] { cluster.UsesPostgres ? cluster.ConnectionString : null, log.UsesPostgres ? log.ConnectionString : null }.OfType<string>().Distinct().ToArray();
        if (databases.Length == 0)
            throw new StartException("There is nothing to migrate: neither Cluster:Clustering nor Log:Provider is postgres.");
        builder.WebHost.UseUrls("http://127.0.0.1:0"); // nobody asks it
        builder.Services.AddSingleton(TimeProvider.System).AddSingleton<SiloState>().AddSingleton<DatabaseWait>();
        builder.Services.AddHostedService(services => ActivatorUtilities.CreateInstance<Migration>(services, (object)databases));
        return builder.Build();
    }

    private sealed class Migration(string[] databases, IServiceProvider services, IHostApplicationLifetime lifetime) : BackgroundService
    {
        protected override async Task ExecuteAsync(CancellationToken stoppingToken)
        {
            var done = false;
            try
            {
                foreach (var database in databases)
                    await ActivatorUtilities.CreateInstance<Schema>(services, database).Wait(stoppingToken);
                done = true;
            }
            finally
            {
                if (!done)
                    Environment.ExitCode = 1;
                lifetime.StopApplication();
            }
        }
    }
}
