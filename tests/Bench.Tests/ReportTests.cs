using System.Xml.Linq;
using Realtime.Bench.Load;
using Realtime.Bench.Reports;

namespace Realtime.Bench.Tests;

public sealed class ReportTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("realtime-bench-tests-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void A_scenario_that_is_measured_again_replaces_its_own_section_only()
    {
        Keep("paced", "first paced");
        Keep("fanout", "first fan-out");
        Keep("fanout", "second fan-out");

        var text = File.ReadAllText(Path.Combine(_folder, "RESULTS.md"));
        var headings = text.Split('\n').Where(line => line.StartsWith("## ")).ToArray();
        Assert.Equal(["## What is asked for, and what was measured", "## second fan-out", "## first paced"], headings);
        Assert.Contains("- [second fan-out](#second-fan-out)\n", text);
        Assert.Contains("| server | figure |\n|---|---|\n| ours | 1.00 |\n", text);
    }

    [Fact]
    public void Bounds_are_at_the_top_and_in_their_section()
    {
        var section = new Section("fanout", "Fan-out", "today");
        section.Verdict("CPU", 0.5, 0.5);
        section.Verdict("per second", 9_999, 10_000, isFloor: true);
        Keep(section);
        Keep("paced", "Paced"); // reads and writes the other one again

        var text = File.ReadAllText(Path.Combine(_folder, "RESULTS.md"));
        Assert.Contains("| Fan-out | CPU | 0.500 | at most 0.500 | met |", text);
        Assert.Contains("| Fan-out | per second | 9,999 | at least 10,000 | missed |", text);
        Assert.Contains("- per second: 9,999; at least 10,000 is asked for: missed", text);
    }

    [Fact]
    public void A_section_that_is_not_valid_says_so()
    {
        var section = new Section("fanout", "Fan-out", "today");
        section.Fail("3 lost");
        Keep(section);

        var text = File.ReadAllText(Path.Combine(_folder, "RESULTS.md"));
        Assert.Contains("- [Fan-out](#fan-out): NOT VALID", text);
        Assert.Contains("- NOT VALID: 3 lost", text);
    }

    [Fact]
    public void Plots_are_pictures()
    {
        var plot = new Plot("Cost & size", "members", "CPU");
        plot.Add("<ours>", [new(10, 1, 2, 3), new(10_000, 2, 2, 4)], band: (1.5, 2.5));
        plot.Add("floor", [new(10, 1, 1, 1)], band: null);
        var bars = new Bars("Cost", "CPU");
        bars.Add("<ours>", [0.5, 0.4, 0.7], isOurs: true);
        bars.Add("floor", [0.5], isOurs: false);

        var lines = XDocument.Load(Path.Combine(_folder, plot.Write(_folder, "one")));
        var rows = XDocument.Load(Path.Combine(_folder, bars.Write(_folder, "two")));

        Assert.Equal(3, Count(lines, "circle"));
        Assert.Equal(2, Count(lines, "rect")); // the paper and the band
        Assert.Equal(3, Count(rows, "rect"));
        Assert.Contains("<ours>", lines.Root!.Value);
        Assert.Contains("0.500", rows.Root!.Value);
    }

    [Theory]
    [InlineData("0.500", 0.5)]
    [InlineData("0.500 (0.400-12.3)", 12.345, 0.4, 0.5)]
    [InlineData("1.50 (1.00-2.00)", 1.0, 2.0)]
    [InlineData("1,235", 1234.5)]
    public void Figures_are_shown_with_their_spread(string shown, params double[] figures) =>
        Assert.Equal(shown, figures.Show());

    [Fact]
    public void Percentiles_are_exact_to_a_few_percent()
    {
        var latencies = new LatencyHistogram();
        for (var microsecond = 1; microsecond <= 100_000; microsecond++)
            latencies.Add(microsecond * 1000L);

        Assert.Equal(50, latencies.Milliseconds(0.5), 50 * 0.02);
        Assert.Equal(99, latencies.Milliseconds(0.99), 99 * 0.02);
        Assert.Equal(99.9, latencies.Milliseconds(0.999), 99.9 * 0.02);
        Assert.Equal(100_000_000, latencies.Max);
    }

    private static int Count(XDocument svg, string element) => svg.Descendants().Count(item => item.Name.LocalName == element);

    private void Keep(string scenario, string title)
    {
        var section = new Section(scenario, title, "today");
        section.Table("a table", "server", "figure").Row("ours", "1.00");
        Keep(section);
    }

    private void Keep(Section section)
    {
        var results = Results.Read(_folder);
        results.Put(section);
        results.Write();
    }
}
