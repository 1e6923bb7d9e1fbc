using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Tokens;

/// <summary>
/// Verifies a token outside a request as the scheme <see cref="RealtimeSchemes.Bearer"/> does within one: by the same handler, then the
/// application's transformation of claims and the policy of clients.
/// </summary>
internal sealed class TokenVerifier(
    IOptions<AuthenticationOptions> schemes, RealtimeAuthentication authentication, IOptionsMonitor<JwtBearerOptions> bearer, IServiceScopeFactory scopes)
{
    /// <summary>Whether the principal came with a token that this can renew.</summary>
    public bool CanRenew(ClaimsPrincipal principal) => authentication.IsBearer(schemes.Value) && VerifiedToken.Of(principal) is not null;

    /// <summary>The token's principal, or why there is none.</summary>
    public async Task<(ClaimsPrincipal? Principal, RefusedException? Refusal)> Verify(string token)
    {
        var options = bearer.Get(RealtimeSchemes.Bearer);
        var result = await options.TokenHandlers.Single().ValidateTokenAsync(token, options.TokenValidationParameters.Clone());
        if (!result.IsValid)
            return (null, result.Exception as RefusedException ?? RefusedException.Token("The token cannot be verified."));

        await using var scope = scopes.CreateAsyncScope();
        var principal = new ClaimsPrincipal(result.ClaimsIdentity);
        if (scope.ServiceProvider.GetService<IClaimsTransformation>() is { } transformation)
            principal = await transformation.TransformAsync(principal);
        var access = await scope.ServiceProvider.GetRequiredService<IAuthorizationService>().AuthorizeAsync(principal, resource: null, RealtimePolicies.Client);
        return access.Succeeded ? (principal, null) : (null, RefusedException.Token("The token's user may not connect."));
    }
}
