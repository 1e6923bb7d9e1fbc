using System.Text.Json;
using Realtime.Grains;

namespace Realtime.WebFront.Security;

/// <summary>What a token's claims must be beside those that the library compares: dates by our clock, and a subject that can be a user.</summary>
internal static class ClaimRules
{
    /// <summary>The end of the year 9999, the last second that <see cref="DateTimeOffset"/> knows.</summary>
    public const long MaxDate = 253402300799;

    private const string DateRange = "a number of seconds since 1970, from 0 to 253402300799";

    /// <summary>What is wrong, in fixed words; null when nothing is.</summary>
    public static string? Problem(JsonElement claims, DateTimeOffset now, TimeSpan skew, TimeSpan maxLifetime) =>
        TimeProblem(claims, now.ToUnixTimeMilliseconds() / 1000.0, skew.TotalSeconds, maxLifetime)
        ?? IssuerProblem(claims) ?? AudienceProblem(claims) ?? SubjectProblem(claims);

    private static string? TimeProblem(JsonElement claims, double now, double skew, TimeSpan maxLifetime)
    {
        if (!TryGetDate(claims, "exp", out var expires) || expires is null)
            return $"The token's expiry (exp) must be {DateRange}.";
        if (!TryGetDate(claims, "nbf", out var notBefore))
            return $"The token's start (nbf) must be {DateRange}.";
        if (!TryGetDate(claims, "iat", out var issuedAt))
            return $"The token's time of issue (iat) must be {DateRange}.";

        // RFC 7519 section 4.1.4: not "on or after" exp; section 4.1.5: not "before" nbf.
        if (now >= expires + skew)
            return "The token has expired.";
        if (now < notBefore - skew)
            return "The token is not valid yet.";
        // The RFC gives iat no rule; one from the future shows a clock that is wrong by more than we forgive.
        if (now < issuedAt - skew)
            return "The token's time of issue is in the future.";
        // A token that is revoked is remembered for so long.
        return expires - (issuedAt ?? now) > maxLifetime.TotalSeconds + skew
            ? $"The token lives longer than it may, which is {maxLifetime:c} from its issue (iat) to its expiry (exp)."
            : null;
    }

    private static string? IssuerProblem(JsonElement claims) =>
        claims.TryGetProperty("iss", out var issuer) && issuer.TryGetString(out _) ? null : "The token is from another issuer (iss).";

    /// <summary>RFC 7519 section 4.1.3: a string, or an array of strings.</summary>
    private static string? AudienceProblem(JsonElement claims) =>
        !claims.TryGetProperty("aud", out var audience) || audience.ValueKind is not (JsonValueKind.Array or JsonValueKind.String)
            ? "The token is for another audience (aud)."
        : audience.ValueKind == JsonValueKind.Array && !audience.EnumerateArray().All(item => item.TryGetString(out _))
            ? "The token's audience (aud) must be a string or an array of strings."
        : null;

    private static string? SubjectProblem(JsonElement claims) =>
        claims.TryGetProperty("sub", out var value) && value.TryGetString(out var subject) && Names.Problem(subject, "user") is null
            ? null
            : $"The token's subject (sub) must be a user id: {Names.Rule}.";

    /// <summary>RFC 7519 section 2, with or without a fraction. Null when absent; false when it is no number, or one that is out of range.</summary>
    private static bool TryGetDate(JsonElement claims, string name, out double? seconds)
    {
        seconds = null;
        if (!claims.TryGetProperty(name, out var value))
            return true;
        // A number too large for a double, such as 1e999, reads as infinity or not at all.
        if (value.ValueKind != JsonValueKind.Number || !value.TryGetDouble(out var number) || number is not (>= 0 and <= MaxDate))
            return false;
        seconds = number;
        return true;
    }
}
