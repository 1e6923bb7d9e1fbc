using System.Text.Json;
using Realtime.Bench.Scenarios;

namespace Realtime.Bench.Reports;

/// <summary>
/// <c>RESULTS.md</c>, and beside it <c>results.json</c>, which has the sections of earlier runs: a scenario that runs again
/// replaces its own only.
/// </summary>
internal sealed class Results
{
    private static readonly JsonSerializerOptions s_json = new() { WriteIndented = true, PropertyNameCaseInsensitive = true };

    private readonly string _folder;
    private readonly List<Section> _sections;

    private Results(string folder, List<Section> sections) => (_folder, _sections) = (folder, sections);

    public const string Name = "RESULTS.md";

    private string Data => Path.Combine(_folder, "results.json");

    public static Results Read(string folder)
    {
        var results = new Results(folder, []);
        if (File.Exists(results.Data))
            results._sections.AddRange(JsonSerializer.Deserialize<Section[]>(File.ReadAllText(results.Data), s_json)!);
        return results;
    }

    public void Put(Section section)
    {
        _sections.RemoveAll(old => old.Scenario == section.Scenario);
        _sections.Add(section);
        var order = Scenario.All.Select(scenario => scenario.Name).ToList();
        _sections.Sort((one, other) => order.IndexOf(one.Scenario).CompareTo(order.IndexOf(other.Scenario)));
    }

    // As GitHub makes it of a heading.
    private static string Anchor(string heading) =>
        string.Concat(heading.ToLowerInvariant().Where(letter => char.IsLetterOrDigit(letter) || letter is ' ' or '-')).Replace(' ', '-');

    public void Write()
    {
        Directory.CreateDirectory(_folder);
        File.WriteAllText(Data, JsonSerializer.Serialize(_sections, s_json) + "\n");
        File.WriteAllText(Path.Combine(_folder, Name), $"""
            # Results

            Written by `./realtime bench`; [README.md](README.md) says how it measures and what the columns mean. Compare figures of one
            section only: they were measured together.

            {string.Join('\n', _sections.Select(section => $"- [{section.Title}](#{Anchor(section.Title)}){(section.IsValid ? "" : ": NOT VALID")}"))}

            ## What is asked for, and what was measured

            | section | figure | measured | asked for | |
            |---|---|---|---|---|
            {string.Join('\n', _sections.SelectMany(section => section.Verdicts.Select(verdict =>
                $"| {section.Title} | {verdict.What} | {Spread.Figure(verdict.Value)} | {verdict.BoundText} | {verdict.IsMetText} |")))}

            {string.Join('\n', _sections.Select(section => section.Markdown()))}
            """.TrimEnd() + "\n");
    }
}
