using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Authorization.Infrastructure;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Access;

/// <summary>What the application brings to the decision, by its services. Looked at once.</summary>
internal sealed class ApplicationAccess(IServiceScopeFactory scopes)
{
    private readonly Lock _gate = new();
    private (bool HasHandler, bool HasPart)? _found;

    /// <summary>A handler of <see cref="RoomRequirement"/> decides.</summary>
    public bool HasHandler => Found.HasHandler;

    /// <summary>Code of the application may take part in a decision, so that authorization has to be asked.</summary>
    public bool HasPart => Found.HasPart;

    private (bool HasHandler, bool HasPart) Found
    {
        get
        {
            lock (_gate)
                return _found ??= Look();
        }
    }

    private (bool, bool) Look()
    {
        var scope = scopes.CreateAsyncScope();
        try
        {
            IAuthorizationHandler[] others = [.. scope.ServiceProvider.GetServices<IAuthorizationHandler>()
                .Where(handler => handler is not (OpenHandler or RulesHandler or CapabilitiesHandler or ApiAccessHandler or PassThroughAuthorizationHandler))];
            var isReplaced = IsReplaced<IAuthorizationService>(scope) || IsReplaced<IAuthorizationHandlerProvider>(scope)
                || IsReplaced<IAuthorizationEvaluator>(scope) || IsReplaced<IAuthorizationHandlerContextFactory>(scope);
            return (Array.Exists(others, handler => RequirementOf(handler) == typeof(RoomRequirement)), isReplaced || Array.Exists(others, MayTakePart));
        }
        finally
        {
            // At the start, and services that are scoped may end in this way only.
            scope.DisposeAsync().AsTask().GetAwaiter().GetResult();
        }
    }

    private static bool IsReplaced<T>(AsyncServiceScope scope) where T : notnull =>
        scope.ServiceProvider.GetRequiredService<T>().GetType().Assembly != typeof(DefaultAuthorizationService).Assembly;

    // One that implements the interface itself may look at any requirement.
    private static bool MayTakePart(IAuthorizationHandler handler) =>
        RequirementOf(handler) is not { } requirement || requirement.IsAssignableFrom(typeof(RoomRequirement));

    private static Type? RequirementOf(IAuthorizationHandler handler)
    {
        for (var type = handler.GetType(); type is not null; type = type.BaseType)
        {
            if (type.IsGenericType && type.GetGenericTypeDefinition() is var open && (open == typeof(AuthorizationHandler<>) || open == typeof(AuthorizationHandler<,>)))
                return type.GetGenericArguments()[0];
        }
        return null;
    }
}
