using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Extensions.Options;
using Microsoft.Net.Http.Headers;
using Realtime.WebFront.Http;
using Realtime.WebFront.Security.Tokens;

namespace Realtime.WebFront.Security;

/// <summary>The scheme <see cref="RealtimeSchemes.Bearer"/>: RFC 6750 around <see cref="TokenValidator"/>.</summary>
internal sealed class BearerHandler(
    IOptionsMonitor<AuthenticationSchemeOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder,
    TokenValidator validator,
    SigningKeys keys,
    IHostEnvironment environment)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Authenticate());

    private AuthenticateResult Authenticate()
    {
        var credentials = BearerCredentials.Read(Request);
        if (credentials.Problem is not null)
            return AuthenticateResult.Fail(new RefusedException(StatusCodes.Status400BadRequest, "invalid_request", credentials.Problem));
        if (credentials.Token is null)
            return AuthenticateResult.NoResult();

        var result = validator.Validate(credentials.Token, keys.Current);
        if (!result.Succeeded)
            return AuthenticateResult.Fail(new RefusedException(StatusCodes.Status401Unauthorized, "invalid_token", result.Failure));

        // RFC 6750 section 2.3: what answers an address with a token in it is for no shared cache.
        if (credentials.FromQuery)
            Response.Headers.CacheControl = "private";
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(result.Identity), Scheme.Name));
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var failure = (await HandleAuthenticateOnceSafeAsync()).Failure;
        // RFC 6750 section 3.1: a request without a token learns the scheme and nothing else. Ours are fixed sentences
        // without quotes, so that they go into a quoted string as they are.
        Response.Headers.Append(HeaderNames.WWWAuthenticate,
            failure is RefusedException refused ? $"Bearer error=\"{refused.Error}\", error_description=\"{refused.Message}\"" : "Bearer");
        await Problems.Write(Context,
            Problems.Of((failure as RefusedException)?.Status ?? StatusCodes.Status401Unauthorized), failure?.Message ?? NoTokenHint());
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties)
    {
        var needsScope = Context.GetEndpoint()?.Metadata.GetOrderedMetadata<IAuthorizeData>()
            .Any(a => a.Policy == RealtimePolicies.Api) ?? false;
        if (!needsScope)
            return Problems.Write(Context, Problems.Forbidden, "This user may not do that.");

        const string description = "The token does not have the scope that this needs.";
        Response.Headers.Append(HeaderNames.WWWAuthenticate,
            $"Bearer error=\"insufficient_scope\", error_description=\"{description}\", scope=\"{RealtimePolicies.ApiScope}\"");
        return Problems.Write(Context, Problems.Forbidden, $"{description} It is {RealtimePolicies.ApiScope}.");
    }

    private string NoTokenHint()
    {
        const string token = "Send a token, as 'Authorization: Bearer ...' or '?access_token=...'";
        return environment.IsDevelopment()
            ? $"{token}; or, in Development and at a localhost address of this machine, a name as '?user=alice'."
            : $"{token}.";
    }
}
