using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Orleans.Hosting;
using Realtime.Silo.Hosting;
using Realtime.Silo.Postgres;
using Realtime.Silo.Webhooks;

namespace Realtime.Silo.Logs;

/// <summary>Gives a silo the logs that its settings name.</summary>
internal static class LogExtensions
{
    public static void AddRoomLogs(this ISiloBuilder silo, LogSettings settings)
    {
        silo.Services.AddSingleton(settings);
        if (settings.UsesSqlite)
            silo.AddSqlite(settings);
        else if (settings.UsesPostgres)
            silo.AddPostgres(settings);
        else
            silo.Services.TryAddSingleton<IRoomLogs, MemoryLogs>();
    }

    private static void AddPostgres(this ISiloBuilder silo, LogSettings settings)
    {
        silo.Services.TryAddSingleton<SiloState>();
        silo.Services.TryAddSingleton<DatabaseWait>();
        silo.Services.AddSingleton<PostgresDatabase>();
        silo.Services.AddSingleton<ILogDatabase>(services => services.GetRequiredService<PostgresDatabase>());
        silo.Services.AddSingleton<LogOutage>();
        silo.Services.AddSingleton<PostgresLogs>();
        silo.Services.AddSingleton<IRoomLogs>(services => services.GetRequiredService<PostgresLogs>());
        silo.Services.AddSingleton<IWebhookCursors, PostgresCursors>();
        silo.Services.AddSingleton<LogTrimmer, PostgresTrimmer>();
        silo.Services.AddHostedService(services => services.GetRequiredService<LogTrimmer>());
        // Before there are rooms. After a cluster has done the same with its database, this finds nothing to do.
        silo.AddStartupTask(async (services, cancellation) =>
        {
            await ActivatorUtilities.CreateInstance<Schema>(services, settings.ConnectionString!).Wait(cancellation);
        }, ServiceLifecycleStage.First + 2);
        silo.Services.AddSingleton<OutboxReader>();
        silo.Services.AddHostedService(services => services.GetRequiredService<OutboxReader>());
        silo.AddStartupTask((services, _) =>
        {
            services.GetRequiredService<OutboxReader>().Begin();
            return Task.CompletedTask;
        }, ServiceLifecycleStage.Active);
    }

    private static void AddSqlite(this ISiloBuilder silo, LogSettings settings)
    {
        silo.Services.AddSingleton<SqliteFile>();
        silo.Services.AddSingleton<SqliteDatabase>();
        silo.Services.AddSingleton<ILogDatabase>(services => services.GetRequiredService<SqliteDatabase>());
        silo.Services.AddSingleton<LogOutage>();
        silo.Services.AddSingleton<SqliteLogs>();
        silo.Services.AddSingleton<IRoomLogs>(services => services.GetRequiredService<SqliteLogs>());
        silo.Services.AddSingleton<IWebhookCursors, SqliteCursors>();
        silo.Services.AddSingleton<LogTrimmer, SqliteTrimmer>();
        silo.Services.AddHostedService(services => services.GetRequiredService<LogTrimmer>());
        silo.AddStartupTask((services, _) =>
        {
            services.GetRequiredService<SqliteFile>().Open();
            return Task.CompletedTask;
        }, ServiceLifecycleStage.First + 2);
    }
}
