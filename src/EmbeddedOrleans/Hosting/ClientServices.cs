using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Hosting;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>The services of a client's host.</summary>
internal static class ClientServices
{
    public static IClientBuilder Add(IServiceCollection services, IConfiguration configuration)
    {
        if (services.Find<IClientBuilder>() is { } builder)
            return builder;
        if (services.Find<ISiloBuilder>() is not null)
            throw new OrleansConfigurationException("UseOrleans and UseOrleansClient cannot both be used in one host: a silo's host has a client already.");

        builder = new ClientBuilder(services, configuration);
        services.AddSingleton(builder);
        services.AddOptions();
        services.AddLogging();
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(static provider => new GrainCaller(provider.GetService<Cluster>()));
        services.AddSingleton(static provider => new GrainFactory(provider.GetRequiredService<GrainCaller>(), provider));
        services.AddSingleton<IGrainFactory>(static provider => provider.GetRequiredService<GrainFactory>());
        services.AddSingleton<IClusterClient>(static provider => provider.GetRequiredService<GrainFactory>());
        services.AddSingleton<IHostedService, ClientHostedService>();
        if (configuration["Orleans:Clustering:ProviderType"] is { Length: > 0 } provider && provider is not ("Development" or "Localhost"))
            services.Refuse($"the setting Orleans:Clustering:ProviderType = {provider}");
        return builder;
    }
}

/// <summary>Registered when AddActivityPropagation was called.</summary>
internal sealed class CarryActivities;

/// <summary>Finds the cluster when the host starts.</summary>
internal sealed class ClientHostedService(GrainCaller caller, IEnumerable<RefusedConfiguration> refused, IEnumerable<CarryActivities> carry,
    IOptions<ClusterOptions> options, IOptions<ClientMessagingOptions> messaging) : IHostedService
{
    public Task StartAsync(CancellationToken cancellationToken)
    {
        RefusedConfiguration.ThrowIfAny(refused);
        var (cluster, service) = (options.Value.ClusterId, options.Value.ServiceId);
        if (!caller.HasCluster)
        {
            caller.Cluster = LocalClusters.Find((cluster, service)) ?? throw new OrleansConfigurationException(
                $"No silo of cluster \"{cluster}\", service \"{service}\" runs in this process, and on the embedded engine a client finds no other: "
                + "start the silo in this process first, or use the orleans engine (`./realtime use orleans`), which joins processes.");
        }

        caller.CarriesActivities = carry.Any();
        caller.SetResponseTimeout(messaging.Value.ResponseTimeout);
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        caller.Close(new ObjectDisposedException(nameof(IClusterClient), "The cluster client has stopped."));
        return Task.CompletedTask;
    }
}

/// <summary>The clusters that run in this process, by cluster and service id.</summary>
internal static class LocalClusters
{
    private static readonly List<((string Cluster, string Service) Id, Cluster Cluster)> s_clusters = [];

    public static void Add((string, string) id, Cluster cluster)
    {
        lock (s_clusters)
        {
            // A host that was thrown away without a stop has left its cluster here.
            s_clusters.RemoveAll(entry => entry.Cluster.Silos.IsEmpty);
            if (!s_clusters.Contains((id, cluster)))
                s_clusters.Add((id, cluster));
        }
    }

    public static void Remove((string, string) id, Cluster cluster)
    {
        lock (s_clusters)
            s_clusters.Remove((id, cluster));
    }

    /// <summary>The one that started last.</summary>
    public static Cluster? Find((string, string) id)
    {
        lock (s_clusters)
            return s_clusters.LastOrDefault(entry => entry.Id == id && !entry.Cluster.Silos.IsEmpty).Cluster;
    }
}
