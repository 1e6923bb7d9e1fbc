using System.Text.RegularExpressions;

namespace Realtime.EndToEnd.Tests;

/// <summary>The docs name only what there is: types, members and settings that the sources have, files, headings.</summary>
public sealed partial class DocsTests
{
    /// <summary>Names of .NET, of Orleans and of other programs that no source of ours has to write.</summary>
    private static readonly HashSet<string> s_foreign =
    [
        "FullyQualifiedName", "TIME", "UnsafePreferInlineScheduling", "TieredPGO", "PublishReadyToRun", "PublishAot", "PublicAPI", "RS0016", "RS0017",
        "EventSource", // of browsers
        "UseAuthentication", "UseAuthorization", "UseCors", "UseForwardedHeaders", "UsePathBase", // what a host calls
        "WordList", "GetTokenAsync", "ReloadAsync", "ShopJson", "EchoHandler", "MyHandler", "IsMember", "TeamHandler", "TeamsDb", // what an example calls its own
    ];

    /// <summary>`./realtime bench` writes it.</summary>
    private const string Results = "bench/RESULTS.md";

    private static readonly string s_root = ScriptFolder.Repository();

    public static TheoryData<string> Docs => [.. Markdown.Files(s_root).Select(file => Path.GetRelativePath(s_root, file))];

    [Theory]
    [MemberData(nameof(Docs))]
    public void Types_members_and_settings_are_those_of_the_sources(string doc)
    {
        var names = Markdown.Code(Path.Combine(s_root, doc)).SelectMany(NamesIn).Distinct();
        Assert.DoesNotContain(names, name => !s_words.Value.Contains(name) && !s_foreign.Contains(name) && !name.StartsWith("OTEL_", StringComparison.Ordinal)); // variables of OpenTelemetry
    }

    [Theory]
    [MemberData(nameof(Docs))]
    public void Paths_and_links_lead_somewhere(string doc)
    {
        var file = Path.Combine(s_root, doc);
        var folder = Path.GetDirectoryName(file)!;
        var links = Link().Matches(File.ReadAllText(file)).Select(match => match.Groups[1].Value).Where(link => !link.Contains("://", StringComparison.Ordinal));
        Assert.DoesNotContain(links, link => !Leads(file, folder, link));
        var paths = Markdown.Code(file).SelectMany(code => SourcePath().Matches(code)).Select(match => match.Value.TrimEnd('.', '/'));
        Assert.DoesNotContain(paths, path => !Exists(Path.Combine(s_root, path)));
    }

    [Theory]
    [MemberData(nameof(Docs))]
    public void Classes_are_in_the_folders_where_the_docs_say(string doc)
    {
        var places = Places(File.ReadAllText(Path.Combine(s_root, doc)));
        Assert.DoesNotContain(places, place => !Stands(place.Class, place.Folder));
    }

    [Fact]
    public void What_does_not_exist_is_noticed()
    {
        Assert.DoesNotContain("ReadLoop", s_words.Value);
        Assert.Equal(["ReadLoop", "Connection", "SendAsync", "Front", "MaxContentBytes"],
            new[] { "socket -> ReadLoop", "Connection.SendAsync(text)", "Front:MaxContentBytes", "--silos N", "a word" }.SelectMany(NamesIn));
        Assert.False(Exists(Path.Combine(s_root, "src/Connections/ReadLoop")));
        Assert.True(Exists(Path.Combine(s_root, "src/Connections/Sending/SendQueue")));
        Assert.NotEmpty(Docs);

        Assert.Equal([("Room", "Silo/Rooms"), ("Connection", "Connections")], Places("`Room` (Silo/Rooms) and a `Connection` (Connections), `other` (words)"));
        Assert.True(Stands("Room", "Silo/Rooms"));
        Assert.True(Stands("Connection", "Connections"));
        Assert.False(Stands("Room", "WebFront/Rooms"));
        Assert.False(Stands("ReadLoop", "Connections"));
        Assert.NotEmpty(Places(File.ReadAllText(Path.Combine(s_root, "docs/architecture.md"))));
    }

    /// <summary>A class and, behind it in parentheses, its folder below src: <c>`Room` (Silo/Rooms)</c>.</summary>
    private static (string Class, string Folder)[] Places(string text) =>
        [.. Place().Matches(text).Select(match => (match.Groups[1].Value, match.Groups[2].Value))];

    private static bool Stands(string name, string folder)
    {
        var path = Path.Combine(s_root, "src", folder);
        return Directory.Exists(path)
            && (Directory.EnumerateFiles(path, $"{name}.cs", SearchOption.AllDirectories).Any() || Directory.EnumerateFiles(path, $"{name}.*.cs", SearchOption.AllDirectories).Any());
    }

    /// <summary>A span that is a name as a whole (<c>Room</c>, <c>Front:CallTimeout</c>), otherwise what is written like a type in it.</summary>
    private static IEnumerable<string> NamesIn(string code) =>
        WholeName().Match(code) is { Success: true } whole
            ? whole.Groups[1].Value.Split([".", ":", "__"], StringSplitOptions.None)
            : TypeLike().Matches(code).Select(match => match.Value);

    /// <summary>A file or folder; a source may be named without its ending, a class by the first of its files.</summary>
    private static bool Exists(string path) =>
        Path.Exists(path) || path == Path.Combine(s_root, Results) || (Directory.Exists(Path.GetDirectoryName(path)) && Directory.EnumerateFiles(Path.GetDirectoryName(path)!, Path.GetFileName(path) + ".*").Any());

    private static bool Leads(string file, string folder, string link)
    {
        var parts = link.Split('#');
        var target = parts[0].Length == 0 ? file : Path.GetFullPath(Path.Combine(folder, parts[0]));
        return Exists(target) && (parts.Length == 1 || Markdown.Headings(target).Contains(parts[1]));
    }

    /// <summary>Every word in the code of the sources; comments do not count.</summary>
    private static readonly Lazy<HashSet<string>> s_words = new(() =>
    {
        string[] endings = [".cs", ".js", ".ts", ".html", ".json", ".csproj", ".props", ".yaml", ".yml", ".conf"];
        var files = Markdown.Folders(s_root).SelectMany(Directory.EnumerateFiles)
            .Where(file => endings.Contains(Path.GetExtension(file)) && Path.GetFileName(file) != $"{nameof(DocsTests)}.cs")
            .Append(Path.Combine(s_root, "realtime"));
        return [.. files.SelectMany(file => Word().Matches(Comment().Replace(File.ReadAllText(file), " "))).Select(match => match.Value)];
    });

    [GeneratedRegex(@"/\*.*?\*/|(?<!:)//[^\n]*", RegexOptions.Singleline)]
    private static partial Regex Comment();

    [GeneratedRegex(@"[A-Za-z_]\w*")]
    private static partial Regex Word();

    [GeneratedRegex(@"^([A-Z]\w*(?:[.:][A-Z]\w*)*)(?:<\w+>)?(?:\([^)]*\))?$")]
    private static partial Regex WholeName();

    [GeneratedRegex(@"(?<![\w/.$%-])[A-Z][a-z0-9]+(?:[A-Z][a-z0-9]*)+(?![\w/-])")]
    private static partial Regex TypeLike();

    [GeneratedRegex(@"`([A-Z]\w+)` \(([A-Z]\w*(?:\.\w+)?(?:/[A-Z]\w*)*)\)")]
    private static partial Regex Place();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"(?<![\w/.-])(?:src|tests|docs|samples|bench|deploy|clients)/[\w./-]+")]
    private static partial Regex SourcePath();
}
