using System.Diagnostics.CodeAnalysis;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;

namespace Realtime.Connections;

/// <summary>Mapping.</summary>
public static class ConnectionRouteBuilderExtensions
{
    /// <summary>
    /// Serves WebSockets with a function per connection, which receives and sends as it likes; the connection closes when it returns.
    /// </summary>
    /// <param name="endpoints">The application.</param>
    /// <param name="pattern">The route.</param>
    /// <param name="function">Runs for every connection.</param>
    /// <param name="configure">Changes the process's options for this endpoint.</param>
    /// <returns>For conventions such as RequireAuthorization.</returns>
    public static IEndpointConventionBuilder MapConnections(this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string pattern,
        Func<Connection, Task> function, Action<ConnectionOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        return Map(endpoints, pattern, new Upgrader(endpoints.ServiceProvider, function, configure));
    }

    /// <summary>Serves WebSockets with a handler, which is taken from the services or made with what its constructor asks of them.</summary>
    /// <typeparam name="THandler">The handler.</typeparam>
    /// <param name="endpoints">The application.</param>
    /// <param name="pattern">The route.</param>
    /// <param name="configure">Changes the process's options for this endpoint.</param>
    /// <returns>For conventions such as RequireAuthorization.</returns>
    public static IEndpointConventionBuilder MapConnections<THandler>(this IEndpointRouteBuilder endpoints, [StringSyntax("Route")] string pattern,
        Action<ConnectionOptions>? configure = null)
        where THandler : ConnectionHandler
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        var handler = ActivatorUtilities.GetServiceOrCreateInstance<THandler>(endpoints.ServiceProvider);
        return Map(endpoints, pattern, new Upgrader(endpoints.ServiceProvider, handler, configure));
    }

    private static IEndpointConventionBuilder Map(IEndpointRouteBuilder endpoints, string pattern, Upgrader upgrader) =>
        endpoints.Map(pattern, async context => { await upgrader.UpgradeAsync(context); }).WithDisplayName($"WebSocket {pattern}");
}
