using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;
using Realtime.Settings;

namespace Realtime.WebFront.Access;

/// <summary>Adds what decides who may do what in rooms.</summary>
internal static class AccessExtensions
{
    public static void AddRoomAccess(this IServiceCollection services)
    {
        services.AddSettings<AccessOptions>(AccessOptions.Settings);
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<AccessOptions>, AccessValidator>());
        services.TryAddEnumerable(ServiceDescriptor.Transient<IAuthorizationHandler, OpenHandler>());
        services.TryAddEnumerable(ServiceDescriptor.Transient<IAuthorizationHandler, RulesHandler>());
        services.TryAddEnumerable(ServiceDescriptor.Transient<IAuthorizationHandler, CapabilitiesHandler>());
        services.TryAddSingleton<ApplicationAccess>();
        services.TryAddSingleton<BuiltInAccess>();
        services.TryAddSingleton<AccessService>();
        services.TryAddSingleton<ConnectionControl>();
    }
}
