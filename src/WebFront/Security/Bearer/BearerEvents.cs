using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.AspNetCore.Authorization;
using Microsoft.Net.Http.Headers;
using Realtime.WebFront.Http;
using Realtime.WebFront.Tokens;

namespace Realtime.WebFront.Security;

/// <summary>RFC 6750 around the framework's scheme: where a token may be, and what a refusal says.</summary>
internal sealed class BearerEvents(IHostEnvironment environment, Revocations revocations) : JwtBearerEvents
{
    public override Task MessageReceived(MessageReceivedContext context)
    {
        var credentials = BearerCredentials.Read(context.Request);
        if (credentials.Problem is not null)
            context.Fail(RefusedException.Request(credentials.Problem));
        else if (credentials.Token is null)
            context.NoResult();
        else
            context.Token = credentials.Token;
        return Task.CompletedTask;
    }

    public override Task TokenValidated(TokenValidatedContext context)
    {
        if (revocations.IsRevoked(context.Principal!))
            context.Fail(RefusedException.Token(RevocationEndpoints.Revoked));
        else if (BearerCredentials.Read(context.Request).FromQuery)
            context.Response.Headers.CacheControl = "private"; // RFC 6750 section 2.3: for no shared cache, as its address has a token
        return Task.CompletedTask;
    }

    public override async Task Challenge(JwtBearerChallengeContext context)
    {
        context.HandleResponse();
        var refused = context.AuthenticateFailure as RefusedException;
        var headers = context.Response.Headers;
        if (refused is { Error: null })
            headers.RetryAfter = "1"; // second
        // RFC 6750 section 3.1: a request without a token learns the scheme and nothing else. Ours are fixed sentences
        // without quotes, so that they go into a quoted string as they are.
        else
            headers.Append(HeaderNames.WWWAuthenticate,
                refused is not null ? $"Bearer error=\"{refused.Error}\", error_description=\"{refused.Message}\"" : "Bearer");
        await Problems.Write(context.HttpContext,
            Problems.Of(refused?.Status ?? StatusCodes.Status401Unauthorized), refused?.Message ?? NoTokenHint(context.Request));
    }

    public override Task Forbidden(ForbiddenContext context)
    {
        var scope = context.HttpContext.GetEndpoint()?.Metadata.GetOrderedMetadata<IAuthorizeData>()
            .Select(data => RealtimePolicies.ScopeOf(data.Policy)).FirstOrDefault(scope => scope is not null);
        if (scope is null)
            return Problems.Write(context.HttpContext, Problems.Forbidden, "This user may not do that.");

        const string description = "The token does not have the scope that this needs.";
        context.Response.Headers.Append(HeaderNames.WWWAuthenticate,
            $"Bearer error=\"insufficient_scope\", error_description=\"{description}\", scope=\"{scope}\"");
        return Problems.Write(context.HttpContext, Problems.Forbidden, $"{description} It is {scope}.");
    }

    private string NoTokenHint(HttpRequest request)
    {
        if (environment.IsDevelopment() && DevelopmentHandler.HasName(request))
        {
            return "A name as '?user=alice' is believed from this machine only, at a localhost address and without a proxy in between. Send a token, or say from where "
                + $"names are believed: the setting {DevelopmentOptions.Section}:{nameof(DevelopmentOptions.From)}, which is '{DevelopmentOptions.Loopback}', '{DevelopmentOptions.Anywhere}' or '{DevelopmentOptions.Nowhere}'.";
        }
        const string token = $"Send a token, as 'Authorization: Bearer ...', on a WebSocket also as the subprotocol '{BearerCredentials.SubprotocolPrefix}...' beside the real one, or there or on an event stream as '?access_token=...'";
        return environment.IsDevelopment()
            ? $"{token}; or, in Development and at a localhost address of this machine, a name as '?user=alice'."
            : $"{token}.";
    }
}
