using System.Security.Claims;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;

namespace Realtime.WebFront.Security;

/// <summary>
/// The library's handler between our own rules for the form of a token, the choice of its key and the words of a refusal. The
/// library verifies the signature, the issuer and the audience, and makes the claims.
/// </summary>
internal sealed class StrictTokenHandler(SigningKeys keys, TimeProvider time, TimeSpan maxLifetime) : JsonWebTokenHandler
{
    public override async Task<TokenValidationResult> ValidateTokenAsync(string token, TokenValidationParameters validationParameters)
    {
        if (!StrictToken.TryRead(token, out var strict, out var failure))
            return Refused(failure);

        using (strict)
        {
            var choice = await keys.ChooseAsync(strict);
            if (choice.Refusal is not null)
                return new TokenValidationResult { IsValid = false, Exception = choice.Refusal };

            var problem = ClaimRules.Problem(strict.Claims, time.GetUtcNow(), validationParameters.ClockSkew, maxLifetime);
            var rules = validationParameters.Clone();
            rules.IssuerSigningKeyResolver = (_, _, _, _) => choice.Keys;
            rules.LifetimeValidator = (_, _, _, _) => problem is null; // asked after the signature
            if (choice.Issuer is not null)
                rules.ValidIssuer = choice.Issuer;
            return Complete(await ValidateAsync(token, rules), problem);
        }
    }

    private async Task<TokenValidationResult> ValidateAsync(string token, TokenValidationParameters rules)
    {
        try
        {
            return await base.ValidateTokenAsync(token, rules);
        }
        // What the library reports by throwing is a refusal as well: it is about the token.
        catch (Exception e)
        {
            return new TokenValidationResult { IsValid = false, Exception = e };
        }
    }

    // The library's texts name its types and settings, and can repeat parts of the token.
    private static TokenValidationResult Complete(TokenValidationResult result, string? problem)
    {
        if (!result.IsValid)
            return Refused(result.Exception switch
            {
                SecurityTokenInvalidSignatureException or SecurityTokenInvalidAlgorithmException => "The token's signature is wrong.",
                _ when problem is not null => problem,
                SecurityTokenInvalidIssuerException => "The token is from another issuer (iss).",
                SecurityTokenInvalidAudienceException => "The token is for another audience (aud).",
                _ => "A claim of the token cannot be read: it is no text or number.",
            });

        // Copied: the library's identity keeps the whole token, as long as a connection lasts.
        var claims = result.ClaimsIdentity.Claims.Where(claim => claim.ValueType != JsonClaimValueTypes.JsonNull);
        result.ClaimsIdentity = new ClaimsIdentity(claims, RealtimeSchemes.Bearer, nameType: "sub", roleType: "roles")
        {
            BootstrapContext = new VerifiedToken(SigningKey.ThumbprintOf(result.SecurityToken.SigningKey)),
        };
        return result;
    }

    private static TokenValidationResult Refused(string why) => new() { IsValid = false, Exception = RefusedException.Token(why) };
}
