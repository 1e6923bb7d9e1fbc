using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Realtime.Client;

/// <summary>Registers the client with a host's services.</summary>
public static class RealtimeClientServices
{
    /// <summary>
    /// Adds one <see cref="RealtimeClient"/> for the whole host, which disposes of it. It connects at its first use. Options can be set further by the host's own
    /// <c>Configure</c> of <see cref="RealtimeClientOptions"/>; what is wrong with them is said when the client is made. A registered <see cref="TimeProvider"/> is its clock.
    /// </summary>
    public static IServiceCollection AddRealtimeClient(this IServiceCollection services, Action<RealtimeClientOptions> configure)
    {
        ArgumentNullException.ThrowIfNull(configure);
        return services.AddRealtimeClient((options, _) => configure(options));
    }

    /// <summary>The same, for options that need services, as a token provider does.</summary>
    public static IServiceCollection AddRealtimeClient(this IServiceCollection services, Action<RealtimeClientOptions, IServiceProvider> configure)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(configure);
        services.AddOptions<RealtimeClientOptions>().Configure(configure);
        services.TryAddSingleton(static provider => new RealtimeClient(
            provider.GetRequiredService<IOptions<RealtimeClientOptions>>().Value,
            provider.GetService<ILogger<RealtimeClient>>(),
            provider.GetService<TimeProvider>()));
        return services;
    }
}
