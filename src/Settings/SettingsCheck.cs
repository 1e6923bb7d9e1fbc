using System.Collections;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Realtime.Settings;

/// <summary>A section of the configuration, and the classes whose public properties are its settings.</summary>
/// <param name="Path">Its name: <c>Connections</c>, <c>Authentication:Schemes:Bearer</c>.</param>
/// <param name="Types">Mostly one.</param>
public sealed record SettingsSection(string Path, params Type[] Types)
{
    /// <summary>Names that were settings of this section once, and where what they set is set now.</summary>
    public IReadOnlyDictionary<string, string> Moved { get; init; } = new Dictionary<string, string>();

    /// <summary>The section that this one has replaced, and what to say where it is still there.</summary>
    public SettingProblem? Former { get; init; }
}

/// <summary>
/// The one rule for all settings: a name that does not exist, a text that cannot be read, a value out of its range are each one
/// line that says the name, the value and what is allowed.
/// </summary>
public static class SettingsCheck
{
    private static readonly Dictionary<string, string> s_nothingMoved = [];

    /// <summary>Checks what the configuration says, before it is bound.</summary>
    public static IReadOnlyList<string> Problems(IConfiguration configuration, SettingsSection section)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(section);
        return Problems(configuration, section, withRanges: true);
    }

    /// <summary>Checks what the configuration says, before it is bound; ranges only if they are not checked when it is.</summary>
    internal static IReadOnlyList<string> Problems(IConfiguration configuration, SettingsSection section, bool withRanges)
    {
        var problems = new Found(withRanges);
        if (section.Former is { } former && configuration.GetSection(former.Setting).Exists())
            problems.Add($"{former.Setting} {former.Says}");
        CheckGroup(configuration.GetSection(section.Path), section.Types, section.Moved, problems);
        return problems;
    }

    /// <summary>Checks what has been bound, or set in code.</summary>
    public static IReadOnlyList<string> Problems(string path, object settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var problems = new List<string>();
        CheckObject(path, settings, problems);
        return problems;
    }

    /// <summary>Checks all sections of a process at once, and whether another one is meant to be one of them.</summary>
    /// <exception cref="OptionsValidationException">Something is wrong; each failure is a line.</exception>
    public static void All(IConfiguration configuration, params SettingsSection[] sections)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(sections);
        List<string> problems = [.. HostSettings.Problems(configuration), .. sections.SelectMany(section => Problems(configuration, section))];
        foreach (var level in sections.SelectMany(section => LevelsOf(section.Path)).Distinct().GroupBy(level => level.Parent, level => level.Name))
            CheckSiblings(configuration, level.Key, [.. level], problems);
        if (problems.Count > 0)
            throw new OptionsValidationException("", typeof(SettingsSection), problems.Distinct());
    }

    // Only a section that has settings, and is nearly called as one of ours: an application has others, and the environment anything.
    private static void CheckSiblings(IConfiguration configuration, string parent, string[] known, List<string> problems)
    {
        foreach (var child in (parent.Length == 0 ? configuration : configuration.GetSection(parent)).GetChildren())
        {
            if (!known.Contains(child.Key, StringComparer.OrdinalIgnoreCase) && child.GetChildren().Any()
                && SettingNames.Nearest(child.Key, known) is { } nearest)
                problems.Add($"{child.Path} is no section; did you mean {(parent.Length == 0 ? nearest : $"{parent}:{nearest}")}?");
        }
    }

    private static IEnumerable<(string Parent, string Name)> LevelsOf(string path)
    {
        var names = path.Split(':');
        return names.Select((name, depth) => (string.Join(':', names[..depth]), name));
    }

    private static void CheckGroup(IConfigurationSection section, Type[] types, IReadOnlyDictionary<string, string> moved, Found problems)
    {
        PropertyInfo[] properties = [.. types.SelectMany(PropertiesOf)];
        foreach (var child in section.GetChildren())
        {
            if (Array.Find(properties, property => property.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase)) is { } property)
                Check(child, $"{section.Path}:{property.Name}", property.PropertyType, property, problems);
            else
                problems.Add(Unknown(child, [.. properties.Select(known => known.Name)], moved));
        }
    }

    private static string Unknown(IConfigurationSection setting, string[] known, IReadOnlyDictionary<string, string> moved)
    {
        var nearest = SettingNames.Nearest(setting.Key, known.Concat(moved.Keys));
        // When nobody can tell what was meant, the value may be a secret.
        var value = setting.Value is { } text && nearest is not null && !SettingNames.IsSecret(setting.Path) && !SettingNames.IsSecret(nearest) ? $" (its value is '{SettingValue.Shown(text)}')" : "";
        var meant = nearest is null ? "" : $" did you mean {moved.GetValueOrDefault(nearest, nearest)}?";
        return $"{setting.Path} is no setting{value};{meant} {(nearest is null ? "there" : "There")} are {string.Join(", ", known)}.";
    }

    private static void Check(IConfigurationSection section, string path, Type type, PropertyInfo? property, Found problems)
    {
        IConfigurationSection[] children = [.. section.GetChildren()];
        if (SettingValue.IsValue(type))
        {
            if (children.Length > 0)
                problems.Add($"{path} has settings below it ({children[0].Key}); it must be one value.");
            else if (SettingValue.Problem(path, section.Value, type, property, problems.WithRanges) is { } problem)
                problems.Add(problem);
            return;
        }
        if (!string.IsNullOrEmpty(section.Value))
        {
            problems.Add($"{path} is {(SettingNames.IsSecret(path) ? "one value" : $"'{SettingValue.Shown(section.Value)}'")}; it must be {(ValueOf(type) is not null ? "a table of names and values" : EntryOf(type) is not null ? $"a list: {path}:0, {path}:1 and so on" : "a group of settings")}.");
            return;
        }
        if (ValueOf(type) is { } value)
        {
            foreach (var child in children)
                Check(child, child.Path, value, null, problems);
        }
        else if (EntryOf(type) is { } entry)
        {
            foreach (var child in children)
            {
                if (!int.TryParse(child.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                    problems.Add($"{child.Path} is no entry; those of a list are numbered: {path}:0, {path}:1 and so on.");
                else
                    Check(child, $"{path}:{child.Key}", entry, null, problems);
            }
        }
        else
            CheckGroup(section, [type], s_nothingMoved, problems);
    }

    private static void CheckObject(string path, object settings, List<string> problems)
    {
        foreach (var property in PropertiesOf(settings.GetType()))
        {
            var (name, value) = ($"{path}:{property.Name}", property.GetValue(settings));
            if (SettingValue.IsValue(property.PropertyType))
            {
                if (SettingValue.Problem(name, value, property) is { } problem)
                    problems.Add(problem);
            }
            else if (EntryOf(property.PropertyType) is { } entry && !SettingValue.IsValue(entry) && ValueOf(property.PropertyType) is null)
            {
                foreach (var (index, item) in ((IEnumerable?)value ?? Array.Empty<object>()).Cast<object>().Index())
                    CheckObject($"{name}:{index}", item, problems);
            }
        }
        if (settings is ISettings more)
            problems.AddRange(more.Problems().Select(problem => $"{path}:{problem.Setting} {problem.Says}"));
    }

    // What the binder can set: not what is for code, as functions are.
    private static IEnumerable<PropertyInfo> PropertiesOf(Type type) => type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.GetMethod is { IsPublic: true } && !typeof(Delegate).IsAssignableFrom(property.PropertyType)
            && (property.SetMethod is { IsPublic: true } || EntryOf(property.PropertyType) is not null));

    private static Type? ValueOf(Type type) => Generic(type, typeof(IDictionary<,>))?[1];

    private static Type? EntryOf(Type type) => type == typeof(string) ? null : Generic(type, typeof(ICollection<>))?[0];

    private static Type[]? Generic(Type type, Type definition) => type.GetInterfaces().Append(type)
        .FirstOrDefault(candidate => candidate.IsGenericType && candidate.GetGenericTypeDefinition() == definition)?.GetGenericArguments();

    private sealed class Found(bool withRanges) : List<string>
    {
        public bool WithRanges => withRanges;
    }
}
