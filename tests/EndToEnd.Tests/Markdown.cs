using System.Text.RegularExpressions;

namespace Realtime.EndToEnd.Tests;

/// <summary>What the project's Markdown files have in them, as far as tests ask.</summary>
internal static partial class Markdown
{
    private static readonly string[] s_made = ["artifacts", "bin", "obj", "node_modules", "TestResults"];

    /// <summary>The folders of the sources, without what builds and tools have made.</summary>
    public static IEnumerable<string> Folders(string root) => Directory.EnumerateDirectories(root)
        .Where(folder => !Path.GetFileName(folder).StartsWith('.') && !s_made.Contains(Path.GetFileName(folder)))
        .SelectMany(Folders).Prepend(root);

    public static IEnumerable<string> Files(string root) => Folders(root).SelectMany(folder => Directory.EnumerateFiles(folder, "*.md")).Order(StringComparer.Ordinal);

    /// <summary>The spans of code, and the lines of blocks that are no data. What other systems call things is left out.</summary>
    public static IEnumerable<string> Code(string file)
    {
        var compares = false;
        foreach (var (language, line) in Lines(file))
        {
            compares = Comparison().IsMatch(line) || (compares && line.StartsWith('|'));
            if (language is null)
            {
                // The first column is the other side's.
                foreach (Match span in Span().Matches(compares ? line[line.IndexOf('|', 1)..] : line))
                    yield return span.Groups[1].Value;
            }
            else if (language is "" or "csharp" or "js" or "sh")
            {
                yield return line;
            }
        }
    }

    /// <summary>The commands: lines of blocks without a language, and spans that begin with a program.</summary>
    public static IEnumerable<string> Commands(string file)
    {
        foreach (var (language, line) in Lines(file))
        {
            if (language is "" or "sh" && Command().IsMatch(line))
                yield return Remark().Replace(line, "");
            else if (language is null)
            {
                foreach (Match span in Span().Matches(line))
                {
                    if (Command().IsMatch(span.Groups[1].Value))
                        yield return span.Groups[1].Value;
                }
            }
        }
    }

    /// <summary>Headings as the ends of links name them.</summary>
    public static IEnumerable<string> Headings(string file) => Lines(file)
        .Where(line => line.Language is null && line.Text.StartsWith('#'))
        .Select(line => NotInLink().Replace(line.Text.TrimStart('#', ' ').ToLowerInvariant(), "").Replace(' ', '-'));

    /// <summary>Each line with the language of its block: null outside of blocks, empty in one that names none.</summary>
    private static IEnumerable<(string? Language, string Text)> Lines(string file)
    {
        string? language = null;
        // A span may go over the end of a line.
        foreach (var line in BrokenSpan().Replace(File.ReadAllText(file), "$1 $2").Split('\n'))
        {
            if (line.StartsWith("```", StringComparison.Ordinal))
                language = language is null ? line[3..].Trim() : null;
            else
                yield return (language, line);
        }
    }

    [GeneratedRegex("`([^`]+)`")]
    private static partial Regex Span();

    [GeneratedRegex(@"^\| (?:Go kit|SignalR|Socket\.IO|Centrifugo) \|")]
    private static partial Regex Comparison();

    [GeneratedRegex(@"(?<=^|\n)((?!```|\|)[^`\n]*(?:`[^`\n]+`[^`\n]*)*`[^`\n]+)\n([^`\n|]+`)")]
    private static partial Regex BrokenSpan();

    [GeneratedRegex(@"^(?:\w+=\S+ )*(?:\./realtime|dotnet|curl|npm|npx|node|docker|kubectl|cp|git) \S|^npm test$|^\w+=\$\([^)]*\) dotnet ")]
    private static partial Regex Command();

    [GeneratedRegex(@"\s+#\s.*$")]
    private static partial Regex Remark();

    [GeneratedRegex(@"[^\w -]")]
    private static partial Regex NotInLink();
}
