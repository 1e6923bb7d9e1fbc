using Orleans.Hosting;

namespace Microsoft.Extensions.Hosting;

/// <inheritdoc cref="AdoNetHostingExtensions"/>
public static class RedisClusteringExtensions
{
    public static ISiloBuilder UseRedisClustering(this ISiloBuilder builder, string redisConnectionString) => AdoNetHostingExtensions.Refuse(builder, nameof(UseRedisClustering));

    public static IClientBuilder UseRedisClustering(this IClientBuilder builder, string redisConnectionString) => AdoNetHostingExtensions.Refuse(builder, nameof(UseRedisClustering));
}
