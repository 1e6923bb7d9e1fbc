using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Realtime.PushStreams;
using Realtime.Settings;

namespace Realtime.Silo;

/// <summary>Which streams carry events to the fronts: what the section <c>Streams</c> has besides <see cref="PushStreamOptions"/>.</summary>
internal sealed class StreamSettings
{
    public static readonly SettingsSection Settings = new("Streams", typeof(StreamSettings), typeof(PushStreamOptions));

    /// <summary>The project's own, which push.</summary>
    public const string Push = "push";

    /// <summary>Orleans' own, which poll.</summary>
    public const string Memory = "memory";

    /// <summary><c>push</c>: the project's own streams, which is the default. <c>memory</c>: those of Orleans, which poll; the other settings are not for these.</summary>
    [AllowedValues(null, "", Push, Memory)]
    public string? Provider { get; set; }

    /// <exception cref="OptionsValidationException">The setting is neither.</exception>
    public static string ProviderOf(IConfiguration configuration) =>
        configuration.ReadSettings<StreamSettings>(Settings).Provider is { Length: > 0 } provider ? provider : Push;
}
