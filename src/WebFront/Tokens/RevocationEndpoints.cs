using Microsoft.Net.Http.Headers;
using Realtime.WebFront.Http;

namespace Realtime.WebFront.Tokens;

/// <summary>Refuses users who are blocked, and tokens that are revoked, before a WebSocket is opened.</summary>
internal static class RevocationEndpoints
{
    public static TBuilder RefuseRevoked<TBuilder>(this TBuilder builder)
        where TBuilder : IEndpointConventionBuilder
    {
        builder.Add(endpoint =>
        {
            var next = endpoint.RequestDelegate!;
            endpoint.RequestDelegate = context => ProblemOf(context) is var (problem, detail) && detail is not null ? Problems.Write(context, problem, detail) : next(context);
        });
        return builder;
    }

    /// <summary>Why who asks may not connect; no detail when nothing is against it.</summary>
    public static (Problem Problem, string? Detail) ProblemOf(HttpContext context)
    {
        var revocations = context.RequestServices.GetRequiredService<Revocations>();
        if (context.User.Identity is { IsAuthenticated: true, Name: { } user } && revocations.IsBlocked(user))
            return (Problems.Forbidden, "The user is blocked.");
        if (!revocations.IsRevoked(context.User))
            return default;
        // Of the front's own scheme such a token is refused earlier; this is for those of an application.
        context.Response.Headers.Append(HeaderNames.WWWAuthenticate, $"Bearer error=\"invalid_token\", error_description=\"{Revoked}\"");
        return (Problems.Unauthorized, Revoked);
    }

    /// <summary>What is said of a token, by whichever check.</summary>
    public const string Revoked = "The token is revoked.";
}
