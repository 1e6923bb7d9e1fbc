using Microsoft.Extensions.Configuration;

namespace Realtime.Settings;

/// <summary>A section of the configuration, and the classes whose public properties are its settings.</summary>
/// <param name="Path">Its name: <c>Connections</c>, <c>Authentication:Schemes:Bearer</c>.</param>
/// <param name="Types">Mostly one.</param>
internal sealed record SettingsSection(string Path, params Type[] Types)
{
    /// <summary>Names that were settings of this section once, and where what they set is set now.</summary>
    public IReadOnlyDictionary<string, string> Moved { get; init; } = new Dictionary<string, string>();

    /// <summary>The section that this one has replaced, and what to say where it is still there.</summary>
    public SettingProblem? Former { get; init; }

    /// <summary>Sets what is not set here and comes from another section; called with the whole configuration, which may be wrong itself.</summary>
    public Action<IConfiguration, object>? Complete { get; init; }

    /// <summary>What is wrong with the settings that their class cannot know by itself.</summary>
    public Func<object, IEnumerable<string>>? Check { get; init; }

    /// <summary>Names of settings that another library reads from this section.</summary>
    public IReadOnlyList<string> Others { get; init; } = [];

    /// <summary>
    /// Another library reads the rest of this section and checks it, or a process that has both does: of names that are not known here only
    /// those are told that are nearly one of ours.
    /// </summary>
    public bool IsPart { get; init; }

    /// <summary>Whether the process uses it. If not, names and values must be right all the same, but nothing is needed.</summary>
    public bool IsUsed { get; init; } = true;
}
