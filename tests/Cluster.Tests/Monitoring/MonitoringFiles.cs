using System.Text.Json;
using System.Text.RegularExpressions;
using YamlDotNet.Serialization;

namespace Realtime.Cluster.Tests.Monitoring;

/// <summary>The files of <c>deploy/prometheus</c> and <c>deploy/grafana</c>, and what docs say of metrics and alarms.</summary>
internal static partial class MonitoringFiles
{
    public sealed record Alarm(string Name, PromQl Expression, string Severity, string Summary, string Description, string Runbook);

    public static string Root { get; } = FindRoot();

    public static string RulesFile { get; } = Path.Combine(Root, "deploy/prometheus/rules.yml");

    public static IReadOnlyList<Alarm> Alarms { get; } = [.. Groups().SelectMany(group => (List<object>)group["rules"]).Select(rule => AlarmOf((Dictionary<object, object>)rule))];

    /// <summary>Each dashboard's file and what is in it.</summary>
    public static IReadOnlyDictionary<string, JsonElement> Dashboards { get; } =
        Directory.GetFiles(Path.Combine(Root, "deploy/grafana"), "*.json").ToDictionary(file => Path.GetFileName(file), file => JsonElement.Parse(File.ReadAllText(file)));

    /// <summary>The names by which Prometheus has the metrics of docs/operations.md, each with its labels.</summary>
    public static IReadOnlyDictionary<string, string[]> Documented { get; } =
        Row().Matches(File.ReadAllText(Path.Combine(Root, "docs/operations.md"))).SelectMany(Names).ToDictionary(pair => pair.Name, pair => pair.Labels);

    public static Alarm AlarmNamed(string name) => Alarms.Single(alarm => alarm.Name == name);

    /// <summary>The panels of a dashboard that show something.</summary>
    public static IEnumerable<JsonElement> Panels(JsonElement dashboard) =>
        dashboard.GetProperty("panels").EnumerateArray().Where(panel => panel.GetProperty("type").GetString() != "row");

    /// <summary>All that a dashboard asks Prometheus for: panels, variables, annotations.</summary>
    public static IEnumerable<string> Expressions(JsonElement dashboard) =>
        Panels(dashboard).SelectMany(panel => panel.GetProperty("targets").EnumerateArray()).Select(target => target.GetProperty("expr").GetString()!)
            .Concat(dashboard.GetProperty("templating").GetProperty("list").EnumerateArray().Where(variable => variable.GetProperty("type").GetString() == "query").Select(variable => variable.GetProperty("definition").GetString()!))
            .Concat(dashboard.GetProperty("annotations").GetProperty("list").EnumerateArray().Select(annotation => annotation.GetProperty("expr").GetString()!));

    /// <summary>A YAML file as dictionaries, lists and strings.</summary>
    public static object Yaml(string file) => new DeserializerBuilder().WithDuplicateKeyChecking().Build().Deserialize(File.ReadAllText(file))!;

    private static IEnumerable<Dictionary<object, object>> Groups() =>
        ((List<object>)((Dictionary<object, object>)Yaml(RulesFile))["groups"]).Cast<Dictionary<object, object>>();

    private static Alarm AlarmOf(Dictionary<object, object> rule)
    {
        var (labels, annotations) = ((Dictionary<object, object>)rule["labels"], (Dictionary<object, object>)rule["annotations"]);
        return new((string)rule["alert"], new((string)rule["expr"]), (string)labels["severity"], (string)annotations["summary"], (string)annotations["description"], (string)annotations["runbook_url"]);
    }

    private static IEnumerable<(string Name, string[] Labels)> Names(Match row)
    {
        var unit = row.Groups[3].Value switch { "By" => "_bytes", "s" => "_seconds", _ => "" };
        var name = row.Groups[1].Value.Replace('.', '_') + unit;
        string[] labels = [.. Attribute().Matches(row.Groups[4].Value).Select(match => match.Groups[1].Value.Replace('.', '_'))];
        return row.Groups[2].Value switch
        {
            "counter" => [($"{name}_total", labels)],
            "histogram" => [($"{name}_bucket", [.. labels, "le"]), ($"{name}_sum", labels), ($"{name}_count", labels)],
            _ => [(name, labels)],
        };
    }

    private static string FindRoot()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Realtime.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("The tests are not below the repository.");
        return folder.FullName;
    }

    // Name, kind, unit, attributes.
    [GeneratedRegex(@"^\| `(realtime\.[^`]+)` \| ([a-z -]+) \| `([^`]+)` \| ([^|]*) \|", RegexOptions.Multiline)]
    private static partial Regex Row();

    // An attribute has a dot in its name; values have none.
    [GeneratedRegex(@"`([a-z_]+\.[a-z_.]+)`")]
    private static partial Regex Attribute();
}
