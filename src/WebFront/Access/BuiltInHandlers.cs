using Microsoft.AspNetCore.Authorization;

namespace Realtime.WebFront.Access;

/// <summary>Grants what the rules of <see cref="AccessOptions.Access"/> allow, together with their policies.</summary>
/// <param name="access">Knows the rules.</param>
/// <param name="services">Of the scope: authorization cannot be injected into what it consists of.</param>
internal sealed class RulesHandler(BuiltInAccess access, IServiceProvider services) : AuthorizationHandler<RoomRequirement, RoomResource>
{
    protected override async Task HandleRequirementAsync(AuthorizationHandlerContext context, RoomRequirement requirement, RoomResource resource)
    {
        if (resource.IsForPolicy || BuiltIn.NameIn(resource) is not { } name || BuiltIn.SubjectIn(context, resource) is not { } subject)
            return;
        if (access.RuleFor(name, resource.Room is null, subject) is not { } rule || !rule.Allowed.HasFlag(requirement.Operation))
            return;
        if (rule.Policy is null || await Succeeds(rule.Policy, context, resource))
            context.Succeed(requirement);
    }

    private async Task<bool> Succeeds(string policy, AuthorizationHandlerContext context, RoomResource resource) =>
        (await services.GetRequiredService<IAuthorizationService>().AuthorizeAsync(context.User, resource with { IsForPolicy = true }, policy)).Succeeded;
}

/// <summary>Grants what the claims <c>rooms</c> and <c>users</c> allow, with <see cref="AccessOptions.Capabilities"/>.</summary>
internal sealed class CapabilitiesHandler(BuiltInAccess access) : AuthorizationHandler<RoomRequirement, RoomResource>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RoomRequirement requirement, RoomResource resource)
    {
        if (BuiltIn.NameIn(resource) is { } name && BuiltIn.SubjectIn(context, resource) is { } subject
            && access.CapabilitiesFor(name, resource.Room is null, subject).HasFlag(requirement.Operation))
            context.Succeed(requirement);
        return Task.CompletedTask;
    }
}

/// <summary>Grants everything to everybody, where that is chosen.</summary>
internal sealed class OpenHandler(BuiltInAccess access) : AuthorizationHandler<RoomRequirement, RoomResource>
{
    protected override Task HandleRequirementAsync(AuthorizationHandlerContext context, RoomRequirement requirement, RoomResource resource)
    {
        if (access.IsOpen)
            context.Succeed(requirement);
        return Task.CompletedTask;
    }
}

/// <summary>What the handlers read of a question. An application may ask one as well, of its own endpoints.</summary>
internal static class BuiltIn
{
    public static string? NameIn(RoomResource resource) => resource.Room ?? resource.ToUser;

    public static AccessSubject? SubjectIn(AuthorizationHandlerContext context, RoomResource resource) =>
        resource.Subject ?? (context.User?.Identity?.Name is { } user ? new AccessSubject(context.User, user) : null);
}
