using System.Diagnostics.CodeAnalysis;
using System.Security.Claims;

namespace Realtime.WebFront.Security.Tokens;

/// <summary>A principal, or the reason why there is none. The reason repeats nothing of the token.</summary>
internal sealed record TokenResult(ClaimsIdentity? Identity, string? Failure)
{
    [MemberNotNullWhen(true, nameof(Identity))]
    [MemberNotNullWhen(false, nameof(Failure))]
    public bool Succeeded => Failure is null;
}
