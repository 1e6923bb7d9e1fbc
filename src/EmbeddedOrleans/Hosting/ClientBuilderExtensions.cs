using System.Net;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Orleans.Configuration;
using Orleans.Embedded;

namespace Orleans.Hosting;

public static class ClientBuilderExtensions
{
    public static IClientBuilder ConfigureServices(this IClientBuilder builder, Action<IServiceCollection> configureDelegate)
    {
        ArgumentNullException.ThrowIfNull(configureDelegate);
        configureDelegate(builder.Services);
        return builder;
    }

    public static IClientBuilder Configure<TOptions>(this IClientBuilder builder, Action<TOptions> configureOptions) where TOptions : class =>
        builder.ConfigureServices(services => services.Configure(configureOptions));

    public static IClientBuilder Configure<TOptions>(this IClientBuilder builder, IConfiguration configuration) where TOptions : class =>
        builder.ConfigureServices(services => services.AddOptions<TOptions>().Bind(configuration));

    public static IClientBuilder UseLocalhostClustering(this IClientBuilder builder, int gatewayPort = EndpointOptions.DEFAULT_GATEWAY_PORT, string serviceId = "dev", string clusterId = "dev") =>
        builder.Configure<ClusterOptions>(options => (options.ServiceId, options.ClusterId) = (serviceId, clusterId));

    public static IClientBuilder UseLocalhostClustering(this IClientBuilder builder, int[] gatewayPorts, string serviceId = "dev", string clusterId = "dev") =>
        builder.UseLocalhostClustering(EndpointOptions.DEFAULT_GATEWAY_PORT, serviceId, clusterId);

    public static IClientBuilder UseStaticClustering(this IClientBuilder builder, params IPEndPoint[] endpoints)
    {
        builder.Services.Refuse(nameof(UseStaticClustering));
        return builder;
    }

    /// <summary>Accepted and not used: whether a silo runs in this process shows at once, so there is nothing to try again.</summary>
    public static IClientBuilder UseConnectionRetryFilter(this IClientBuilder builder, Func<Exception, CancellationToken, Task<bool>> connectionRetryFilter) => builder;

    /// <inheritdoc cref="SiloBuilderExtensions.AddActivityPropagation"/>
    public static IClientBuilder AddActivityPropagation(this IClientBuilder builder)
    {
        builder.Services.AddSingleton<CarryActivities>();
        return builder;
    }
}
