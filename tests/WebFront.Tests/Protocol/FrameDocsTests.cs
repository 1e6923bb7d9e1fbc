using System.Text.RegularExpressions;
using Realtime.WebFront.Protocol;

namespace Realtime.WebFront.Tests.Protocol;

/// <summary>docs/protocol.md and the catalogue of frames say the same.</summary>
public sealed partial class FrameDocsTests
{
    private static readonly string s_doc = File.ReadAllText(Path.Combine(Repository(), "docs/protocol.md"));

    [Fact]
    public void The_tables_of_frames_are_the_catalogue()
    {
        Assert.Equal(FrameCatalog.Client.Select(Row), Table("| a client sends | fields |"));
        Assert.Equal(FrameCatalog.Server.Select(Row), Table("| a server sends | fields |"));
        Assert.Equal(FrameCatalog.History.Select(Row), Table("| in `messages` of `history` | fields |"));
        Assert.Equal([Row(FrameCatalog.StateEntry).Replace("| `` |", "| |", StringComparison.Ordinal)], Table("| in `entries` of `state` | fields |"));
    }

    [Fact]
    public void Each_example_has_a_form_of_the_catalogue()
    {
        FrameForm[] all = [.. FrameCatalog.Client, .. FrameCatalog.Server];
        var examples = Example().Matches(s_doc[..s_doc.IndexOf("## HTTP API", StringComparison.Ordinal)]).Select(match => match.Value).ToArray();
        Assert.InRange(examples.Length, all.DistinctBy(form => form.Type).Count(), 100);
        foreach (var example in examples)
        {
            string[] fields = [.. Field().Matches(example).Select(match => match.Groups[1].Value)];
            var types = TypeValue().Match(example).Groups[1].Value.Split("\"|\"");
            Assert.All(types, type => Assert.Contains(all, form => form.Fits(type, fields)));
        }
    }

    [Fact]
    public void The_types_in_the_table_of_errors_are_those_of_the_catalogue()
    {
        var row = s_doc.Split('\n').Single(line => line.StartsWith("| `unknown_type`", StringComparison.Ordinal));
        Assert.Contains($"none of {FrameCatalog.ClientTypes.Replace(" or ", ", ", StringComparison.Ordinal)} ", row);
    }

    /// <summary>Type and fields, as a row of the tables has them.</summary>
    private static string Row(FrameForm form) =>
        $"| `{form.Type}` | {string.Join(", ", [.. form.RequiredFields.Select(field => $"`{field}`"), .. form.OptionalFields.Select(field => $"`{field}?`")])} |";

    private static string[] Table(string head) =>
        [.. s_doc.Split('\n').SkipWhile(line => line != head).Skip(2).TakeWhile(line => line.StartsWith('|'))];

    internal static string Repository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Realtime.sln")))
            folder = folder.Parent ?? throw new InvalidOperationException("The tests are not below the repository.");
        return folder.FullName;
    }

    [GeneratedRegex("""\{"type":"[^`]*\}""")]
    private static partial Regex Example();

    [GeneratedRegex("""[{,]"(\w+)":""")]
    private static partial Regex Field();

    [GeneratedRegex("""^\{"type":"(\w+(?:"\|"\w+)?)""")]
    private static partial Regex TypeValue();
}
