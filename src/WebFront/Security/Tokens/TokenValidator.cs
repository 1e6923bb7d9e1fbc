using System.Text.Json;
using Realtime.Grains;

namespace Realtime.WebFront.Security.Tokens;

/// <summary>Validates a JSON Web Token (RFC 7519 section 7.2) as an access token: signature, times, issuer, audience, subject.</summary>
internal sealed class TokenValidator(TokenRules rules, TimeProvider time)
{
    public TokenResult Validate(string token, KeySet keys)
    {
        if (!JsonWebSignature.TryVerify(token, keys, out var payload, out var failure))
            return new TokenResult(null, failure);

        using var document = StrictJson.ParseObject(payload);
        if (document is null)
            return new TokenResult(null, "The token's payload is not a JSON object with each name once.");

        var claims = document.RootElement;
        failure = CheckTimes(claims) ?? CheckIssuer(claims) ?? CheckAudience(claims) ?? CheckSubject(claims);
        return failure is null ? TokenIdentity.Create(claims) : new TokenResult(null, failure);
    }

    private string? CheckTimes(JsonElement claims)
    {
        if (!NumericDate.TryGet(claims, "exp", out var expires) || expires is null)
            return $"The token's expiry (exp) must be {NumericDate.Range}.";
        if (!NumericDate.TryGet(claims, "nbf", out var notBefore))
            return $"The token's start (nbf) must be {NumericDate.Range}.";
        if (!NumericDate.TryGet(claims, "iat", out var issuedAt))
            return $"The token's time of issue (iat) must be {NumericDate.Range}.";

        // RFC 7519 section 4.1.4: not "on or after" exp; section 4.1.5: not "before" nbf.
        var now = NumericDate.From(time.GetUtcNow());
        var skew = rules.ClockSkew.TotalSeconds;
        if (now >= expires + skew)
            return "The token has expired.";
        if (now < notBefore - skew)
            return "The token is not valid yet.";
        // The RFC gives iat no rule; one from the future shows a clock that is wrong by more than we forgive.
        if (now < issuedAt - skew)
            return "The token's time of issue is in the future.";
        return null;
    }

    private string? CheckIssuer(JsonElement claims) =>
        claims.TryGetProperty("iss", out var value) && value.TryGetString(out var issuer) && issuer == rules.Issuer
            ? null
            : "The token is from another issuer (iss).";

    /// <summary>RFC 7519 section 4.1.3: a string, or an array of strings.</summary>
    private string? CheckAudience(JsonElement claims)
    {
        var found = false;
        if (claims.TryGetProperty("aud", out var value))
        {
            if (value.ValueKind != JsonValueKind.Array)
                found = value.TryGetString(out var audience) && audience == rules.Audience;
            else
                foreach (var item in value.EnumerateArray())
                {
                    if (!item.TryGetString(out var audience))
                        return "The token's audience (aud) must be a string or an array of strings.";
                    found |= audience == rules.Audience;
                }
        }
        return found ? null : "The token is for another audience (aud).";
    }

    private static string? CheckSubject(JsonElement claims) =>
        claims.TryGetProperty("sub", out var value) && value.TryGetString(out var subject) && Names.Problem(subject, "user") is null
            ? null
            : $"The token's subject (sub) must be a user id: {Names.Rule}.";
}
