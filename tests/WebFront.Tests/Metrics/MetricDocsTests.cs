using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Reflection;
using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using Realtime.Connections;
using Realtime.PushStreams;
using Realtime.Silo;

namespace Realtime.WebFront.Tests.Metrics;

/// <summary>docs/operations.md lists the metrics that there are, with kind, unit and meaning, and no others; their names follow the conventions.</summary>
[Collection(ClusterCollection.Name)]
public sealed partial class MetricDocsTests(Cluster cluster)
{
    private static readonly string s_doc = File.ReadAllText(Path.Combine(Repository(), "docs/operations.md"));
    private static readonly string[] s_meters = [ConnectionTelemetry.MeterName, PushStreamTelemetry.MeterName, SiloTelemetry.MeterName, FrontTelemetry.MeterName];

    [Fact]
    public async Task The_table_is_the_instruments()
    {
        var instruments = await Instruments();
        var rows = instruments.Select(instrument => $"| `{instrument.Name}` | {KindOf(instrument)} | `{instrument.Unit}` |").Order(StringComparer.Ordinal);
        string[] documented = [.. Row().Matches(s_doc).Select(match => $"| `{match.Groups[1].Value}` | {match.Groups[2].Value} | `{match.Groups[3].Value}` |").Order(StringComparer.Ordinal)];
        Assert.Equal(rows, documented);
        foreach (Match row in Row().Matches(s_doc))
            Assert.Equal(instruments.Single(instrument => instrument.Name == row.Groups[1].Value).Description, row.Groups[5].Value);
    }

    [Fact]
    public async Task Names_and_units_follow_the_conventions()
    {
        foreach (var instrument in await Instruments())
        {
            Assert.Matches("^realtime(\\.[a-z][a-z_]*)+$", instrument.Name);
            Assert.DoesNotContain("total", instrument.Name, StringComparison.Ordinal); // exporters add it
            Assert.Matches("^(s|By|\\{[a-z]+\\})$", instrument.Unit); // UCUM
            Assert.EndsWith(".", instrument.Description, StringComparison.Ordinal);
            if (KindOf(instrument) == "histogram")
                Assert.True(instrument is Histogram<double> { Advice.HistogramBucketBoundaries.Count: > 0 } or Histogram<long> { Advice.HistogramBucketBoundaries.Count: > 0 }, instrument.Name);
        }
    }

    /// <summary>Those of the libraries: what a front makes when it starts, and what is made when it is first used.</summary>
    private async Task<Instrument[]> Instruments()
    {
        var found = new ConcurrentDictionary<string, Instrument>();
        using var listener = new MeterListener();
        listener.InstrumentPublished = (instrument, _) =>
        {
            if (s_meters.Contains(instrument.Meter.Name))
                found[instrument.Name] = instrument;
        };
        listener.Start();
        foreach (var assembly in new[] { typeof(ConnectionTelemetry), typeof(PushStreamTelemetry), typeof(SiloTelemetry), typeof(FrontTelemetry) }.Select(type => type.Assembly))
        {
            foreach (var type in assembly.GetTypes().Where(type => !type.ContainsGenericParameters && type.GetFields(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic).Any(field => field.FieldType.IsAssignableTo(typeof(Instrument)))))
                RuntimeHelpers.RunClassConstructor(type.TypeHandle);
        }
        await using var front = await cluster.StartFront();
        await using var client = await front.Connect("metric-docs");
        await client.Join("metric-docs");
        await client.Ask(new() { ["type"] = "message", ["room"] = "metric-docs", ["content"] = "x" });
        return [.. found.Values];
    }

    private static string KindOf(Instrument instrument) => instrument.GetType().Name.Split('`')[0] switch
    {
        "Counter" or "ObservableCounter" => "counter",
        "Histogram" => "histogram",
        "UpDownCounter" or "ObservableUpDownCounter" => "up-down counter",
        _ => "gauge",
    };

    private static string Repository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Realtime.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("The tests are not below the repository.");
        return folder.FullName;
    }

    // Name, kind, unit, attributes, meaning.
    [GeneratedRegex(@"^\| `(realtime\.[^`]+)` \| ([a-z -]+) \| `([^`]+)` \| ([^|]*) \| ([^|]+) \|$", RegexOptions.Multiline)]
    private static partial Regex Row();
}
