using System.Globalization;
using System.Security.Claims;
using System.Text.Json;

namespace Realtime.WebFront.Security.Tokens;

/// <summary>
/// Turns the payload of a valid token into claims under the names that the token has (<c>sub</c>, <c>exp</c>,
/// <c>scope</c>, ...): an array gives a claim per item, an object one claim with its JSON, null none.
/// </summary>
internal static class TokenIdentity
{
    public static TokenResult Create(JsonElement payload)
    {
        var identity = new ClaimsIdentity(RealtimeSchemes.Bearer, nameType: "sub", roleType: "roles");
        try
        {
            foreach (var claim in payload.EnumerateObject())
            {
                if (claim.Value.ValueKind == JsonValueKind.Array)
                    foreach (var item in claim.Value.EnumerateArray())
                        Add(identity, claim.Name, item);
                else
                    Add(identity, claim.Name, claim.Value);
            }
        }
        catch (InvalidOperationException)
        {
            return new TokenResult(null, "A claim of the token is not text: it holds half of a surrogate pair.");
        }
        return new TokenResult(identity, null);
    }

    private static void Add(ClaimsIdentity identity, string name, JsonElement value)
    {
        switch (value.ValueKind)
        {
            case JsonValueKind.Null:
                break;
            case JsonValueKind.String:
                identity.AddClaim(new Claim(name, value.GetString()!, ClaimValueTypes.String));
                break;
            case JsonValueKind.True or JsonValueKind.False:
                identity.AddClaim(new Claim(name, value.ValueKind == JsonValueKind.True ? "true" : "false", ClaimValueTypes.Boolean));
                break;
            // Whole seconds, so that nobody after us meets 1.3e9 or a fraction.
            case JsonValueKind.Number when name == "exp":
                identity.AddClaim(new Claim(name, ((long)value.GetDouble()).ToString(CultureInfo.InvariantCulture), ClaimValueTypes.Integer64));
                break;
            case JsonValueKind.Number:
                identity.AddClaim(new Claim(name, value.GetRawText(), value.TryGetInt64(out _) ? ClaimValueTypes.Integer64 : ClaimValueTypes.Double));
                break;
            default:
                identity.AddClaim(new Claim(name, value.GetRawText(), "JSON"));
                break;
        }
    }
}
