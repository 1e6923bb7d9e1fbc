using System.Text;
using System.Text.Json.Serialization;
using Realtime.Bench.Machines;

namespace Realtime.Bench.Reports;

/// <summary>The results of one scenario: tables and plots, and under what circumstances they came about.</summary>
internal sealed class Section
{
    // Part of a core: what a system does by itself stays below.
    private const double Quiet = 0.15;

    public Section(string scenario, string title, Options options)
    {
        (Scenario, Title) = (scenario, title);
        Circumstances = $"{DateTime.UtcNow:yyyy-MM-dd}; {Machine.Description}; " +
            $"{Cores.Description}; " +
            (options.Runs == 1 ? "one run" : $"median (least-most) of {options.Runs} runs") +
            (options.IsQuick ? ", quick: too short for figures" : "") +
            (options.Settings.Length > 0 ? $"; {string.Join(' ', options.Settings)}" : "");
        Console.WriteLine($"\n== {title} ({Cores.Description})");
    }

    [JsonConstructor]
    public Section(string scenario, string title, string circumstances) =>
        (Scenario, Title, Circumstances) = (scenario, title, circumstances);

    public string Scenario { get; }
    public string Title { get; }
    public string Circumstances { get; }

    [JsonInclude] public List<Table> Tables { get; private set; } = [];
    [JsonInclude] public List<string> Notes { get; private set; } = [];
    [JsonInclude] public List<Verdict> Verdicts { get; private set; } = [];
    [JsonInclude] public List<string> Plots { get; private set; } = [];
    [JsonInclude] public bool IsValid { get; private set; } = true;

    public Table Table(string title, params string[] columns)
    {
        var table = new Table(title, columns);
        Tables.Add(table);
        Console.WriteLine($"{title}\n  {string.Join(" | ", columns)}");
        return table;
    }

    public void Note(string text)
    {
        Notes.Add(text);
        Console.WriteLine($"  {text}");
    }

    /// <summary>A figure beside the bound that it must keep.</summary>
    /// <param name="isFloor">It must be as high as the bound, instead of no higher.</param>
    public void Verdict(string what, double value, double bound, bool isFloor = false)
    {
        var verdict = new Verdict(what, value, bound, isFloor);
        Verdicts.Add(verdict);
        Console.WriteLine($"  {verdict}");
    }

    /// <summary>Warns when something else was busy meanwhile.</summary>
    /// <param name="others">Part of one core that neither server nor generator has used.</param>
    public void Busy(double others)
    {
        if (others > Quiet)
            Note($"BUSY: other processes took up to {others:0%} of a core meanwhile. Latencies and rates say little then, and paced loads seem cheaper than they are; measure again.");
    }

    /// <summary>Something was lost, doubled or in disorder, or did not work at all: the figures do not count.</summary>
    public void Fail(string text)
    {
        IsValid = false;
        Note($"NOT VALID: {text}");
    }

    public string Markdown()
    {
        var text = new StringBuilder().Append($"## {Title}\n\n{Circumstances}\n");
        foreach (var table in Tables)
            text.Append($"\n{table.Markdown()}");
        foreach (var plot in Plots)
            text.Append($"\n![{Title}]({plot})\n");
        string[] notes = [.. Verdicts.Select(verdict => $"{verdict}"), .. Notes];
        if (notes.Length > 0)
            text.Append('\n').AppendJoin('\n', notes.Select(note => $"- {note}")).Append('\n');
        return text.ToString();
    }
}

/// <summary>A table; the first column is what the rest is about.</summary>
internal sealed class Table(string title, string[] columns)
{
    public string Title => title;
    public string[] Columns => columns;

    [JsonInclude] public List<string[]> Rows { get; private set; } = [];

    public void Row(params string[] cells)
    {
        Rows.Add(cells);
        Console.WriteLine($"  {string.Join(" | ", cells)}");
    }

    public string Markdown()
    {
        var text = new StringBuilder($"**{title}**\n\n| {string.Join(" | ", columns)} |\n|{string.Concat(Enumerable.Repeat("---|", columns.Length))}\n");
        foreach (var row in Rows)
            text.Append($"| {string.Join(" | ", row)} |\n");
        return text.ToString();
    }
}
