using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;

namespace Realtime.WebFront.Security;

/// <summary>The requirement of the policies of the HTTP API.</summary>
/// <param name="scope">What the token must have, or <see cref="RealtimePolicies.AdminScope"/>.</param>
internal sealed class ApiAccess(string scope) : IAuthorizationRequirement
{
    public string Scope { get; } = scope;
}

/// <summary>Grants <see cref="ApiAccess"/> by scope, or in Development to whom <see cref="DevelopmentOptions"/> believe, and to pages of this machine only.</summary>
internal sealed class ApiAccessHandler(IHostEnvironment environment, RealtimeAuthentication authentication) : AuthorizationHandler<ApiAccess>
{
    protected override async Task HandleRequirementAsync(AuthorizationHandlerContext context, ApiAccess requirement)
    {
        if (HasScope(context, requirement.Scope) || (environment.IsDevelopment() && context.Resource is HttpContext http && await IsOpenTo(http)))
            context.Succeed(requirement);
    }

    private static bool HasScope(AuthorizationHandlerContext context, string scope) =>
        context.User.Identities.Any(i => i.IsAuthenticated
            && i.FindAll("scope").Any(c => c.Value.Split(' ').Any(word => word == scope || word == RealtimePolicies.AdminScope)));

    // A page of another site could post blindly to a localhost address, hence the look at its origin. A wrong token stays
    // wrong: who tries tokens out in Development must see it.
    private async Task<bool> IsOpenTo(HttpContext http) =>
        http.RequestServices.GetRequiredService<IOptions<DevelopmentOptions>>().Value.Believes(http.Request)
        && LocalRequest.IsFromLocalPage(http.Request)
        && (await http.AuthenticateAsync(
            authentication.SchemeIn(http.RequestServices.GetRequiredService<IOptions<AuthenticationOptions>>().Value))).Failure is null;
}
