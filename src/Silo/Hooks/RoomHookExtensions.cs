using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Realtime.Silo.Hooks;

/// <summary>Registers hooks of rooms.</summary>
public static class RoomHookExtensions
{
    /// <summary>
    /// Rooms of the silo in this process ask and tell the hook. Hooks are asked in the order in which they were added, each about what the ones before
    /// it have left of a message. It is a singleton; what it needs for one call it takes from an <see cref="IServiceScopeFactory"/>.
    /// </summary>
    /// <typeparam name="T">The hook.</typeparam>
    /// <param name="services">The services of the silo's host.</param>
    /// <param name="rooms">Which rooms: a name, or with <c>*</c> at its end the beginning of many.</param>
    /// <exception cref="ArgumentException">The pattern is not allowed; see <see cref="NamePattern.Problem"/>.</exception>
    public static IServiceCollection AddRoomHook<T>(this IServiceCollection services, string rooms = "*")
        where T : class, IRoomHook
    {
        ArgumentNullException.ThrowIfNull(services);
        var pattern = new NamePattern(rooms);
        services.TryAddSingleton<T>();
        return services.AddSingleton(provider => new RoomHook(provider.GetRequiredService<T>(), pattern));
    }
}

/// <summary>A hook and the rooms that it is for.</summary>
internal sealed record RoomHook(IRoomHook Hook, NamePattern Rooms);
