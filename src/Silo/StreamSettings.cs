using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Realtime.Silo;

/// <summary>Which streams carry events to the fronts: the setting <c>Streams:Provider</c>.</summary>
internal static class StreamSettings
{
    public const string Section = "Streams";

    /// <summary>The project's own, which push.</summary>
    public const string Push = "push";

    /// <summary>Orleans' own, which poll.</summary>
    public const string Memory = "memory";

    /// <exception cref="OptionsValidationException">The setting is neither.</exception>
    public static string ProviderOf(IConfiguration configuration) => configuration[$"{Section}:Provider"] switch
    {
        null or "" or Push => Push,
        Memory => Memory,
        var other => throw new OptionsValidationException(Section, typeof(string), [$"Streams:Provider is '{other}'; it must be {Push} or {Memory}."]),
    };
}
