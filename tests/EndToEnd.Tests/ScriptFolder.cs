using System.Diagnostics;
using Realtime.Processes;

namespace Realtime.EndToEnd.Tests;

/// <summary>
/// A copy of the entry script in a folder of its own, with blanks in its path, and with what the script reads: one
/// source, one test project, the commands that its help shows. `dotnet` is a bash script that a test writes; it logs its calls.
/// Only what starts clusters is the real program, whose servers are again what the test writes.
/// </summary>
internal sealed class ScriptFolder : IDisposable
{
    /// <summary>A call takes tens of milliseconds; the rest is for a machine that is busy with other tests.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    /// <summary>What `dotnet` does when all is well: a build leaves a server, a test run tells the results of <see cref="Results"/>.</summary>
    public const string Works = """
        case $1 in
            build) mkdir -p "$root/artifacts/bin/Server/release"; : >"$root/artifacts/bin/Server/release/Realtime.Server.dll" ;;
            test) cat "$root/results" ;;
        esac
        """;

    private readonly string _root = Directory.CreateTempSubdirectory("realtime script ").FullName;

    public ScriptFolder()
    {
        Assert.SkipWhen(OperatingSystem.IsWindows(), "The entry script is for bash.");
        var repository = Repository();
        foreach (var file in new[] { "realtime", "Directory.Packages.props", "Directory.Build.props", "global.json", "docs/commands.md" })
            Write(file, File.ReadAllText(Path.Combine(repository, file)));
        MakeExecutable("realtime");
        Write("src/Server/Server.csproj", "");
        Write("tests/Some.Tests/Some.Tests.csproj", "");
        Write("results", Results(passed: 1));
        WriteDotnet(Works);
    }

    public string PathOf(string path) => Path.Combine(_root, path);

    public string Read(string path) => File.ReadAllText(PathOf(path));

    public void Write(string path, string content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(path))!);
        File.WriteAllText(PathOf(path), content);
    }

    /// <summary>Makes `dotnet` a script of these lines; `$root` is this folder.</summary>
    public void WriteDotnet(string lines)
    {
        Write("bin/dotnet", $$"""
            #!/usr/bin/env bash
            root='{{_root}}'
            echo "$1 ${2##*/}" >>"$root/calls"
            [[ $1 != */Realtime.Cluster.dll ]] || exec '{{ProcessStart.FindInPath("dotnet")}}' '{{ProcessStart.Find("Cluster")}}' "${@:2}"
            {{lines}}
            """);
        MakeExecutable("bin/dotnet");
    }

    private void MakeExecutable(string path)
    {
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(PathOf(path), UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }

    /// <summary>The calls of `dotnet` since the last question: the command and the last part of its first argument.</summary>
    public string[] Calls()
    {
        if (!File.Exists(PathOf("calls")))
            return [];
        var calls = File.ReadAllLines(PathOf("calls"));
        File.Delete(PathOf("calls"));
        return calls;
    }

    /// <summary>Runs the script to its end, from another folder.</summary>
    public async Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments)
    {
        using var process = StartScript(arguments);
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await Task.WhenAll(output, error, process.WaitForExitAsync()).WaitAsync(Patience);
        return (process.ExitCode, await output, await error);
    }

    public Process StartScript(params string[] arguments) => Start(PathOf("realtime"), arguments);

    /// <summary>Starts a program with the `dotnet` of this folder.</summary>
    public Process Start(string program, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            WorkingDirectory = Path.GetTempPath(),
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.Environment["PATH"] = $"{PathOf("bin")}:{Environment.GetEnvironmentVariable("PATH")}";
        return Process.Start(start)!;
    }

    /// <summary>What `dotnet test` writes, as far as the script reads it.</summary>
    public static string Results(int passed = 0, int failed = 0, int skipped = 0, string tests = "") => $"""
        {tests}

        Test run summary: {(failed == 0 ? "Passed!" : "Failed!")}
          /somewhere/Some.Tests.dll (net10.0|x64) passed (1s 000ms)
          /somewhere/Other.Tests.dll (net10.0|x64) passed (1s 000ms)
          /somewhere/Third.Tests.dll (net10.0|x64) passed (1s 000ms)

          total: {passed + failed + skipped}
          failed: {failed}
          succeeded: {passed}
          skipped: {skipped}
          duration: 1s 000ms

        """;

    public void Dispose() => Directory.Delete(_root, recursive: true);

    /// <summary>Whether there is a process on Linux. One that has ended may wait to be collected by the system's first process: its command line is empty then.</summary>
    public static bool IsRunning(int process)
    {
        try
        {
            return File.ReadAllBytes($"/proc/{process}/cmdline").Length > 0;
        }
        catch (IOException)
        {
            return false;
        }
    }

    public static string Repository()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(folder.FullName, "Realtime.sln")))
            folder = folder.Parent ?? throw new DirectoryNotFoundException($"No Realtime.sln above {AppContext.BaseDirectory}.");
        return folder.FullName;
    }
}
