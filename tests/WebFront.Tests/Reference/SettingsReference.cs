using System.Collections;
using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Realtime.Settings;

namespace Realtime.WebFront.Tests.Reference;

/// <summary>Writes what settings there are, from the classes that they are bound to and the comments of these.</summary>
internal static partial class SettingsReference
{
    public static readonly Assembly[] Libraries =
    [
        typeof(Connections.Connection).Assembly, typeof(RealtimeFrontExtensions).Assembly, typeof(Silo.SiloExtensions).Assembly, typeof(SignalR.BackplaneOptions).Assembly,
        typeof(PushStreams.PushStreamOptions).Assembly, Assembly.Load("Realtime.Server"),
    ];

    private static readonly Lazy<Dictionary<string, string>> s_comments = new(() => Libraries
        .Select(library => Path.ChangeExtension(library.Location, ".xml")).Where(File.Exists)
        .SelectMany(file => XDocument.Load(file).Descendants("member"))
        .Where(member => member.Element("summary") is not null)
        .ToDictionary(member => member.Attribute("name")!.Value, member => Words(member.Element("summary")!)));

    /// <summary>The sections, each with the classes of its settings.</summary>
    public static IEnumerable<(string Path, Type[] Types)> Sections() =>
        from library in Libraries
        from type in library.GetTypes()
        from field in type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic)
        where field.FieldType == typeof(SettingsSection)
        let section = (SettingsSection)field.GetValue(null)!
        group section.Types by section.Path into sections
        orderby sections.Key
        select (sections.Key, sections.SelectMany(types => types).ToArray());

    public static string Write()
    {
        var text = new StringBuilder();
        foreach (var (path, types) in Sections())
        {
            text.Append(CultureInfo.InvariantCulture, $"\n## `{path}`\n\n");
            text.Append("| setting | default | may be | |\n|---|---|---|---|\n");
            foreach (var type in types)
                WriteRows(text, "", type, Activator.CreateInstance(type, nonPublic: true)!);
        }
        return text.ToString();
    }

    private static void WriteRows(StringBuilder text, string prefix, Type type, object? defaults)
    {
        foreach (var property in SettingsCheck.PropertiesOf(type).OrderBy(property => property.MetadataToken))
        {
            var name = prefix + property.Name;
            var value = defaults is null ? null : property.GetValue(defaults);
            var entry = SettingsCheck.EntryOf(property.PropertyType);
            if (SettingValue.IsValue(property.PropertyType))
                Row(text, name, Default(value), SettingValue.Allowed(Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType, property), property);
            else if (SettingsCheck.ValueOf(property.PropertyType) is not null)
                Row(text, name, "none", "a table of names and values", property);
            else if (entry is not null && SettingValue.IsValue(entry))
                Row(text, name, Default(value), "a list", property);
            else
            {
                Row(text, name, "", entry is null ? "a group" : "a list of groups", property);
                WriteRows(text, entry is null ? $"{name}:" : $"{name}:0:", entry ?? property.PropertyType, entry is null ? value : Activator.CreateInstance(entry, nonPublic: true));
            }
        }
    }

    private static void Row(StringBuilder text, string name, string standard, string allowed, PropertyInfo property)
    {
        var comment = s_comments.Value.GetValueOrDefault($"P:{property.DeclaringType!.FullName!.Replace('+', '.')}.{property.Name}", "");
        text.Append(CultureInfo.InvariantCulture, $"| `{name}` | {standard} | {allowed.Replace("a time as hh:mm:ss or d.hh:mm:ss", "a time", StringComparison.Ordinal)} | {comment.Replace("|", "\\|", StringComparison.Ordinal)} |\n");
    }

    private static string Default(object? value) => value switch
    {
        null or "" => "none",
        bool flag => flag ? "true" : "false",
        string or Enum => $"`{value}`",
        IEnumerable list => list.Cast<object>().Any() ? string.Join(", ", list.Cast<object>().Select(item => $"`{item}`")) : "none",
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    /// <summary>A comment as Markdown, in one line.</summary>
    private static string Words(XElement summary) => Space().Replace(string.Concat(summary.Nodes().Select(node => node switch
    {
        XElement { Name.LocalName: "see" } see => $"`{NameIn(see.Attribute("cref")?.Value ?? see.Attribute("langword")?.Value ?? "")}`",
        XElement { Name.LocalName: "paramref" or "typeparamref" } reference => $"`{reference.Attribute("name")!.Value}`",
        XElement { Name.LocalName: "c" } code => $"`{code.Value}`",
        XElement other => other.Value,
        _ => node.ToString(SaveOptions.DisableFormatting).Replace("&lt;", "<", StringComparison.Ordinal).Replace("&gt;", ">", StringComparison.Ordinal).Replace("&amp;", "&", StringComparison.Ordinal),
    })), " ").Trim();

    private static string NameIn(string reference) => reference.Split('(')[0].Split('.')[^1].Split(':')[^1].Split('`')[0];

    [GeneratedRegex(@"\s+")]
    private static partial Regex Space();
}
