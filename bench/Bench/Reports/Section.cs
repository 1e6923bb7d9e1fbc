using System.Text;
using System.Text.Json.Serialization;
using Realtime.Bench.Machines;

namespace Realtime.Bench.Reports;

/// <summary>The results of one scenario on one engine: tables and plots, and under what circumstances they came about.</summary>
internal sealed class Section
{
    public Section(string scenario, string engine, string title, Options options)
    {
        (Scenario, Engine, Title) = (scenario, engine, title);
        Circumstances = $"{DateTime.UtcNow:yyyy-MM-dd}; {Machine.Description}; " +
            (options.Runs == 1 ? "one run" : $"median (least-most) of {options.Runs} runs") +
            (options.IsQuick ? ", quick: too short for figures" : "") +
            (options.Settings.Length > 0 ? $"; {string.Join(' ', options.Settings)}" : "");
        Console.WriteLine($"\n== {title} ({engine}; {Cores.Description})");
    }

    [JsonConstructor]
    public Section(string scenario, string engine, string title, string circumstances) =>
        (Scenario, Engine, Title, Circumstances) = (scenario, engine, title, circumstances);

    public string Scenario { get; }
    public string Engine { get; }
    public string Title { get; }
    public string Circumstances { get; }

    [JsonInclude] public List<Table> Tables { get; private set; } = [];
    [JsonInclude] public List<string> Notes { get; private set; } = [];
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

    /// <summary>Notes a figure beside the bound that it must not exceed.</summary>
    public void Verdict(string what, double value, double bound) =>
        Note($"{what}: {Spread.Figure(value)}, the bound is {Spread.Figure(bound)}: {(value <= bound ? "met" : "missed")}");

    /// <summary>Something was lost, doubled or in disorder, or did not work at all: the figures do not count.</summary>
    public void Fail(string text)
    {
        IsValid = false;
        Note($"NOT VALID: {text}");
    }

    public string Markdown()
    {
        var text = new StringBuilder().Append($"## {Title} ({Engine})\n\n{Circumstances}\n");
        foreach (var table in Tables)
            text.Append($"\n{table.Markdown()}");
        foreach (var plot in Plots)
            text.Append($"\n![{Title}]({plot})\n");
        if (Notes.Count > 0)
            text.Append('\n').AppendJoin('\n', Notes.Select(note => $"- {note}")).Append('\n');
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
