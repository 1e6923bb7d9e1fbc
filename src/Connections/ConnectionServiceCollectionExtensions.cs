using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Transport.Sockets;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Realtime.Settings;

namespace Realtime.Connections;

/// <summary>Setting up.</summary>
public static class ConnectionServiceCollectionExtensions
{
    /// <summary>
    /// Adds what connections need, the <see cref="ConnectionRegistry"/> among it. Options come from the configuration section
    /// <c>Connections</c>, then from <paramref name="configure"/>, and are checked when the host starts.
    /// </summary>
    public static IServiceCollection AddRealtimeConnections(this IServiceCollection services, Action<ConnectionOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        var options = services.AddSettings<ConnectionOptions>(ConnectionOptions.Settings);
        if (configure is not null)
            options.Configure(configure);
        if (services.Any(service => service.ServiceType == typeof(ConnectionServices)))
            return services;

        services.AddMetrics();
        services.AddLogging();
        services.TryAddSingleton(TimeProvider.System);
        services.TryAddSingleton<ConnectionRegistry>();
        services.AddSingleton<ConnectionMetrics>();
        services.AddSingleton<ConnectionServices>();
        services.AddHostedService(provider => provider.GetRequiredService<ConnectionServices>().Drain);
        if (Pollers.AreSupported)
        {
            // Kestrel asks the one that was registered last first; its own is for the endpoints that ours leaves.
            services.TryAddEnumerable(ServiceDescriptor.Singleton<IConnectionListenerFactory, SocketTransportFactory>());
            // Orleans has some of its own there, under keys.
            var isKestrels = services.Last(service => service.ServiceType == typeof(IConnectionListenerFactory) && !service.IsKeyedService).ImplementationType == typeof(SocketTransportFactory);
            services.AddSingleton<IConnectionListenerFactory>(provider => CreateListenerFactory(provider, isKestrels));
        }
        return services;
    }

    private static PolledListenerFactory CreateListenerFactory(IServiceProvider provider, bool isKestrels)
    {
        var connections = provider.GetRequiredService<ConnectionServices>();
        var options = provider.GetRequiredService<IOptions<SocketTransportOptions>>().Value;
        var kestrels = isKestrels ? ActivatorUtilities.CreateInstance<SocketTransportFactory>(provider) : null;
        return new(connections.Pollers, connections.Options.EnablePolling, options, provider.GetService<IMemoryPoolFactory<byte>>(), kestrels, connections.Logger);
    }
}
