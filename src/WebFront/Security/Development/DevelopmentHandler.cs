using System.Security.Claims;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;
using Realtime.Grains;
using Realtime.WebFront.Http;

namespace Realtime.WebFront.Security;

/// <summary>
/// The scheme <see cref="RealtimeSchemes.Development"/>: who sends <c>?user=alice</c> from where <see cref="DevelopmentOptions"/> say is alice.
/// It is not registered outside Development, and looks at the request again in case it is asked for by name.
/// </summary>
internal sealed class DevelopmentHandler(IOptionsMonitor<AuthenticationSchemeOptions> options, ILoggerFactory logger, UrlEncoder encoder)
    : AuthenticationHandler<AuthenticationSchemeOptions>(options, logger, encoder)
{
    private const string QueryName = "user";

    public static bool IsMeant(HttpRequest request) =>
        HasName(request) && !BearerCredentials.Read(request).WereSent
        && request.HttpContext.RequestServices.GetRequiredService<IOptions<DevelopmentOptions>>().Value.Believes(request);

    public static bool HasName(HttpRequest request) => request.Query.ContainsKey(QueryName);

    protected override Task<AuthenticateResult> HandleAuthenticateAsync() => Task.FromResult(Authenticate());

    private AuthenticateResult Authenticate()
    {
        if (!IsMeant(Request))
            return AuthenticateResult.NoResult();

        if (NameOf(Context) is not { } name)
            return AuthenticateResult.Fail(RefusedException.Request(
                $"The name in ?{QueryName}= must be there once, and be {Names.Rule}."));

        var identity = new ClaimsIdentity([new Claim("sub", name)], Scheme.Name, nameType: "sub", roleType: "roles");
        return AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name));
    }

    private static string? NameOf(HttpContext context)
    {
        try
        {
            return RequestTarget.Query(context, QueryName) is { } name && Names.Problem(name, "user") is null ? name : null;
        }
        catch (ApiException)
        {
            return null; // more than once, or not UTF-8
        }
    }

    protected override async Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        var refused = (await HandleAuthenticateOnceSafeAsync()).Failure as RefusedException;
        await Problems.Write(Context,
            Problems.Of(refused?.Status ?? StatusCodes.Status401Unauthorized), refused?.Message ?? $"Send a name as '?{QueryName}=alice'.");
    }

    protected override Task HandleForbiddenAsync(AuthenticationProperties properties) =>
        Problems.Write(Context, Problems.Forbidden, "This user may not do that.");
}
