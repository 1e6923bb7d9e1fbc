using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;
using Orleans.Services;

namespace Orleans.Embedded;

/// <summary>The services of a silo's host.</summary>
internal static class SiloServices
{
    public static ISiloBuilder Add(IServiceCollection services, IConfiguration configuration)
    {
        if (services.Find<ISiloBuilder>() is { } builder)
            return builder;
        if (services.Find<IClientBuilder>() is not null)
            throw new OrleansConfigurationException("UseOrleans and UseOrleansClient cannot both be used in one host: a silo's host has a client already.");

        builder = new SiloBuilder(services, configuration);
        services.AddSingleton(builder);
        services.AddOptions();
        services.AddLogging();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<Cluster>();
        services.AddSingleton(new ServiceLifetimes(services));
        services.AddSingleton<Silo>();
        services.AddSingleton<ILocalSiloDetails>(static provider => provider.GetRequiredService<Silo>());
        services.AddSingleton<IGrainFactory>(static provider => provider.GetRequiredService<Silo>().Factory);
        services.AddSingleton<IClusterClient>(static provider => provider.GetRequiredService<Silo>().Factory);
        services.AddSingleton(static provider => provider.GetRequiredService<Silo>().Caller);
        services.AddSingleton<IGrainContextAccessor, CurrentGrainContext>();
        services.AddTransient(static _ => RuntimeContext.Current!);
        services.AddSingleton<SiloLifecycle>();
        services.AddSingleton<ISiloLifecycle>(static provider => provider.GetRequiredService<SiloLifecycle>());
        services.AddSingleton<IHostedService, SiloHostedService>();
        if (configuration["Orleans:Clustering:ProviderType"] is { Length: > 0 } provider && provider is not ("Development" or "Localhost"))
            services.Refuse($"the setting Orleans:Clustering:ProviderType = {provider}");
        return builder;
    }

    /// <summary>The instance that was registered for a service, before there is a provider.</summary>
    public static TService? Find<TService>(this IServiceCollection services) where TService : class =>
        services.FirstOrDefault(service => service.ServiceType == typeof(TService))?.ImplementationInstance as TService;

    private sealed class CurrentGrainContext : IGrainContextAccessor
    {
        public IGrainContext GrainContext => RuntimeContext.Current!;
    }
}

/// <summary>Starts the silo with its host, and stops it with it.</summary>
internal sealed class SiloHostedService(Silo silo, SiloLifecycle lifecycle, IEnumerable<ILifecycleParticipant<ISiloLifecycle>> participants,
    IEnumerable<RefusedConfiguration> refused, IEnumerable<CarryActivities> carry, IEnumerable<IGrainService> grainServices, IOptions<ClusterOptions> cluster, ILogger<Silo> log) : IHostedService
{
    private (string, string) Id => (cluster.Value.ClusterId, cluster.Value.ServiceId);

    public async Task StartAsync(CancellationToken cancellationToken)
    {
        RefusedConfiguration.ThrowIfAny(refused);
        GrainClasses.ThrowIfAnyIsWrong();
        silo.Caller.CarriesActivities = carry.Any();

        // Before the participants: when one of this stage stops, the silo gets no new activations any more.
        lifecycle.Subscribe("Membership", ServiceLifecycleStage.BecomeActive, _ => Task.CompletedTask, _ =>
        {
            silo.Leave();
            return Task.CompletedTask;
        });
        foreach (var participant in participants)
            participant.Participate(lifecycle);
        lifecycle.Subscribe("Grains", ServiceLifecycleStage.RuntimeGrainServices, async _ =>
        {
            silo.Start();
            LocalClusters.Add(Id, silo.Cluster);
            foreach (var service in grainServices.Cast<GrainService>())
            {
                await service.Run(() => service.Init(silo.Services)).ConfigureAwait(false);
                await service.Run(service.Start).ConfigureAwait(false);
            }
        });
        lifecycle.Subscribe("GrainServices", ServiceLifecycleStage.BecomeActive, _ => Task.CompletedTask, async _ =>
        {
            foreach (var service in grainServices.Cast<GrainService>())
                await service.Run(service.Stop).ConfigureAwait(false);
        });
        lifecycle.Subscribe("Deactivation", ServiceLifecycleStage.GrainDeactivation, _ => Task.CompletedTask, silo.StopAsync);
        await lifecycle.OnStart(cancellationToken).ConfigureAwait(false);
        if (log.IsEnabled(LogLevel.Debug))
            log.LogDebug("{Name} of cluster {Cluster} runs on the embedded engine.", silo.Name, silo.ClusterId);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        try
        {
            await lifecycle.OnStop(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            silo.Kill("has stopped");
            if (silo.Cluster.Silos.IsEmpty)
                LocalClusters.Remove(Id, silo.Cluster);
        }
    }
}
