using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Realtime.EndToEnd.Tests;

/// <summary>
/// Every command of every README does what it is there for. They run as they stand, on what is built already and on a free
/// port: `dotnet run` gets `--no-build` and another address, and the calls after it go there.
/// </summary>
public sealed partial class ReadmeCommandTests
{
    /// <summary>A start takes seconds; the rest is for a machine that is busy with other tests.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private static readonly string s_root = ScriptFolder.Repository();

    /// <summary>Commands (how they begin) that do not run here, and why.</summary>
    private static readonly (string Beginning, string Why)[] s_elsewhere =
    [
        ("./realtime cluster", "PostgreSQL and four processes; tests/Cluster.Tests and tests/Chaos.Tests start them"),
        ("./realtime chaos", "runs for a minute; tests/Chaos.Tests do it"),
        ("dotnet run -c Release --project bench/Micro", "takes hours; tests/Bench.Tests"),
        ("dotnet build ../../src/Server", "what this project is built with"),
        ("dotnet user-jwts", "writes into the secrets of who runs it"),
        ("npm test", nameof(JavaScriptClientTests)),
        ("npx wscat", "fetches a package"),
        ("cp deploy/.env.example", "for the containers below"),
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
            else if (command.Contains("samples/OtherService", StringComparison.Ordinal))
                await RunOtherService(command);
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
        Assert.Superset(new HashSet<string>(["README.md", "bench/README.md", "clients/javascript/README.md", "deploy/README.md", "samples/Chat/README.md",
            "samples/Echo/README.md", "samples/Notifications/README.md", "samples/OtherService/README.md"]), Readmes.Select(row => row.Data).ToHashSet());

    /// <summary>The entry script, with a `dotnet` that builds and runs nothing: that it knows the command and its options.</summary>
    private static async Task RunScript(string command)
    {
        using var folder = new ScriptFolder();
        folder.Write("bench/Bench/Bench.csproj", "");
        var (exitCode, output, error) = await folder.RunAsync(command.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1..]);
        Assert.True(exitCode == 0, $"{command}: exit code {exitCode}\n{output}{error}");
    }

    /// <summary>Without a cluster it says what it does not reach.</summary>
    private static async Task RunOtherService(string command)
    {
        var at = command.Replace("$(cat artifacts/cluster.connection)", "'Host=127.0.0.1;Port=1;Database=none;Username=none;Password=none'", StringComparison.Ordinal);
        Assert.NotEqual(command, at);
        var (exitCode, output) = await RunAsync(OnWhatIsBuilt(at));
        Assert.True(exitCode == 1 && output.Contains("database cannot be asked", StringComparison.Ordinal), $"{command}: exit code {exitCode}\n{output}");
    }

    /// <summary>An HTTP call of the server of this README, or, where there is none, of the product's own.</summary>
    private static async Task Call(string command, Server server)
    {
        if (server.Address is null)
            await server.StartFrontAsync();
        var at = Address().Replace(command, server.Address!);
        Assert.NotEqual(command, at);
        var (exitCode, output) = await RunAsync(at.Replace("curl ", "curl --silent --show-error --fail-with-body --max-time 30 ", StringComparison.Ordinal));
        Assert.True(exitCode == 0, $"{command}: exit code {exitCode}\n{output}\n{server.Output()}");
    }

    private static string OnWhatIsBuilt(string command) =>
        command.Replace("dotnet run ", $"dotnet run --no-build -c {new DirectoryInfo(AppContext.BaseDirectory.TrimEnd('/')).Name} ", StringComparison.Ordinal);

    private static Process Start(string command)
    {
        var start = new ProcessStartInfo("bash", ["-c", command]) { WorkingDirectory = s_root, RedirectStandardOutput = true, RedirectStandardError = true };
        // As a newcomer has it: what the tests themselves run with must not help.
        foreach (var name in new[] { "ASPNETCORE_ENVIRONMENT", "DOTNET_ENVIRONMENT", "ASPNETCORE_URLS" })
            start.Environment.Remove(name);
        return Process.Start(start)!;
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string command)
    {
        using var process = Start(command);
        try
        {
            var output = await Task.WhenAll(process.StandardOutput.ReadToEndAsync(), process.StandardError.ReadToEndAsync()).WaitAsync(s_patience);
            await process.WaitForExitAsync().WaitAsync(s_patience);
            return (process.ExitCode, string.Concat(output));
        }
        catch (TimeoutException e)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{command} did not end within {s_patience.TotalSeconds} s.", e);
        }
    }

    /// <summary>What `dotnet run` has started, or the front.</summary>
    private sealed class Server : IAsyncDisposable
    {
        private readonly StringBuilder _output = new();
        private Process? _process;
        private FrontProcess? _front;

        public string? Address { get; private set; }

        public string Output()
        {
            lock (_output)
                return _output.ToString();
        }

        public async Task StartAsync(string command)
        {
            var listening = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
            var process = _process = Start(command);
            process.EnableRaisingEvents = true;
            process.OutputDataReceived += (_, line) => Read(line.Data, listening);
            process.ErrorDataReceived += (_, line) => Read(line.Data, listening);
            process.Exited += (_, _) => listening.TrySetException(new InvalidOperationException($"{command} ended with {process.ExitCode}:\n{Output()}"));
            process.BeginOutputReadLine();
            process.BeginErrorReadLine();
            Address = await listening.Task.WaitAsync(s_patience);
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
            if (_process is not { } process)
                return;
            process.Kill(entireProcessTree: true);
            await process.WaitForExitAsync().WaitAsync(s_patience);
            process.Dispose();
        }

        private void Read(string? line, TaskCompletionSource<string> listening)
        {
            lock (_output)
                _output.Append(line).Append('\n');
            if (line is not null && Listening().Match(line) is { Success: true } match)
                listening.TrySetResult(match.Groups[1].Value);
        }
    }

    [GeneratedRegex(@"http://127\.0\.0\.1:\d+")]
    private static partial Regex Address();

    [GeneratedRegex(@"Now listening on: (http://\S+)")]
    private static partial Regex Listening();
}
