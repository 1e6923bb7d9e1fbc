using System.Security.Claims;

namespace Realtime.WebFront.Security;

/// <summary>
/// What is kept of a token that the scheme <see cref="RealtimeSchemes.Bearer"/> has accepted, beside its claims. It goes along with
/// the identity as its bootstrap context, and is what tells that identity from one of the application's own schemes.
/// </summary>
/// <param name="Key">The thumbprint (RFC 7638) of the key that verified it.</param>
internal sealed record VerifiedToken(string Key)
{
    public static VerifiedToken? Of(ClaimsPrincipal principal)
    {
        foreach (var identity in principal.Identities)
        {
            if (identity.BootstrapContext is VerifiedToken token)
                return token;
        }
        return null;
    }
}
