using System.Globalization;
using System.Text.RegularExpressions;

namespace Realtime.Cluster.Tests.Monitoring;

/// <summary>What a process shows at <c>/metrics</c>.</summary>
internal sealed partial class MetricsText(string text)
{
    public sealed record Sample(string Name, IReadOnlyDictionary<string, string> Labels, double Value);

    public IReadOnlyList<Sample> Samples { get; } = [.. Line().Matches(text).Select(match => new Sample(
        match.Groups[1].Value,
        Label().Matches(match.Groups[2].Value).ToDictionary(label => label.Groups[1].Value, label => label.Groups[2].Value),
        double.Parse(match.Groups[3].Value, CultureInfo.InvariantCulture)))];

    public static async Task<MetricsText> Of(ServerProcess process) => new(await process.Get("/metrics"));

    [GeneratedRegex(@"^([a-z][\w:]*)(?:\{(.*)\})? (\S+)", RegexOptions.Multiline | RegexOptions.IgnoreCase)]
    private static partial Regex Line();

    [GeneratedRegex("""(\w+)="((?:[^"\\]|\\.)*)" """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Label();
}
