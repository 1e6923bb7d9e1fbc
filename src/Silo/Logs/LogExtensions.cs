using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Hosting;
using Realtime.Silo.Hosting;
using Realtime.Silo.Postgres;

namespace Realtime.Silo.Logs;

/// <summary>Gives a silo the logs that its settings name.</summary>
internal static class LogExtensions
{
    public static void AddRoomLogs(this ISiloBuilder silo, LogSettings settings)
    {
        if (!settings.UsesPostgres)
        {
            silo.Services.TryAddSingleton<IRoomLogs, MemoryLogs>();
            return;
        }
        silo.Services.AddSingleton(settings);
        silo.Services.TryAddSingleton<SiloState>();
        silo.Services.TryAddSingleton<DatabaseWait>();
        silo.Services.AddSingleton(services => ActivatorUtilities.CreateInstance<LogOutage>(services, settings.ConnectionString!));
        silo.Services.AddSingleton<PostgresLogs>();
        silo.Services.AddSingleton<IRoomLogs>(services => services.GetRequiredService<PostgresLogs>());
        silo.Services.AddSingleton<LogTrimmer>();
        silo.Services.AddHostedService(services => services.GetRequiredService<LogTrimmer>());
        // Before there are rooms. After a cluster has done the same with its database, this finds nothing to do.
        silo.AddStartupTask(async (services, cancellation) =>
        {
            await ActivatorUtilities.CreateInstance<Schema>(services, settings.ConnectionString!).Wait(cancellation);
        }, ServiceLifecycleStage.First + 2);
    }
}
