using System.Collections;
using System.Globalization;
using System.Reflection;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;

namespace Realtime.Settings;

/// <summary>
/// The one rule for all settings: a name that does not exist, a text that cannot be read, a value out of its range are each one
/// line that says the name, the value and what is allowed.
/// </summary>
internal static class SettingsCheck
{
    private static readonly SettingsSection s_plain = new("");

    /// <summary>Checks what the configuration says, what is missing in it, and what does not go together.</summary>
    public static IReadOnlyList<string> Problems(IConfiguration configuration, SettingsSection section)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        ArgumentNullException.ThrowIfNull(section);
        var found = Read(configuration, section);
        if (!section.IsUsed)
            return found.Lines;
        // Of each class an instance with what can be read, so that nothing waits until the rest has been mended.
        var problems = section.Types.SelectMany(type =>
        {
            var settings = Activator.CreateInstance(type, nonPublic: true)!;
            return Problems(section, settings, Bind(configuration, section, found, settings));
        });
        return [.. found.Lines.Concat(problems).Distinct()];
    }

    /// <summary>Sets what the configuration says and can be read.</summary>
    /// <returns>What is wrong: with the texts, and if anything is, with the whole.</returns>
    internal static IReadOnlyList<string> Bind(IConfiguration configuration, SettingsSection section, object settings)
    {
        var found = Read(configuration, section);
        var readable = Bind(configuration, section, found, settings);
        return found.Lines.Count == 0 ? [] : [.. found.Lines.Concat(Problems(section, settings, readable)).Distinct()];
    }

    /// <summary>Checks what has been bound, or set in code.</summary>
    public static IReadOnlyList<string> Problems(SettingsSection section, object settings)
    {
        ArgumentNullException.ThrowIfNull(section);
        ArgumentNullException.ThrowIfNull(settings);
        return Problems(section, settings, readable: null);
    }

    private static string[] Problems(SettingsSection section, object settings, IConfiguration? readable)
    {
        var problems = new List<string>();
        CheckObject(section.Path, settings, readable, problems);
        return [.. problems, .. section.Check?.Invoke(settings) ?? []];
    }

    private static Found Read(IConfiguration configuration, SettingsSection section)
    {
        var found = new Found();
        if (section.Former is { } former && configuration.GetSection(former.Setting).Exists())
            found.Lines.Add($"{former.Setting} {former.Says}");
        var settings = configuration.GetSection(section.Path);
        if (!string.IsNullOrEmpty(settings.Value))
            found.Lines.Add($"{section.Path} is one value; it must be a group of settings.");
        CheckGroup(settings, section.Types, section, found);
        return found;
    }

    private static IConfigurationSection Bind(IConfiguration configuration, SettingsSection section, Found found, object settings)
    {
        var good = configuration.GetSection(section.Path).AsEnumerable().Where(setting => setting.Value is not null && !found.IsBad(setting.Key));
        var readable = new ConfigurationBuilder().AddInMemoryCollection(good).Build().GetSection(section.Path);
        readable.Bind(settings);
        section.Complete?.Invoke(configuration, settings);
        return readable;
    }

    /// <summary>Checks what has been bound, or set in code.</summary>
    public static IReadOnlyList<string> Problems(string path, object settings)
    {
        ArgumentNullException.ThrowIfNull(settings);
        var problems = new List<string>();
        CheckObject(path, settings, readable: null, problems);
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

    private static void CheckGroup(IConfigurationSection section, Type[] types, SettingsSection rules, Found found)
    {
        PropertyInfo[] properties = [.. types.SelectMany(PropertiesOf)];
        string[] known = [.. properties.Select(property => property.Name), .. rules.Others];
        foreach (var child in section.GetChildren())
        {
            if (Array.Find(properties, property => property.Name.Equals(child.Key, StringComparison.OrdinalIgnoreCase)) is { } property)
                Check(child, $"{section.Path}:{property.Name}", property.PropertyType, property, found);
            else if (!IsOfOthers(child.Key, known, rules))
                found.Add(child, Unknown(child, known, rules.Moved));
        }
    }

    private static bool IsOfOthers(string name, string[] known, SettingsSection rules) =>
        rules.Others.Contains(name, StringComparer.OrdinalIgnoreCase) || (rules.IsPart && SettingNames.Nearest(name, known) is null);

    private static string Unknown(IConfigurationSection setting, string[] known, IReadOnlyDictionary<string, string> moved)
    {
        var nearest = SettingNames.Nearest(setting.Key, known.Concat(moved.Keys));
        // When nobody can tell what was meant, the value may be a secret.
        var value = setting.Value is { } text && nearest is not null && !SettingNames.IsSecret(setting.Path) && !SettingNames.IsSecret(nearest) ? $" (its value is '{SettingValue.Shown(text)}')" : "";
        var meant = nearest is null ? "" : $" did you mean {moved.GetValueOrDefault(nearest, nearest)}?";
        return $"{setting.Path} is no setting{value};{meant} {(nearest is null ? "there" : "There")} are {string.Join(", ", known)}.";
    }

    private static void Check(IConfigurationSection section, string path, Type type, PropertyInfo? property, Found found)
    {
        IConfigurationSection[] children = [.. section.GetChildren()];
        if (SettingValue.IsValue(type))
        {
            if (children.Length > 0)
                found.Add(section, $"{path} has settings below it ({children[0].Key}); it must be one value.");
            else if (SettingValue.Problem(path, section.Value, type, property) is { } problem)
                found.Add(section, problem);
            return;
        }
        if (!string.IsNullOrEmpty(section.Value))
        {
            found.Add(section, $"{path} is {(SettingNames.IsSecret(path) ? "one value" : $"'{SettingValue.Shown(section.Value)}'")}; it must be {(ValueOf(type) is not null ? "a table of names and values" : EntryOf(type) is not null ? $"a list: {path}:0, {path}:1 and so on" : "a group of settings")}.");
            return;
        }
        if (ValueOf(type) is { } value)
        {
            foreach (var child in children)
                Check(child, child.Path, value, null, found);
        }
        else if (EntryOf(type) is { } entry)
        {
            foreach (var child in children)
            {
                if (!int.TryParse(child.Key, NumberStyles.None, CultureInfo.InvariantCulture, out _))
                    found.Add(child, $"{child.Path} is no entry; those of a list are numbered: {path}:0, {path}:1 and so on.");
                else
                    Check(child, $"{path}:{child.Key}", entry, null, found);
            }
        }
        else
            CheckGroup(section, [type], s_plain, found);
    }

    // Entries of a list are called as the configuration calls them, which may begin at any number and leave some out.
    private static void CheckObject(string path, object settings, IConfiguration? readable, List<string> problems)
    {
        foreach (var property in PropertiesOf(settings.GetType()))
        {
            var (name, value) = ($"{path}:{property.Name}", property.GetValue(settings));
            if (SettingValue.IsValue(property.PropertyType))
            {
                if (SettingValue.Problem(name, value, property) is { } problem)
                    problems.Add(problem);
            }
            else if (EntryOf(property.PropertyType) is null && ValueOf(property.PropertyType) is null)
            {
                if (value is not null)
                    CheckObject(name, value, readable?.GetSection(property.Name), problems);
            }
            else if (EntryOf(property.PropertyType) is { } entry && !SettingValue.IsValue(entry) && ValueOf(property.PropertyType) is null)
            {
                foreach (var (index, item) in ((IEnumerable?)value ?? Array.Empty<object>()).Cast<object>().Index())
                {
                    var number = NameOf(readable?.GetSection(property.Name), index);
                    CheckObject($"{name}:{number}", item, readable?.GetSection($"{property.Name}:{number}"), problems);
                }
            }
        }
        if (settings is ISettings more)
            problems.AddRange(more.Problems().Select(problem => $"{path}:{Renamed(problem.Setting, readable)} {problem.Says}"));
    }

    private static string Renamed(string setting, IConfiguration? readable)
    {
        var names = setting.Split(':');
        if (names.Length > 1 && int.TryParse(names[1], NumberStyles.None, CultureInfo.InvariantCulture, out var index))
            names[1] = NameOf(readable?.GetSection(names[0]), index);
        return string.Join(':', names);
    }

    private static string NameOf(IConfigurationSection? list, int index) =>
        list?.GetChildren().ElementAtOrDefault(index)?.Key ?? index.ToString(CultureInfo.InvariantCulture);

    // What the binder can set: not what is for code, as functions and abstract classes are.
    internal static IEnumerable<PropertyInfo> PropertiesOf(Type type) => type.GetProperties(BindingFlags.Public | BindingFlags.Instance)
        .Where(property => property.GetMethod is { IsPublic: true } && !typeof(Delegate).IsAssignableFrom(property.PropertyType)
            && !(property.PropertyType.IsAbstract && EntryOf(property.PropertyType) is null)
            && (property.SetMethod is { IsPublic: true } || EntryOf(property.PropertyType) is not null));

    internal static Type? ValueOf(Type type) => Generic(type, typeof(IDictionary<,>))?[1];

    internal static Type? EntryOf(Type type) => type == typeof(string) ? null : Generic(type, typeof(ICollection<>))?[0];

    private static Type[]? Generic(Type type, Type definition) => type.GetInterfaces().Append(type)
        .FirstOrDefault(candidate => candidate.IsGenericType && candidate.GetGenericTypeDefinition() == definition)?.GetGenericArguments();

    /// <summary>What is wrong with the texts, and which settings are therefore not to be read.</summary>
    private sealed class Found
    {
        private readonly List<string> _bad = [];

        public List<string> Lines { get; } = [];

        public void Add(IConfigurationSection setting, string line)
        {
            Lines.Add(line);
            _bad.Add(setting.Path);
        }

        public bool IsBad(string path) => _bad.Exists(bad => path.StartsWith(bad, StringComparison.OrdinalIgnoreCase)
            && (path.Length == bad.Length || path[bad.Length] == ':'));
    }
}
