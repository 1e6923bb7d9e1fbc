using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Microsoft.Extensions.Options;
using Realtime.Settings;

namespace Realtime.WebFront.Security;

/// <summary>
/// Which tokens the scheme <see cref="RealtimeSchemes.Bearer"/> accepts; configuration section <see cref="Section"/>, the one that
/// ASP.NET Core has for a scheme of this name and that <c>dotnet user-jwts</c> writes. Read once, at start; keys that change
/// belong into <see cref="JwksFile"/>, or come from the issuer (<see cref="Authority"/>, <see cref="JwksUrl"/>).
/// </summary>
/// <remarks>
/// Outside Development at least one key, or a place to get keys from, is required: a start without any fails with an
/// <see cref="OptionsValidationException"/> that names the setting. So does any value that is
/// out of range. Neither is checked when a user's own scheme has become the default.
/// </remarks>
public sealed class BearerOptions : ISettings
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Authentication:Schemes:Bearer";

    private static readonly SettingsSection s_settings = new(Section, typeof(BearerOptions))
    {
        Former = new("Authentication:Bearer", $"is {Section} now: Issuer is ValidIssuer there, Audience is ValidAudience, and Keys are SigningKeys "
            + "(Id, and Value with the secret as base64) or PublicKeys (Id, and Value with the PEM)."),
    };

    /// <summary>The section, with what is needed in this environment.</summary>
    internal static SettingsSection Settings(IHostEnvironment environment) => s_settings with { Check = settings => ((BearerOptions)settings).Problems(environment) };

    private IEnumerable<string> Problems(IHostEnvironment environment)
    {
        if (JwksFileIn(environment)?.Problem() is { } problem)
            yield return problem;
        if (!HasKeys && !environment.IsDevelopment())
        {
            yield return $"{Section} has no keys, neither SigningKeys nor PublicKeys, JwksFile, JwksUrl, Authority or MetadataAddress: no client could "
                + $"prove who it is. In the environment '{environment.EnvironmentName}' give at least one, or make another authentication scheme the default.";
        }
    }

    internal JwksFile? JwksFileIn(IHostEnvironment environment) =>
        string.IsNullOrWhiteSpace(JwksFile) ? null : new JwksFile(Path.GetFullPath(JwksFile, environment.ContentRootPath));

    /// <summary>The longest <see cref="ClockSkew"/>: five minutes, past which an expiry means little.</summary>
    public static readonly TimeSpan MaxClockSkew = TimeSpan.FromMinutes(5);

    /// <summary>The exact <c>iss</c> of a token (RFC 7519 section 4.1.1). Required with keys, unless the issuer's own metadata name it.</summary>
    public string? ValidIssuer { get; set; }

    /// <summary>More of them.</summary>
    public IList<string> ValidIssuers { get; } = [];

    /// <summary>What a token's <c>aud</c> must be or hold (RFC 7519 section 4.1.3). Required with keys.</summary>
    public string? ValidAudience { get; set; }

    /// <summary>More of them: one is enough.</summary>
    public IList<string> ValidAudiences { get; } = [];

    /// <summary>How far the issuer's clock may be from ours: 0 to 5 minutes, 30 seconds by default.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:05:00")]
    public TimeSpan ClockSkew { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The longest life of a token, from its issue to its expiry; 24 hours by default. Its setting is that of the list that remembers
    /// revoked ones, <c>Revocations:MaxTokenLifetime</c>.
    /// </summary>
    public TimeSpan MaxTokenLifetime { get; internal set; } = TimeSpan.FromHours(24);

    /// <summary>Secrets for HS256: each value at least 32 random bytes as base64 (<c>openssl rand -base64 32</c>).</summary>
    public IList<SigningKeyOptions> SigningKeys { get; } = [];

    /// <summary>Keys for RS256 (2048 bits and more) and ES256 (P-256): each value PEM that starts with <c>-----BEGIN PUBLIC KEY-----</c>.</summary>
    public IList<SigningKeyOptions> PublicKeys { get; } = [];

    /// <summary>
    /// A file with a JSON Web Key Set (RFC 7517), relative to the content root; its keys join the others. It is read
    /// again when it changes, within seconds and without a restart. A new file that is broken is logged, and the keys before it stay.
    /// </summary>
    public string? JwksFile { get; set; }

    /// <summary>
    /// The address of a JSON Web Key Set, for an issuer without OpenID Connect discovery. It is read at start, each hour or two, and
    /// when a token names a key that is not there, though not more often than every 30 seconds. Without an answer the keys before it stay.
    /// </summary>
    public string? JwksUrl { get; set; }

    /// <summary>
    /// The address of the issuer: its metadata (OpenID Connect Discovery, <c>/.well-known/openid-configuration</c> below it) name the
    /// issuer and its key set, which are read as often as <see cref="JwksUrl"/>.
    /// </summary>
    public string? Authority { get; set; }

    /// <summary>The address of the metadata, where they are not at the usual place below <see cref="Authority"/>.</summary>
    public string? MetadataAddress { get; set; }

    /// <summary>Whether addresses must be https; only for tests is it false.</summary>
    public bool RequireHttpsMetadata { get; set; } = true;

    /// <exception cref="OptionsValidationException">It is no time, or out of its range.</exception>
    internal static TimeSpan ReadMaxTokenLifetime(IConfiguration configuration, TimeSpan otherwise)
    {
        const string path = "Revocations:MaxTokenLifetime";
        return configuration[path] is not { } text ? otherwise
            : TimeSpan.TryParseExact(text, "c", CultureInfo.InvariantCulture, out var time) && time >= TimeSpan.FromMinutes(1) && time <= TimeSpan.FromDays(365) ? time
            : throw new OptionsValidationException("Revocations", typeof(BearerOptions), [$"{path} is '{text}'; it must be a time from 00:01:00 to 365.00:00:00."]);
    }

    internal IEnumerable<string> Issuers => All(ValidIssuer, ValidIssuers);

    internal IEnumerable<string> Audiences => All(ValidAudience, ValidAudiences);

    internal bool HasDiscovery => !string.IsNullOrWhiteSpace(Authority) || !string.IsNullOrWhiteSpace(MetadataAddress);

    internal string? KeysAddress =>
        !string.IsNullOrWhiteSpace(JwksUrl) ? JwksUrl
        : !string.IsNullOrWhiteSpace(MetadataAddress) ? MetadataAddress
        : !string.IsNullOrWhiteSpace(Authority) ? $"{Authority.TrimEnd('/')}/.well-known/openid-configuration"
        : null;

    internal bool HasKeys => SigningKeys.Count + PublicKeys.Count > 0 || !string.IsNullOrWhiteSpace(JwksFile) || KeysAddress is not null;

    IEnumerable<SettingProblem> ISettings.Problems()
    {
        foreach (var problem in ConfiguredKeys.Read(this).Problems)
            yield return problem;
        if (HasKeys && !HasDiscovery && !Issuers.Any())
            yield return new(nameof(ValidIssuer), $"is '{ValidIssuer}'; with keys it must be set to the exact 'iss' of the tokens.");
        if (HasKeys && !Audiences.Any())
            yield return new(nameof(ValidAudience), $"is '{ValidAudience}'; with keys it must be set to a value that the tokens have in 'aud'.");

        foreach (var (setting, value) in new[] { (nameof(JwksUrl), JwksUrl), (nameof(Authority), Authority), (nameof(MetadataAddress), MetadataAddress) })
        {
            if (!string.IsNullOrWhiteSpace(value) && !IsAddress(value))
                yield return new(setting, $"is '{value}'; it must be an address that starts with https://{(RequireHttpsMetadata ? "" : " or http://")}.");
        }
        if (!string.IsNullOrWhiteSpace(JwksUrl) && HasDiscovery)
            yield return new(nameof(JwksUrl), $"is '{JwksUrl}', and {nameof(Authority)} or {nameof(MetadataAddress)} is set too; one of them must say where the keys are.");
    }

    private bool IsAddress(string text) =>
        Uri.TryCreate(text, UriKind.Absolute, out var uri)
        && (uri.Scheme == Uri.UriSchemeHttps || (uri.Scheme == Uri.UriSchemeHttp && !RequireHttpsMetadata));

    private static IEnumerable<string> All(string? one, IList<string> more) => more.Prepend(one!).Where(text => !string.IsNullOrWhiteSpace(text));
}
