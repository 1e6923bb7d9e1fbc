using System.Diagnostics;
using System.Globalization;
using System.Text;
using Realtime.Processes;

namespace Realtime.EndToEnd.Tests;

/// <summary>The tests of <c>clients/javascript</c>, and of the sample with React, in Node, against the front that was built along.</summary>
public sealed class JavaScriptClientTests
{
    /// <summary>They take about a minute; below the time after which `./realtime test` takes a project for hung.</summary>
    private static readonly TimeSpan s_bound = TimeSpan.FromMinutes(4);

    /// <summary>The first version of Node with a global WebSocket.</summary>
    private const int OldestNode = 22;

    [Fact]
    public Task The_tests_of_the_client_pass() => RunTests("clients/javascript");

    [Fact]
    public Task The_tests_of_the_sample_with_React_pass()
    {
        Assert.SkipUnless(Directory.Exists(Path.Combine(ScriptFolder.Repository(), "samples", "React", "node_modules")), "What the sample uses is not installed: npm ci --prefix samples/React");
        return RunTests("samples/React");
    }

    private static async Task RunTests(string folder)
    {
        if (await FindNodeAsync() is not { } node)
        {
            Assert.Skip($"No Node.js {OldestNode} or later is on the PATH, and Playwright brings none for this system.");
            return;
        }
        var (exitCode, output) = await RunAsync(folder, node, "--test", "--test-concurrency=3", "--test-reporter=spec"); // they mostly wait
        Assert.True(exitCode == 0, output);
        // An empty run would pass as well.
        Assert.DoesNotContain("tests 0\n", output, StringComparison.Ordinal);
    }

    /// <summary>The Node on the PATH when it is recent enough, otherwise the one that Playwright brings.</summary>
    private static async Task<string?> FindNodeAsync()
    {
        var path = (Environment.GetEnvironmentVariable("PATH") ?? "").Split(Path.PathSeparator);
        var own = Path.Combine(AppContext.BaseDirectory, ".playwright", "node");
        var brought = Directory.Exists(own) ? Directory.GetDirectories(own) : [];
        foreach (var folder in path.Concat(brought))
        {
            var node = Path.Combine(folder, OperatingSystem.IsWindows() ? "node.exe" : "node");
            if (File.Exists(node) && await VersionOfAsync(node) >= OldestNode)
                return node;
        }
        return null;
    }

    /// <summary>The major version; 0 for one that does not run here (Playwright brings those of several systems).</summary>
    private static async Task<int> VersionOfAsync(string node)
    {
        try
        {
            var (_, output) = await RunAsync(".", node, "--print", "process.versions.node.split('.')[0]");
            return int.TryParse(output, NumberStyles.Integer | NumberStyles.AllowTrailingWhite, CultureInfo.InvariantCulture, out var major) ? major : 0;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return 0;
        }
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(string folder, string node, params string[] arguments)
    {
        var start = new ProcessStartInfo(node, arguments)
        {
            WorkingDirectory = Path.Combine(ScriptFolder.Repository(), folder),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["REALTIME_FRONT"] = ProcessStart.Find("Server");
        using var process = Process.Start(start)!;
        var output = new StringBuilder();
        process.OutputDataReceived += (_, line) => Add(line.Data);
        process.ErrorDataReceived += (_, line) => Add(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            await process.WaitForExitAsync().WaitAsync(s_bound);
        }
        catch (TimeoutException e)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{node} {string.Join(' ', arguments)} did not end within {s_bound.TotalMinutes} min:\n{output}", e);
        }
        lock (output)
            return (process.ExitCode, output.ToString());

        void Add(string? line)
        {
            lock (output)
                output.Append(line).Append('\n');
        }
    }
}
