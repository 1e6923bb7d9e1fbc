using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Hosting;
using Realtime.Settings;

namespace Realtime.SignalR;

/// <summary>Adds the backplane to hubs, silos and clients.</summary>
public static class BackplaneExtensions
{
    /// <summary>
    /// Connects the hubs of all servers of a cluster, whose process is a silo or a client of it: groups, users, connections and client results are
    /// then those of all servers. The silo or client needs <c>AddRealtimeBackplane()</c> too.
    /// </summary>
    /// <exception cref="OptionsValidationException">At start, when a setting is out of its range.</exception>
    public static ISignalRServerBuilder AddRealtimeBackplane(this ISignalRServerBuilder signalR, Action<BackplaneOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(signalR);
        signalR.Services.AddSettings<BackplaneOptions>(BackplaneOptions.Settings).Configure(options => configure?.Invoke(options));
        signalR.Services.TryAddSingleton<BackplaneService>();
        signalR.Services.AddHostedService(services => services.GetRequiredService<BackplaneService>());
        signalR.Services.AddSingleton(typeof(HubLifetimeManager<>), typeof(RealtimeHubLifetimeManager<>));
        return signalR;
    }

    /// <summary>Adds what hubs need in a silo. Every silo whose process has this package calls it, as their topics may be on each.</summary>
    /// <exception cref="OptionsValidationException">At start, when a setting is out of its range.</exception>
    public static ISiloBuilder AddRealtimeBackplane(this ISiloBuilder silo, Action<BackplaneSiloOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(silo);
        silo.Services.AddSettings<BackplaneSiloOptions>(BackplaneOptions.Settings).Configure(options => configure?.Invoke(options));
        silo.AddPushStreams(HubStreams.Provider, SetSize);
        silo.Services.AddOptions<PushStreamOptions>(HubStreams.Provider)
            .Configure<IOptions<BackplaneSiloOptions>>((streams, options) => streams.MaxPendingBytes = options.Value.MaxServerBytes);
        return silo;
    }

    /// <summary>Adds what hubs need in a client of the cluster, where their process is no silo.</summary>
    public static IClientBuilder AddRealtimeBackplane(this IClientBuilder client)
    {
        ArgumentNullException.ThrowIfNull(client);
        return client.AddPushStreams(HubStreams.Provider, SetSize);
    }

    private static void SetSize(PushStreamOptions streams) => streams.SizeOf = static (HubEvent item) => item.Size;
}

/// <summary>The backplanes of a process: one for each hub that is used.</summary>
internal sealed class BackplaneService(IServiceProvider services) : IHostedLifecycleService
{
    // A silo that is gone already, as in the same process, must not hold up the stop.
    private static readonly TimeSpan s_stopTimeout = TimeSpan.FromSeconds(3);

    private readonly ConcurrentDictionary<Type, Backplane> _backplanes = new();

    public Backplane Of<THub>(HubSerializer serializer)
        where THub : Hub => _backplanes.GetOrAdd(typeof(THub), hub => new Backplane(hub, serializer, services));

    public Task StartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartedAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StartingAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    /// <summary>Before anything else of the process stops, silo and client included: the cluster is told that this server goes.</summary>
    public async Task StoppingAsync(CancellationToken cancellationToken) =>
        await Task.WhenAll(_backplanes.Values.Select(backplane => backplane.Stop()))
            .WaitAsync(s_stopTimeout, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public Task StoppedAsync(CancellationToken cancellationToken) => Task.CompletedTask;
}
