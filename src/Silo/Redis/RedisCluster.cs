using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Orleans.Clustering.Redis;
using Orleans.Hosting;
using Realtime.Silo.Hosting;
using StackExchange.Redis;

namespace Realtime.Silo.Redis;

/// <summary>Clusters whose list of silos and state of grains are in Redis.</summary>
internal static class RedisCluster
{
    public static ISiloBuilder UseRedis(this ISiloBuilder silo, ClusterSettings settings)
    {
        silo.Services.AddConnection(settings);
        silo.AddStartupTask(
            (services, cancellation) => services.GetRequiredService<DatabaseWait>().Until(
                token => services.GetRequiredService<RedisConnection>().Get().WaitAsync(token),
                exception => RedisUnavailableException.Find(exception)?.Message,
                cancellation),
            ServiceLifecycleStage.First + 1);
        silo.UseRedisClustering(_ => { });
        return silo.AddRedisGrainStorageAsDefault(storage => storage.Configure<RedisConnection>((options, connection) =>
        {
            options.ConfigurationOptions = ConfigurationOptions.Parse(settings.ConnectionString!);
            options.CreateMultiplexer = async _ => (await connection.Get(), IsShared: true);
        }));
    }

    public static IClientBuilder UseRedis(this IClientBuilder client, ClusterSettings settings)
    {
        client.Services.AddConnection(settings);
        return client.UseRedisClustering(_ => { });
    }

    private static void AddConnection(this IServiceCollection services, ClusterSettings settings)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(provider => ActivatorUtilities.CreateInstance<RedisConnection>(provider, settings));
        services.AddOptions<RedisClusteringOptions>().Configure<RedisConnection>((options, connection) =>
        {
            options.ConfigurationOptions = ConfigurationOptions.Parse(settings.ConnectionString!);
            options.CreateMultiplexer = async _ => (await connection.Get(), IsShared: true);
        });
    }
}
