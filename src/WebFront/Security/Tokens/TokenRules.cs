namespace Realtime.WebFront.Security.Tokens;

/// <summary>What a token must say to be accepted here. A null issuer or audience accepts no token at all.</summary>
/// <param name="Issuer">The exact <c>iss</c>.</param>
/// <param name="Audience">A value that <c>aud</c> must be or hold.</param>
/// <param name="ClockSkew">By how much the issuer's clock may differ from ours.</param>
internal sealed record TokenRules(string? Issuer, string? Audience, TimeSpan ClockSkew);
