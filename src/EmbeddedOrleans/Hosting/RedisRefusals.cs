using Microsoft.Extensions.Options;
using Orleans.Clustering.Redis;
using Orleans.Hosting;
using Orleans.Persistence;
using Orleans.Providers;
using StackExchange.Redis;

namespace Orleans.Clustering.Redis
{
    /// <summary>Where a Redis server is that keeps the list of silos.</summary>
    public class RedisClusteringOptions
    {
        public ConfigurationOptions? ConfigurationOptions { get; set; }

        public Func<RedisClusteringOptions, Task<(IConnectionMultiplexer Multiplexer, bool IsShared)>>? CreateMultiplexer { get; set; }
    }
}

namespace Orleans.Persistence
{
    /// <summary>Where a Redis server is that keeps the state of grains.</summary>
    public class RedisStorageOptions
    {
        public ConfigurationOptions? ConfigurationOptions { get; set; }

        public Func<RedisStorageOptions, Task<(IConnectionMultiplexer Multiplexer, bool IsShared)>>? CreateMultiplexer { get; set; }

        public bool DeleteStateOnClear { get; set; }

        public int InitStage { get; set; } = ServiceLifecycleStage.ApplicationServices;
    }
}

namespace Microsoft.Extensions.Hosting
{
    /// <inheritdoc cref="AdoNetHostingExtensions"/>
    public static class RedisClusteringExtensions
    {
        public static ISiloBuilder UseRedisClustering(this ISiloBuilder builder, string redisConnectionString) => AdoNetHostingExtensions.Refuse(builder, nameof(UseRedisClustering));

        public static ISiloBuilder UseRedisClustering(this ISiloBuilder builder, Action<RedisClusteringOptions> configuration) => AdoNetHostingExtensions.Refuse(builder, nameof(UseRedisClustering));

        public static IClientBuilder UseRedisClustering(this IClientBuilder builder, string redisConnectionString) => AdoNetHostingExtensions.Refuse(builder, nameof(UseRedisClustering));

        public static IClientBuilder UseRedisClustering(this IClientBuilder builder, Action<RedisClusteringOptions> configuration) => AdoNetHostingExtensions.Refuse(builder, nameof(UseRedisClustering));
    }
}

namespace Orleans.Hosting
{
    /// <inheritdoc cref="AdoNetHostingExtensions"/>
    public static class RedisSiloBuilderExtensions
    {
        public static ISiloBuilder AddRedisGrainStorage(this ISiloBuilder builder, string name, Action<RedisStorageOptions> configureOptions) => AdoNetHostingExtensions.Refuse(builder, $"{nameof(AddRedisGrainStorage)}(\"{name}\")");

        public static ISiloBuilder AddRedisGrainStorage(this ISiloBuilder builder, string name, Action<OptionsBuilder<RedisStorageOptions>>? configureOptionsBuilder) => AdoNetHostingExtensions.Refuse(builder, $"{nameof(AddRedisGrainStorage)}(\"{name}\")");

        public static ISiloBuilder AddRedisGrainStorageAsDefault(this ISiloBuilder builder, Action<RedisStorageOptions> configureOptions) =>
            builder.AddRedisGrainStorage(ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME, configureOptions);

        public static ISiloBuilder AddRedisGrainStorageAsDefault(this ISiloBuilder builder, Action<OptionsBuilder<RedisStorageOptions>>? configureOptionsBuilder) =>
            builder.AddRedisGrainStorage(ProviderConstants.DEFAULT_STORAGE_PROVIDER_NAME, configureOptionsBuilder);
    }
}
