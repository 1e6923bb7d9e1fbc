using System.Globalization;
using System.Security.Claims;

namespace Realtime.WebFront.Security;

/// <summary>What the front reads from a principal, whichever scheme made it.</summary>
public static class PrincipalExtensions
{
    /// <summary>
    /// When the token behind the principal expires, from its claim <c>exp</c> (RFC 7519 section 4.1.4); null when it has
    /// none, as in Development. A token is still accepted <see cref="BearerOptions.ClockSkew"/> after that.
    /// </summary>
    public static DateTimeOffset? GetTokenExpiry(this ClaimsPrincipal principal) =>
        long.TryParse(principal.FindFirst("exp")?.Value, NumberStyles.None, CultureInfo.InvariantCulture, out var seconds)
        && seconds <= ClaimRules.MaxDate
            ? DateTimeOffset.FromUnixTimeSeconds(seconds)
            : null;
}
