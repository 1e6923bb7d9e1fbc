using System.ComponentModel.DataAnnotations;
using Realtime.Settings;

namespace Realtime.WebFront.Security;

/// <summary>Whom the scheme <see cref="RealtimeSchemes.Development"/> believes, and to whom the HTTP API is open without a token in Development.</summary>
internal sealed class DevelopmentOptions
{
    /// <summary>Its section, the one that ASP.NET Core has for a scheme of this name.</summary>
    public const string Section = "Authentication:Schemes:Development";

    /// <summary>Who asks from this machine, straight and under a name of this machine: see <see cref="LocalRequest"/>.</summary>
    public const string Loopback = "loopback";

    /// <summary>Everybody whom the network lets in: for a container, or a proxy that keeps others out.</summary>
    public const string Anywhere = "anywhere";

    /// <summary>Nobody: as outside Development.</summary>
    public const string Nowhere = "nowhere";

    [AllowedValues(null, "", Loopback, Anywhere, Nowhere)]
    public string? From { get; set; }

    /// <summary>The section, whose settings must fit the environment.</summary>
    public static SettingsSection Settings(IHostEnvironment environment) => new(Section, typeof(DevelopmentOptions))
    {
        Check = settings => settings is DevelopmentOptions { From: Anywhere } && !environment.IsDevelopment()
            ? [$"{Section}:{nameof(From)} is '{Anywhere}', in the environment '{environment.EnvironmentName}': anyone would be whom it says. It is for Development; remove it."]
            : [],
    };

    /// <summary>Whether a request, in Development, may name its user.</summary>
    public bool Believes(HttpRequest request) => From switch
    {
        Anywhere => true,
        Nowhere => false,
        _ => LocalRequest.IsLocal(request),
    };
}
