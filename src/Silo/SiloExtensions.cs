using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Hosting;
using Realtime.PushStreams;
using Realtime.Settings;
using Realtime.Silo.Fronts;
using Realtime.Silo.Hooks;
using Realtime.Silo.Hosting;
using Realtime.Silo.Logs;
using Realtime.Silo.Revocations;
using Realtime.Silo.Rooms;
using Realtime.Silo.Users;
using Realtime.Silo.Webhooks;

namespace Realtime.Silo;

/// <summary>Puts the grains into a silo, and what they need into its clients.</summary>
public static class SiloExtensions
{
    /// <summary>
    /// Adds what rooms and users need: their options (sections <c>Rooms</c> and <c>Inbox</c>), how long hooks may take (section <c>Hooks</c>), who is told by HTTP (section <c>Webhooks</c>), their log (section <c>Log</c>), and the streams to the
    /// fronts (section <c>Streams</c>; its <c>Provider</c> is <c>push</c>, the default, or <c>memory</c>).
    /// </summary>
    /// <exception cref="OptionsValidationException">There is no such provider of streams, or the log is set wrongly; or, at start, a setting is out of its range.</exception>
    public static ISiloBuilder AddRealtime(this ISiloBuilder silo, Action<RoomOptions>? configure = null)
    {
        silo.Services.AddSettings<RoomOptions>(RoomOptions.Settings).Configure(options => configure?.Invoke(options));
        silo.Services.AddSettings<InboxOptions>(InboxOptions.Settings);
        silo.Services.AddSettings<HookOptions>(HookOptions.Settings);
        silo.Services.AddSettings<WebhookOptions>(WebhookOptions.Settings);
        silo.Services.AddSettings<LeaseOptions>(LeaseOptions.Settings);
        silo.Services.AddSettings<RevocationOptions>(RevocationOptions.Settings);
        // A line for each grain that is placed. First of all rules, so that the configuration's own rule for it counts.
        silo.Services.PostConfigure<LoggerFilterOptions>(options => options.Rules.Insert(0, new LoggerFilterRule(null, "Polly", LogLevel.Warning, null)));
        silo.Configure<GrainCollectionOptions>(IdleDeactivation.Configure);
        silo.Services.TryAddSingleton(TimeProvider.System);
        silo.Services.TryAddSingleton<FrontPublisher>();
        silo.Services.TryAddSingleton<RoomRegistry>();
        silo.Services.TryAddSingleton<HistoryBudget>();
        silo.Services.TryAddSingleton<StateBudget>();
        silo.Services.TryAddSingleton<HookRunner>();
        silo.Services.TryAddSingleton<WebhookCatchUp>();
        silo.Services.AddHostedService(provider => provider.GetRequiredService<WebhookCatchUp>());
        silo.Services.TryAddSingleton<WebhookService>();
        silo.AddStartupTask((services, _) =>
        {
            services.GetRequiredService<WebhookService>().Begin();
            return Task.CompletedTask;
        }, ServiceLifecycleStage.Active);
        silo.Services.TryAddSingleton<SiloLease>();
        silo.Services.AddHostedService(provider => provider.GetRequiredService<SiloLease>());
        silo.AddRoomLogs(LogSettings.Read(silo.Configuration));
        switch (StreamSettings.ProviderOf(silo.Configuration))
        {
            case StreamSettings.Push:
                silo.AddPushStreams(FrontStreams.Provider, static streams => streams.SizeOf = static (FrontEvent item) => item.Size);
                silo.Services.BindPushStreams();
                break;
            case StreamSettings.Memory:
                silo.AddMemoryStreams(FrontStreams.Provider);
                silo.AddMemoryGrainStorage("PubSubStore"); // where memory streams keep who listens
                break;
        }
        return silo;
    }

    /// <summary>
    /// Adds to a cluster client what a front needs of it: the streams from the silos. Their settings (section
    /// <c>Streams</c>) must be those of the silos.
    /// </summary>
    /// <exception cref="OptionsValidationException">At start, when a setting is out of its range.</exception>
    public static IClientBuilder AddRealtimeClient(this IClientBuilder client)
    {
        switch (StreamSettings.ProviderOf(client.Configuration))
        {
            case StreamSettings.Push:
                client.AddPushStreams(FrontStreams.Provider);
                client.Services.BindPushStreams();
                break;
            case StreamSettings.Memory:
                client.AddMemoryStreams(FrontStreams.Provider);
                break;
        }
        return client;
    }

    private static void BindPushStreams(this IServiceCollection services) =>
        services.AddSettings<PushStreamOptions>(StreamSettings.Settings, FrontStreams.Provider);
}
