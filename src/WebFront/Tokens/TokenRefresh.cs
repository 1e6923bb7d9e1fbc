using System.Security.Claims;
using Microsoft.Extensions.Options;
using Realtime.PushStreams;
using Realtime.WebFront.Access;
using Realtime.WebFront.Protocol;
using Realtime.WebFront.Rooms;
using Realtime.WebFront.Security;

namespace Realtime.WebFront.Tokens;

/// <summary>Serves <c>refresh</c>: a new token for a connection that stays. What is refused changes nothing, the old token goes on.</summary>
internal sealed partial class TokenRefresh(TokenVerifier verifier, TokenExpiry expiry, Revocations revocations, KeyWatch keys,
    AccessService access, IOptions<FrontOptions> options, ILogger<TokenRefresh> logger)
{
    private readonly int _maxCommands = options.Value.MaxCommandsInFlight;

    /// <summary>Verifies in the background: it may wait for an issuer's keys, and takes longer than a thread that reads sockets should.</summary>
    /// <param name="session">Whose token it is.</param>
    /// <param name="id">The frame's.</param>
    /// <param name="token">As the client sent it.</param>
    /// <param name="mayGoOn">When the connection may be read further.</param>
    /// <returns>Why it is not even begun.</returns>
    public Refusal? Begin(Session session, string? id, string? token, out ValueTask mayGoOn)
    {
        mayGoOn = default;
        if (string.IsNullOrEmpty(token))
            return Refusal.BadRequest("'token' is missing; it must be a new token of the same user.");
        if (!verifier.CanRenew(session.Principal))
            return Refusal.BadRequest($"This connection did not come with a token of the scheme {RealtimeSchemes.Bearer}, and only such a one can be renewed; connect again instead.");
        if (!session.TryBeginRefresh())
            return Refusal.BadRequest("A refresh of this connection is under way; wait for its answer.");
        mayGoOn = session.BeginCommand(_maxCommands);
        _ = Task.Run(() => Refresh(session, id, token));
        return null;
    }

    private async Task Refresh(Session session, string? id, string token)
    {
        try
        {
            var answer = await Answer(session, id, token);
            session.EndRefresh(); // who has the answer may send the next one
            session.Connection.Deliver(answer);
        }
        catch (Exception exception)
        {
            session.EndRefresh();
            SafeLog.Write(() => LogFailed(session.Connection.Id, exception));
            session.Connection.Deliver(ServerFrames.Error(id, null, ErrorCodes.Unavailable, "The token could not be verified now; try again."));
        }
        finally
        {
            session.EndCommand();
        }
    }

    private async Task<Connections.Frame> Answer(Session session, string? id, string token)
    {
        var (principal, refused) = await verifier.Verify(token);
        refused ??= OwnerProblem(session.Principal, principal!) is { } problem ? RefusedException.Token(problem) : null;
        if (refused is null && revocations.IsRevoked(principal!))
            refused = RefusedException.Token(RevocationEndpoints.Revoked);
        if (refused is not null)
            return ServerFrames.Error(id, null, refused.Error is null ? ErrorCodes.Unavailable : ErrorCodes.TokenInvalid, refused.Message);

        session.Principal = principal!;
        expiry.Watch(session);
        revocations.Check(session.Connection); // what came since
        keys.Check(session.Connection);
        await access.Reauthorize(session);
        return ServerFrames.Refreshed(id, principal!.GetTokenExpiry());
    }

    /// <summary>A connection stays its user's: what it may do, and who sees it, was decided for that one.</summary>
    private static string? OwnerProblem(ClaimsPrincipal old, ClaimsPrincipal next) =>
        next.Identity?.Name != old.Identity?.Name ? "The token is of another user (sub)."
        : next.FindFirst("iss")?.Value != old.FindFirst("iss")?.Value ? "The token is from another issuer (iss)."
        : null;

    [LoggerMessage(1, LogLevel.Error, "A new token of connection {Connection} could not be verified.")]
    private partial void LogFailed(string connection, Exception exception);
}
