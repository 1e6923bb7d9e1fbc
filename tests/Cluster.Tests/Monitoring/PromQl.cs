using System.Text.RegularExpressions;

namespace Realtime.Cluster.Tests.Monitoring;

/// <summary>What an expression of Prometheus asks for: its metrics, each with what it says of labels, and all labels that it names.</summary>
internal sealed partial class PromQl
{
    private static readonly HashSet<string> s_words = ["and", "or", "unless", "offset", "bool"];
    private static readonly HashSet<string> s_labelLists = ["by", "without", "on", "ignoring", "group_left", "group_right"];

    private readonly List<Selector> _selectors = [];
    private readonly HashSet<string> _labels = [];

    /// <summary>A metric and the matchers behind it: label, operator, value.</summary>
    public sealed record Selector(string Metric, IReadOnlyList<(string Label, string Operator, string Value)> Matchers)
    {
        /// <summary>What a process shows of it, added up; null when there is no such series. <c>job</c> and <c>instance</c> are of Prometheus and hold for all.</summary>
        public double? Sum(MetricsText text)
        {
            var found = text.Samples.Where(sample => sample.Name == Metric && Matchers.All(matcher => Holds(matcher, sample.Labels))).ToArray();
            return found.Length == 0 ? null : found.Sum(sample => sample.Value);
        }

        private static bool Holds((string Label, string Operator, string Value) matcher, IReadOnlyDictionary<string, string> labels)
        {
            var value = labels.GetValueOrDefault(matcher.Label, "");
            return matcher.Label is "job" or "instance" || matcher.Operator switch
            {
                "=" => value == matcher.Value,
                "!=" => value != matcher.Value,
                "=~" => Regex.IsMatch(value, $"^(?:{matcher.Value})$"),
                _ => !Regex.IsMatch(value, $"^(?:{matcher.Value})$"),
            };
        }
    }

    public PromQl(string expression)
    {
        // A variable of a dashboard is one with its last argument a label.
        if (LabelValues().Match(expression) is { Success: true } values)
        {
            _labels.Add(values.Groups[2].Value);
            expression = values.Groups[1].Value;
        }
        var tokens = Token().Matches(expression).Select(match => match.Value).Where(token => token.Trim().Length > 0).ToArray();
        for (var at = 0; at < tokens.Length; at++)
        {
            var next = at + 1 < tokens.Length ? tokens[at + 1] : "";
            if (!Name().IsMatch(tokens[at]) || s_words.Contains(tokens[at]))
                continue;
            if (s_labelLists.Contains(tokens[at]))
            {
                for (at += 2; tokens[at] != ")"; at++)
                {
                    if (tokens[at] != ",")
                        _labels.Add(tokens[at]);
                }
            }
            else if (next == "{")
            {
                var name = tokens[at];
                var matchers = new List<(string, string, string)>();
                for (at += 2; tokens[at] != "}"; at++)
                {
                    if (tokens[at] == ",")
                        continue;
                    matchers.Add((tokens[at], tokens[at + 1], tokens[at + 2].Trim('"')));
                    _labels.Add(tokens[at]);
                    at += 2;
                }
                _selectors.Add(new(name, matchers));
            }
            else if (next != "(" && !s_labelLists.Contains(next)) // neither a function nor an aggregation
            {
                _selectors.Add(new(tokens[at], []));
            }
        }
    }

    public IReadOnlyList<Selector> Selectors => _selectors;

    public IReadOnlyCollection<string> Labels => _labels;

    [GeneratedRegex(@"^label_values\((.*),\s*(\w+)\)$")]
    private static partial Regex LabelValues();

    // Strings, ranges, numbers and durations, names, operators.
    [GeneratedRegex("""  "(?:[^"\\]|\\.)*" | \[[^\]]*\] | \d[\w.]* | [A-Za-z_:][\w:]* | =~ | !~ | [!=<>]= | \S  """, RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Token();

    [GeneratedRegex("^[A-Za-z_:]")]
    private static partial Regex Name();
}
