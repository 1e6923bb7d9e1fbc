using System.Diagnostics;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.RegularExpressions;

namespace Realtime.EndToEnd.Tests;

/// <summary>The C# of the pages for those who begin compiles, against the libraries as they are built: all of it in one run of the SDK's compiler.</summary>
public sealed partial class DocsCodeTests : IDisposable
{
    private const string Usings = """
        using System; using System.Collections.Generic; using System.IO; using System.Linq; using System.Net.Http; using System.Threading; using System.Threading.Tasks;
        using Microsoft.AspNetCore.Builder; using Microsoft.AspNetCore.Hosting; using Microsoft.AspNetCore.Http; using Microsoft.AspNetCore.Routing;
        using Microsoft.Extensions.Configuration; using Microsoft.Extensions.DependencyInjection; using Microsoft.Extensions.Hosting; using Microsoft.Extensions.Logging;
        """;

    private const string ServerUsings = """
        using Orleans; using Orleans.Hosting; using System.Security.Claims; using Microsoft.AspNetCore.Authorization;
        using Realtime.Grains; using Realtime.Silo; using Realtime.Silo.Hooks; using Realtime.Silo.Hosting; using Realtime.WebFront; using Realtime.WebFront.Access; using Realtime.WebFront.Calls;
        """;

    /// <summary>What the examples take for granted: an application, a client, and what the reader has of the kind.</summary>
    private const string Given = """
        abstract class OnServer
        {
            protected static string[] args = [];
            protected static WebApplicationBuilder builder = null!;
            protected static WebApplication app = null!;
            protected static Orleans.IGrainFactory grains = null!;
        }
        abstract class InClient
        {
            protected static Realtime.Client.RealtimeClient client = null!;
            protected static Realtime.Client.RealtimeRoom room = null!;
            protected static CancellationToken cancellation = default;
            protected static Tokens tokens = new();
            protected static Task<bool> AskAsync(Realtime.Client.JsonData data, CancellationToken ended) => Task.FromResult(true);
        }
        public class Tokens { public ValueTask<string?> GetAsync(CancellationToken cancellation) => default; }
        public interface IOrders { Task<object?> Find(int number, System.Security.Claims.ClaimsPrincipal user, CancellationToken over); }
        public interface ITeams { Task<bool> Has(string room, string user, CancellationToken over); }
        """;

    private static readonly string s_root = ScriptFolder.Repository();

    private readonly string _folder = Directory.CreateTempSubdirectory("realtime-docs-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public async Task The_examples_for_those_who_begin_compile()
    {
        var sources = new List<string> { Write("Given.cs", Usings + Given) };
        foreach (var doc in Directory.EnumerateFiles(Path.Combine(s_root, "docs", "tasks"), "*.md").Append(Path.Combine(s_root, "docs", "start.md")))
        {
            foreach (Match example in Example().Matches(await File.ReadAllTextAsync(doc)))
                sources.Add(Write($"Example{sources.Count}.cs", Source(doc, example.Groups[1].Value, sources.Count)));
        }
        Assert.InRange(sources.Count, 15, 100);
        Assert.Equal("", await Compile(sources));
    }

    [Fact]
    public async Task What_does_not_compile_is_told_with_its_page()
    {
        var wrong = Source(Path.Combine(s_root, "docs/start.md"), "await grains.GetGrain<IRoomGrain>(\"lobby\").Shout();\n", 1);
        var told = await Compile([Write("Given.cs", Usings + Given), Write("Wrong.cs", wrong)]);
        Assert.Contains("docs/start.md(1,", told, StringComparison.Ordinal);
        Assert.Contains("'Shout'", told, StringComparison.Ordinal);
    }

    /// <summary>A method of the statements, beside it the types that stand at their end. Lines are counted from the beginning of the example.</summary>
    private static string Source(string doc, string code, int number)
    {
        var isClient = OfClient().IsMatch(code);
        var own = string.Concat(Using().Matches(code).Select(match => match.Value + "\n"));
        var rest = Using().Replace(code, "");
        var types = Type().Match(rest) is { Success: true } first ? first.Index : rest.Length;
        return $$"""
            {{Usings}}
            {{(isClient ? "using Realtime.Client;" : ServerUsings)}}
            #pragma warning disable CS0105
            {{own}}
            namespace Example{{number}}
            {
                partial class Code : {{(isClient ? "InClient" : "OnServer")}}
                {
                    static async Task Run()
                    {
                        await Task.Yield();
            #line 1 "{{Path.GetRelativePath(s_root, doc)}}"
            {{rest[..types]}}
                    }
            {{rest[types..]}}
                }
            }
            """;
    }

    /// <summary>What the compiler says is wrong.</summary>
    private async Task<string> Compile(IEnumerable<string> sources)
    {
        var dotnet = Path.GetFullPath(Path.Combine(RuntimeEnvironment.GetRuntimeDirectory(), "..", "..", ".."));
        var compiler = Newest(Path.Combine(dotnet, "sdk"), Path.Combine("Roslyn", "bincore", "csc.dll"));
        // The sample has all the libraries. What of the framework it brings along in a newer version counts.
        var libraries = Path.Combine(AppContext.BaseDirectory, "..", "..", "Teams", new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/')).Name);
        var references = new[] { libraries }.Concat(new[] { "Microsoft.AspNetCore.App.Ref", "Microsoft.NETCore.App.Ref" }.Select(pack => Newest(Path.Combine(dotnet, "packs", pack), Path.Combine("ref", "net10.0"))))
            .SelectMany(folder => Directory.EnumerateFiles(folder, "*.dll")).DistinctBy(file => Path.GetFileName(file));
        var arguments = new StringBuilder("-nologo -target:library -langversion:latest -nullable:enable -warn:0\n").AppendLine($"-out:\"{Path.Combine(_folder, "examples.dll")}\"");
        foreach (var reference in references)
            arguments.AppendLine($"-reference:\"{reference}\"");
        foreach (var source in sources)
            arguments.AppendLine($"\"{source}\"");
        var start = new ProcessStartInfo("dotnet", ["exec", compiler, "-noconfig", "@" + Write("arguments.rsp", arguments.ToString())]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using var process = Process.Start(start)!;
        try
        {
            var said = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync()).WaitAsync(TimeSpan.FromMinutes(2));
            await process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(1));
            return string.Concat(said);
        }
        finally
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
        }
    }

    /// <summary>A file of the newest .NET 10 in a folder of versions.</summary>
    private static string Newest(string folder, string file) =>
        Directory.EnumerateDirectories(folder, "10.*").Select(version => Path.Combine(version, file)).Where(Path.Exists)
            .MaxBy(path => Version.Parse(VersionOf().Match(Path.GetRelativePath(folder, path)).Value))!;

    private string Write(string name, string content)
    {
        var path = Path.Combine(_folder, name);
        File.WriteAllText(path, content);
        return path;
    }

    [GeneratedRegex(@"^```csharp\n(.*?)^```", RegexOptions.Singleline | RegexOptions.Multiline)]
    private static partial Regex Example();

    /// <summary>Names of the client's library and of the grains' are the same here and there, so an example is of one of them.</summary>
    [GeneratedRegex(@"\bRealtimeClient\(|\b(?:client|room)\.\w+\(")]
    private static partial Regex OfClient();

    [GeneratedRegex(@"^using [\w.]+;\r?$", RegexOptions.Multiline)]
    private static partial Regex Using();

    [GeneratedRegex(@"^(?:sealed |partial |public )*(?:class|record|interface|enum) ", RegexOptions.Multiline)]
    private static partial Regex Type();

    [GeneratedRegex(@"^\d+(?:\.\d+)+")]
    private static partial Regex VersionOf();
}
