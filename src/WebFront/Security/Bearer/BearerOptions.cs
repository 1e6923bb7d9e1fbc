using System.ComponentModel.DataAnnotations;
using Realtime.Settings;

namespace Realtime.WebFront.Security;

/// <summary>
/// Which tokens the scheme <see cref="RealtimeSchemes.Bearer"/> accepts; configuration section
/// <see cref="Section"/>. Read once, at start; keys that change belong into <see cref="JwksFile"/>.
/// </summary>
/// <remarks>
/// Outside Development at least one key is required: a start without any fails with an
/// <see cref="Microsoft.Extensions.Options.OptionsValidationException"/> that names the setting. So does any value that is
/// out of range. Neither is checked when a user's own scheme has become the default.
/// </remarks>
public sealed class BearerOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Authentication:Bearer";

    internal static readonly SettingsSection Settings = new(Section, typeof(BearerOptions));

    /// <summary>The longest <see cref="ClockSkew"/>: five minutes, past which an expiry means little.</summary>
    public static readonly TimeSpan MaxClockSkew = TimeSpan.FromMinutes(5);

    /// <summary>The exact <c>iss</c> of a token (RFC 7519 section 4.1.1). Required with keys.</summary>
    public string? Issuer { get; set; }

    /// <summary>What a token's <c>aud</c> must be or hold (RFC 7519 section 4.1.3). Required with keys.</summary>
    public string? Audience { get; set; }

    /// <summary>How far the issuer's clock may be from ours: 0 to 5 minutes, 30 seconds by default.</summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:05:00")]
    public TimeSpan ClockSkew { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Keys written into the configuration.</summary>
    public IList<BearerKeyOptions> Keys { get; } = [];

    /// <summary>
    /// A file with a JSON Web Key Set (RFC 7517), relative to the content root; its keys join <see cref="Keys"/>. It is read
    /// again when it changes, within seconds and without a restart. A new file that is broken is logged, and the keys before it stay.
    /// </summary>
    public string? JwksFile { get; set; }
}
