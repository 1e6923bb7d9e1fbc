using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.JwtBearer;
using Microsoft.Extensions.Options;
using Microsoft.IdentityModel.Tokens;

namespace Realtime.WebFront.Security;

/// <summary>
/// Sets the framework's options of our scheme. That comes last: a scheme of the application's own brings along what binds the section
/// of every scheme, and would replace our rules.
/// </summary>
internal sealed class BearerSetup(
    IOptions<AuthenticationOptions> schemes, IOptions<BearerOptions> settings, Func<StrictTokenHandler> handler, Func<BearerEvents> events)
    : IPostConfigureOptions<JwtBearerOptions>
{
    /// <summary>Whether the scheme of our name is ours.</summary>
    public static bool IsOurs(AuthenticationOptions schemes) =>
        schemes.SchemeMap.TryGetValue(RealtimeSchemes.Bearer, out var scheme) && scheme.HandlerType == typeof(BearerHandler);

    public void PostConfigure(string? name, JwtBearerOptions options)
    {
        if (name != RealtimeSchemes.Bearer || !IsOurs(schemes.Value))
            return;

        var rules = settings.Value;
        options.MapInboundClaims = false;
        options.SaveToken = false;
        options.TokenHandlers.Clear();
        options.TokenHandlers.Add(handler());
        // SigningKeys asks the issuer.
        (options.Authority, options.MetadataAddress, options.ConfigurationManager) = (null, null!, null);
        options.Events = events();
        options.TokenValidationParameters = new TokenValidationParameters
        {
            ValidIssuers = [.. rules.Issuers],
            ValidAudiences = [.. rules.Audiences],
            IgnoreTrailingSlashWhenValidatingAudience = false,
            ClockSkew = rules.ClockSkew,
            ValidAlgorithms = [SecurityAlgorithms.HmacSha256, SecurityAlgorithms.RsaSha256, SecurityAlgorithms.EcdsaSha256],
            TryAllIssuerSigningKeys = false, // the handler has chosen them
            NameClaimType = "sub",
            RoleClaimType = "roles",
        };
    }
}
