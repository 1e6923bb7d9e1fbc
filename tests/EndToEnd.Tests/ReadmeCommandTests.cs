using System.Text.RegularExpressions;
using Realtime.Processes;

namespace Realtime.EndToEnd.Tests;

/// <summary>
/// Every command of every README does what it is there for. They run as they stand, on what is built already and on a free
/// port: `dotnet run` gets `--no-build` and another address, and the calls after it go there.
/// </summary>
public sealed partial class ReadmeCommandTests
{
    private static readonly string s_root = ScriptFolder.Repository();

    /// <summary>Commands (how they begin) that do not run here, and why.</summary>
    private static readonly (string Beginning, string Why)[] s_elsewhere =
    [
        ("./realtime cluster", "PostgreSQL and four processes; tests/Cluster.Tests and tests/Chaos.Tests start them"),
        ("./realtime chaos", "runs for a minute; tests/Chaos.Tests do it"),
        ("dotnet run -c Release --project bench/Micro", "takes hours; tests/Bench.Tests"),
        ("dotnet run -c Release --project bench/ClientLoad", "takes two cores for 15 s"),
        ("dotnet run -c Release --project bench/Backplane", "takes two cores for minutes, and Redis"),
        ("dotnet build ../../src/Server", "what this project is built with"),
        ("dotnet user-jwts", "writes into the secrets of who runs it"),
        ("dotnet new ", $"of the packages; {nameof(PackageTests)}"),
        ("cd Chat", "what the template makes"),
        ("dotnet run --project Chat", nameof(PackageTests)),
        ("dotnet run --project RealtimeApp", nameof(PackageTests)),
        ("dotnet test", nameof(PackageTests)),
        ("npm ci", "fetches packages"),
        ("npm run check", nameof(JavaScriptClientTests)),
        ("npm test", nameof(JavaScriptClientTests)),
        ("cd samples/React", "fetches packages"),
        ("npx wscat", "fetches a package"),
        ("cp deploy/.env.example", "for the containers below"),
        ("dotnet publish samples/Terminal", "fetches a compiler"),
        ("docker ", "needs a container engine"),
        ("kubectl ", "needs a Kubernetes"),
        ("nginx ", "needs the addresses of the containers"),
    ];

    public static TheoryData<string> Readmes =>
        [.. Markdown.Files(s_root).Where(file => Path.GetFileName(file) == "README.md" && Markdown.Commands(file).Any()).Select(file => Path.GetRelativePath(s_root, file))];

    [Theory]
    [MemberData(nameof(Readmes))]
    public async Task Commands_work(string readme)
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The commands are for bash.");
        await using var server = new Server();
        foreach (var command in Markdown.Commands(Path.Combine(s_root, readme)))
        {
            if (s_elsewhere.Any(elsewhere => command.StartsWith(elsewhere.Beginning, StringComparison.Ordinal)))
                continue;
            if (command.StartsWith("./realtime ", StringComparison.Ordinal))
                await RunScript(command);
            else if (command.StartsWith("Cluster__ConnectionString=", StringComparison.Ordinal))
                await RunWithoutCluster(command);
            else if (command.Contains("samples/Terminal", StringComparison.Ordinal))
                await Chat(command, server);
            else if (command.EndsWith(" -- try", StringComparison.Ordinal))
                await Try(command, server);
            else if (command.StartsWith("dotnet run ", StringComparison.Ordinal))
                await server.StartAsync(OnWhatIsBuilt(command + (command.Contains(" -- ", StringComparison.Ordinal) ? "" : " --") + " --urls=http://127.0.0.1:0"));
            else if (command.StartsWith("curl ", StringComparison.Ordinal))
                await Call(command, server);
            else
                Assert.Fail($"{readme} has a command of a new kind; say here how it is tried: {command}");
        }
    }

    [Fact]
    public void Every_README_is_read() =>
        Assert.Superset(new HashSet<string>(["README.md", "bench/README.md", "clients/javascript/README.md", "deploy/README.md", "samples/Board/README.md", "samples/Chat/README.md",
            "samples/Echo/README.md", "samples/Notifications/README.md", "samples/Orders/README.md", "samples/OtherService/README.md", "samples/React/README.md", "samples/Teams/README.md", "samples/Typing/README.md", "samples/Webhooks/README.md"]), Readmes.Select(row => row.Data).ToHashSet());

    /// <summary>The entry script, with a `dotnet` that builds and runs nothing: that it knows the command and its options.</summary>
    private static async Task RunScript(string command)
    {
        using var folder = new ScriptFolder();
        folder.Write("bench/Bench/Bench.csproj", "");
        var (exitCode, output, error) = await folder.RunAsync(command.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..]);
        Assert.True(exitCode == 0, $"{command}: exit code {exitCode}\n{output}{error}");
    }

    /// <summary>Without a cluster it says what it does not reach.</summary>
    private static async Task RunWithoutCluster(string command)
    {
        var at = command.Replace("$(cat artifacts/cluster.connection)", "'Host=127.0.0.1;Port=1;Database=none;Username=none;Password=none'", StringComparison.Ordinal);
        Assert.NotEqual(command, at);
        var (exitCode, output) = await RunAsync(OnWhatIsBuilt(at));
        Assert.True(exitCode == 1 && output.Contains("database cannot be asked", StringComparison.Ordinal), $"{command}: exit code {exitCode}\n{output}");
    }

    /// <summary>A sample that is its own client: it fails when something is not as it says.</summary>
    private static async Task Try(string command, Server server)
    {
        var (exitCode, output) = await RunAsync(OnWhatIsBuilt($"{command} {server.Address}"));
        Assert.True(exitCode == 0, $"{command}: exit code {exitCode}\n{output}\n{server.Output}");
    }

    /// <summary>A client of the product's own server, until there is no more to say.</summary>
    private static async Task Chat(string command, Server server)
    {
        if (server.Address is null)
            await server.StartFrontAsync();
        var says = command.Contains("<<<", StringComparison.Ordinal);
        var (exitCode, output) = await RunAsync(OnWhatIsBuilt(Address().Replace(command, server.Address!)) + (says ? "" : " < /dev/null"));
        Assert.True(exitCode == 0 && output.Contains(says ? " terry: " : "in lobby", StringComparison.Ordinal), $"{command}: exit code {exitCode}\n{output}");
    }

    /// <summary>An HTTP call of the server of this README, or, where there is none, of the product's own.</summary>
    private static async Task Call(string command, Server server)
    {
        if (server.Address is null)
            await server.StartFrontAsync();
        var at = Address().Replace(command, server.Address!);
        Assert.NotEqual(command, at);
        var (exitCode, output) = await RunAsync(at.Replace("curl ", "curl --silent --show-error --fail-with-body --max-time 30 ", StringComparison.Ordinal));
        Assert.True(exitCode == 0, $"{command}: exit code {exitCode}\n{output}\n{server.Output}");
    }

    private static string OnWhatIsBuilt(string command) =>
        command.Replace("dotnet run ", $"dotnet run --no-build -c {new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/')).Name} ", StringComparison.Ordinal);

    /// <summary>What the tests themselves run with must not help.</summary>
    private static Dictionary<string, string?> AsANewcomer => new() { ["ASPNETCORE_ENVIRONMENT"] = null, ["DOTNET_ENVIRONMENT"] = null, ["ASPNETCORE_URLS"] = null };

    private static async Task<(int ExitCode, string Output)> RunAsync(string command)
    {
        await using var process = ServerProcess.Start(new(command, s_root, "bash", "-c", command) { Environment = AsANewcomer });
        return (await process.Ended.WaitAsync(ServerProcess.Patience), process.Output);
    }

    /// <summary>What `dotnet run` has started, or the front.</summary>
    private sealed class Server : IAsyncDisposable
    {
        private ServerProcess? _process;
        private FrontProcess? _front;

        public string? Address { get; private set; }

        public string Output => _process?.Output ?? "";

        public async Task StartAsync(string command)
        {
            const string listening = "Now listening on: ";
            _process = ServerProcess.Start(new(command, s_root, "bash", "-c", command) { Environment = AsANewcomer });
            await _process.WaitForOutput(listening);
            Address = ReadmeCommandTests.Address().Match(_process.Output, _process.Output.IndexOf(listening, StringComparison.Ordinal)).Value;
        }

        public async Task StartFrontAsync()
        {
            _front = await FrontProcess.StartAsync();
            Address = _front.Address;
        }

        public async ValueTask DisposeAsync()
        {
            if (_front is not null)
                await _front.DisposeAsync();
            if (_process is not null)
                await _process.DisposeAsync();
        }
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex Address();
}
