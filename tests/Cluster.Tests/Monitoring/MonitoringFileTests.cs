using System.Text.Json;
using System.Text.RegularExpressions;

namespace Realtime.Cluster.Tests.Monitoring;

/// <summary>Dashboards and alarms ask for what processes show, and docs/runbook.md has a section for each alarm.</summary>
public sealed partial class MonitoringFileTests(PostgresFixture postgres)
{
    private static readonly TimeSpan s_bound = TimeSpan.FromSeconds(60);
    private static readonly HashSet<string> s_ofPrometheus = ["up", "ALERTS"];
    private static readonly HashSet<string> s_labelsOfPrometheus = ["job", "instance", "alertname", "alertstate"];

    [Fact]
    public void Each_alarm_says_how_bad_it_is_what_is_wrong_and_where_the_runbook_has_it_and_the_runbook_has_no_others()
    {
        Assert.InRange(MonitoringFiles.Alarms.Count, 20, 100);
        foreach (var alarm in MonitoringFiles.Alarms)
        {
            Assert.StartsWith("Realtime", alarm.Name, StringComparison.Ordinal);
            Assert.Contains(alarm.Severity, new[] { "critical", "warning" });
            Assert.NotEmpty(alarm.Summary);
            Assert.EndsWith(".", alarm.Description, StringComparison.Ordinal);
            Assert.Equal($"docs/runbook.md#{alarm.Name.ToLowerInvariant()}", alarm.Runbook);
        }
        var sections = Section().Split(File.ReadAllText(Path.Combine(MonitoringFiles.Root, "docs/runbook.md")));
        Assert.Equal(MonitoringFiles.Alarms.Select(alarm => alarm.Name), sections.Skip(1).Where((_, at) => at % 2 == 0)); // in the same order, each once
        foreach (var section in sections.Skip(1).Where((_, at) => at % 2 == 1))
        {
            Assert.Contains("**Means**:", section);
            Assert.Contains("**Users notice**:", section);
            Assert.Matches(@"\*\*Look\*\*:[\s\S]*\*\*Do\*\*:|\*\*Look, do\*\*:", section);
        }
    }

    [Fact]
    public void Dashboards_are_such_as_Grafana_reads()
    {
        Assert.Equal(MonitoringFiles.Dashboards.Count, MonitoringFiles.Dashboards.Values.Select(dashboard => dashboard.GetProperty("uid").GetString()).Distinct().Count());
        foreach (var dashboard in MonitoringFiles.Dashboards.Values)
        {
            Assert.InRange(dashboard.GetProperty("schemaVersion").GetInt32(), 36, 41);
            Assert.NotEmpty(dashboard.GetProperty("title").GetString()!);
            var variables = dashboard.GetProperty("templating").GetProperty("list").EnumerateArray().Select(variable => $"{variable.GetProperty("type")} {variable.GetProperty("name")}");
            Assert.Equal(["datasource datasource", "query job", "query instance"], variables);
            var all = dashboard.GetProperty("panels").EnumerateArray().ToArray();
            Assert.Equal(all.Length, all.Select(panel => panel.GetProperty("id").GetInt32()).Distinct().Count());
            Assert.Empty(all.SelectMany((panel, at) => all.Skip(at + 1).Where(other => Overlap(panel.GetProperty("gridPos"), other.GetProperty("gridPos"))).Select(other => $"{panel.GetProperty("title")} and {other.GetProperty("title")}")));
            foreach (var panel in MonitoringFiles.Panels(dashboard))
            {
                Assert.NotEmpty(panel.GetProperty("fieldConfig").GetProperty("defaults").GetProperty("unit").GetString()!);
                Assert.NotEmpty(panel.GetProperty("targets").EnumerateArray());
                foreach (var target in panel.GetProperty("targets").EnumerateArray())
                {
                    Assert.Equal("${datasource}", target.GetProperty("datasource").GetProperty("uid").GetString());
                    // Of what is chosen above, and alarms of all.
                    Assert.All(new PromQl(target.GetProperty("expr").GetString()!).Selectors.Where(selector => selector.Metric != "ALERTS"),
                        selector => Assert.Equal(2, selector.Matchers.Count(matcher => matcher is ("job", "=~", "$job") or ("instance", "=~", "$instance"))));
                }
            }
        }
    }

    [Fact]
    public async Task What_dashboards_and_alarms_ask_for_exists()
    {
        PromQl[] expressions = [.. MonitoringFiles.Alarms.Select(alarm => alarm.Expression), .. MonitoringFiles.Dashboards.Values.SelectMany(MonitoringFiles.Expressions).Select(expression => new PromQl(expression))];
        var names = expressions.SelectMany(expression => expression.Selectors).Select(selector => selector.Metric).Distinct().Except(s_ofPrometheus).ToArray();
        var ours = names.Where(name => name.StartsWith("realtime_", StringComparison.Ordinal)).ToArray();
        Assert.Empty(ours.Except(MonitoringFiles.Documented.Keys));

        await using var cluster = await Clusters.Start(postgres, silos: 1, fronts: 1);
        await using var alice = await Client.Connect(cluster.Fronts[0], "alice");
        await alice.Join("monitored");
        await cluster.Fronts[0].Get("/api/rooms/monitored");
        // What others measure, collections of garbage for one, may come a little later.
        var others = names.Except(ours).ToArray();
        MetricsText.Sample[] shown = [];
        using var bound = new CancellationTokenSource(s_bound);
        while (others.Except(shown.Select(sample => sample.Name)).Any())
        {
            Assert.False(bound.IsCancellationRequested, $"Nothing shows {string.Join(", ", others.Except(shown.Select(sample => sample.Name)))}.");
            for (var n = 0; n < 20; n++)
                await alice.Publish("monitored", new string('x', 10_000));
            shown = [.. (await MetricsText.Of(cluster.Silos[0])).Samples, .. (await MetricsText.Of(cluster.Fronts[0])).Samples];
        }

        // The docs name what is shown as Prometheus has it.
        Assert.Empty(shown.Where(sample => sample.Name.StartsWith("realtime_", StringComparison.Ordinal)).Select(sample => sample.Name).Distinct().Except(MonitoringFiles.Documented.Keys));
        foreach (var expression in expressions)
        {
            var labels = expression.Selectors.SelectMany(selector => MonitoringFiles.Documented.TryGetValue(selector.Metric, out var documented)
                ? documented
                : shown.Where(sample => sample.Name == selector.Metric).SelectMany(sample => sample.Labels.Keys));
            Assert.Empty(expression.Labels.Except(labels).Except(s_labelsOfPrometheus));
        }
        // Limits are those that there are.
        var limits = shown.Where(sample => sample.Name == "realtime_front_limits_total").Select(sample => sample.Labels["realtime_limit"])
            .Concat(Code().Matches(File.ReadAllText(Path.Combine(MonitoringFiles.Root, "docs/architecture.md"))).Select(match => match.Groups[1].Value));
        Assert.Empty(expressions.SelectMany(expression => expression.Selectors).SelectMany(selector => selector.Matchers)
            .Where(matcher => matcher.Label == "realtime_limit").SelectMany(matcher => matcher.Value.Split('|')).Except(limits));
        Assert.Contains(shown, sample => sample.Labels.GetValueOrDefault("http_route") == "/health/ready");
        Assert.Contains(shown, sample => sample.Labels.GetValueOrDefault("http_route")?.StartsWith("/api/", StringComparison.Ordinal) == true);
    }

    [Fact]
    public void What_Prometheus_reads_is_YAML_and_names_the_roles_that_the_alarms_are_of()
    {
        var settings = (Dictionary<object, object>)MonitoringFiles.Yaml(Path.Combine(MonitoringFiles.Root, "deploy/prometheus/prometheus.yml"));
        Assert.Equal(["rules.yml"], (List<object>)settings["rule_files"]);
        Assert.Equal(["realtime-silo", "realtime-front"], ((List<object>)settings["scrape_configs"]).Select(job => ((Dictionary<object, object>)job)["job_name"]));
    }

    [Fact]
    public async Task The_alarms_are_those_that_promtool_takes_and_fire_when_they_should()
    {
        var promtool = ProcessStart.FindInPath("promtool");
        Assert.SkipWhen(promtool is null, "promtool, of Prometheus, is not installed.");
        var folder = Path.GetDirectoryName(MonitoringFiles.RulesFile)!;
        await ServerProcess.Run(new("promtool", folder, promtool!, "check", "rules", "rules.yml"));
        await ServerProcess.Run(new("promtool", folder, promtool!, "test", "rules", "rules.test.yml"));
    }

    [Fact]
    public void What_expressions_ask_for_is_read_from_them()
    {
        var expression = new PromQl("sum by (job, le) (rate(a_total{x=\"1 {\", y!~\"b|c\"}[5m])) / on (z) d > 0.85 * 2 unless (e unless e offset 10m) or vector(0)");
        Assert.Equal(["a_total", "d", "e", "e"], expression.Selectors.Select(selector => selector.Metric));
        Assert.Equal([("x", "=", "1 {"), ("y", "!~", "b|c")], expression.Selectors[0].Matchers);
        Assert.Equal(["job", "le", "x", "y", "z"], expression.Labels.Order());
        Assert.Equal(["up"], new PromQl("label_values(up{job=~\"$job\"}, instance)").Selectors.Select(selector => selector.Metric));
        var text = new MetricsText("# TYPE a_total counter\na_total{x=\"1 {\",y=\"d\"} 3\na_total{x=\"1 {\",y=\"b\"} 4\n");
        Assert.Equal(3, expression.Selectors[0].Sum(text));
        Assert.Null(expression.Selectors[1].Sum(text));
    }

    private static bool Overlap(JsonElement one, JsonElement other) =>
        Side(one, "x") < Side(other, "x") + Side(other, "w") && Side(other, "x") < Side(one, "x") + Side(one, "w")
        && Side(one, "y") < Side(other, "y") + Side(other, "h") && Side(other, "y") < Side(one, "y") + Side(one, "h");

    private static int Side(JsonElement position, string name) => position.GetProperty(name).GetInt32();

    [GeneratedRegex(@"^### (\w+)\n", RegexOptions.Multiline)]
    private static partial Regex Section();

    [GeneratedRegex("`([a-z_]+)`")]
    private static partial Regex Code();
}
