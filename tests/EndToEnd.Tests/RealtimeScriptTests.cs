using System.Net;
using System.Net.Sockets;
using Realtime.Processes;

namespace Realtime.EndToEnd.Tests;

/// <summary>The entry script `realtime`, with a `dotnet` that the tests make up.</summary>
public sealed class RealtimeScriptTests : IDisposable
{
    private readonly ScriptFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("help", "run", "cluster", "chaos", "bench", "test")]
    [InlineData("help run", "--port", "5080")]
    [InlineData("help test", "N passed, N failed, N skipped", "--format", "--filter-class")]
    [InlineData("help cluster", "--silos", "--fronts", "--postgres", "1 to 16", "5080")]
    [InlineData("help chaos", "--seed", "--processes", "--kill-every")]
    [InlineData("bench --help", "fanout", "--quick", "--payload", "gorilla", "RESULTS.md")]
    public async Task Help_tells_what_there_is(string arguments, params string[] words)
    {
        var (exitCode, output, error) = await _folder.RunAsync(arguments.Split(' '));

        Assert.Equal((0, ""), (exitCode, error));
        Assert.All(words, word => Assert.Contains(word, output));
    }

    [Theory]
    [InlineData("serve", "serve")]
    [InlineData("help serve", "serve")]
    [InlineData("run --prot 1", "--prot")]
    [InlineData("run --port", "--port")]
    [InlineData("run --port 0", "1 to 65535")]
    [InlineData("run --port=65536", "1 to 65535")]
    [InlineData("run --port 80x", "80x")]
    [InlineData("test --filter X", "--filter")]
    [InlineData("use", "unknown command 'use'")]
    public async Task Wrong_use_is_told_and_exits_with_2(string arguments, string told)
    {
        var (exitCode, output, error) = await _folder.RunAsync(arguments.Split(' '));

        Assert.Equal((2, ""), (exitCode, output));
        Assert.Contains(told, error);
        Assert.Single(error.TrimEnd().Split('\n'));
        Assert.Empty(_folder.Calls());
    }

    [Fact]
    public async Task A_taken_port_is_told_in_one_line()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;

        var (exitCode, _, error) = await _folder.RunAsync("run", "--port", $"{port}");

        Assert.Equal(1, exitCode);
        Assert.Contains($"port {port} is taken", Assert.Single(error.TrimEnd().Split('\n')));
        Assert.Empty(_folder.Calls());
    }

    [Fact]
    public async Task Run_builds_only_what_has_changed_and_serves_for_development_on_loopback()
    {
        _folder.Write("src/Silo/Room.cs", "");
        _folder.Write("src/Silo/Seat.cs", "");
        _folder.Write("clients/javascript/realtime.js", "");
        _folder.Write("clients/javascript/realtime/room.js", "");
        _folder.WriteDotnet(ScriptFolder.Works + """

            [[ $1 != *.dll ]] || printf '%s\n' "$ASPNETCORE_ENVIRONMENT" "${@:2}"
            """);
        string[] built = ["build Server"];

        var (exitCode, output, _) = await RunOnAFreePort("--", "--Some:Setting=a b");
        Assert.Equal(0, exitCode);
        Assert.Matches(@"Development\n--urls\nhttp://127\.0\.0\.1:\d+\n--Some:Setting=a b\n$", output);
        Assert.Equal(built, _folder.Calls()[..1]);

        Assert.Contains("nothing to do", (await RunOnAFreePort()).Output);
        Assert.Single(_folder.Calls());

        foreach (var source in new[] { "src/Silo/Room.cs", "clients/javascript/realtime.js", "clients/javascript/realtime/room.js" })
        {
            Touch(source);
            await RunOnAFreePort();
            Assert.Equal(built, _folder.Calls()[..1]);
            // Old again, so that it is not what the next build is for.
            File.SetLastWriteTimeUtc(_folder.PathOf(source), DateTime.UnixEpoch);
        }

        File.Delete(_folder.PathOf("src/Silo/Seat.cs"));
        Touch("src/Silo");
        await RunOnAFreePort();
        Assert.Equal(built, _folder.Calls()[..1]);

        Task<(int ExitCode, string Output, string Error)> RunOnAFreePort(params string[] arguments) =>
            _folder.RunAsync(["run", "--port", $"{Ports.Free()}", .. arguments]);

        // Later than any stamp, also where a file system counts in whole seconds.
        void Touch(string path) => File.SetLastWriteTimeUtc(_folder.PathOf(path), File.GetLastWriteTimeUtc(_folder.PathOf("artifacts/Server.stamp")).AddSeconds(2));
    }

    [Fact]
    public async Task Test_counts_what_the_summary_says_and_lists_what_failed_and_what_was_skipped()
    {
        _folder.Write("results", ScriptFolder.Results(passed: 20, failed: 1, skipped: 2, tests: """
            passed Room.Gives (1ms)
            failed Room.Takes(name: "a&lt;") (2ms)
              from /somewhere/Some.Tests.dll (net10.0|x64)
              Assert.Equal() Failure
            skipped Page.Shows (0ms)
              from /somewhere/Some.Tests.dll (net10.0|x64)
              no browser here
            """));
        _folder.WriteDotnet(ScriptFolder.Works + "\n[[ $1 != test ]] || exit 2");

        var (exitCode, output, _) = await _folder.RunAsync("test", "--", "--filter-class", "*Room*");

        Assert.Equal(1, exitCode);
        var end = output[output.LastIndexOf("duration:", StringComparison.Ordinal)..];
        Assert.Contains("\nfailed Room.Takes(name: \"a&lt;\") (2ms)\n", end);
        Assert.Contains("\nskipped Page.Shows (0ms)\n", end);
        Assert.Contains("no browser here", end);
        Assert.EndsWith("\n20 passed, 1 failed, 2 skipped\n", end);
    }

    public static TheoryData<string, string, string> Failures => new()
    {
        { "[[ $1 != build ]] || exit 1", "does not build", "0 passed, 1 failed, 0 skipped" },
        { "[[ $1 != test ]] || exit 134", "exit code 134", "0 passed, 1 failed, 0 skipped" },
        { ScriptFolder.Works + "\n[[ $1 != test ]] || exit 1", "exit code 1", "1 passed, 1 failed, 0 skipped" },
        { ScriptFolder.Works + "\n[[ $1 != format ]] || exit 2", "dotnet format Realtime.sln", "1 passed, 1 failed, 0 skipped" },
        { "", "no test ran", "0 passed, 0 failed, 0 skipped" },
    };

    [Theory, MemberData(nameof(Failures))]
    public async Task Test_fails_when_anything_fails_or_nothing_ran(string dotnet, string told, string last)
    {
        _folder.WriteDotnet(dotnet);

        var (exitCode, output, _) = await _folder.RunAsync("test", "--format");

        Assert.Equal(1, exitCode);
        Assert.Contains(told, output);
        Assert.EndsWith($"\n{last}\n", output);
    }

    [Fact]
    public async Task Results_of_an_earlier_run_do_not_count()
    {
        Assert.EndsWith("\n1 passed, 0 failed, 0 skipped\n", (await _folder.RunAsync("test")).Output);
        _folder.WriteDotnet("");

        Assert.EndsWith("\n0 passed, 0 failed, 0 skipped\n", (await _folder.RunAsync("test")).Output);
    }

    [Theory]
    [InlineData("INT", 130)]
    [InlineData("TERM", 143)]
    public async Task A_signal_ends_a_build_and_all_it_has_started(string signal, int exitCode)
    {
        // A build that starts a process in a session of its own, as compile servers and browsers are, and does not end.
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Processes outside the process group are found by /proc.");
        _folder.WriteDotnet("""
            [[ $1 == build ]] || exit 0
            setsid sleep 600 &
            echo "pid $!"
            sleep 600 &
            echo "pid $!"
            echo building
            wait
            """);
        using var script = _folder.StartScript("test");
        var processes = new List<int>();
        while (await script.StandardOutput.ReadLineAsync().WaitAsync(ScriptFolder.Patience) is { } line && line != "building")
            if (line.StartsWith("pid "))
                processes.Add(int.Parse(line[4..]));
        Assert.Equal(2, processes.Count);

        using (var kill = _folder.Start("bash", "-c", $"kill -{signal} {script.Id}"))
            await kill.WaitForExitAsync().WaitAsync(ScriptFolder.Patience);
        await script.WaitForExitAsync().WaitAsync(ScriptFolder.Patience);

        Assert.Equal(exitCode, script.ExitCode);
        Assert.All(processes, process => Assert.False(ScriptFolder.IsRunning(process)));
    }

    [Fact]
    public async Task What_a_test_project_leaves_running_is_ended()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Processes outside the process group are found by /proc.");
        _folder.WriteDotnet(ScriptFolder.Works + """

            [[ $1 != test ]] || { setsid sleep 600 >/dev/null 2>&1 & echo "pid $!"; }
            """);

        var (exitCode, output, _) = await _folder.RunAsync("test");

        Assert.Equal(0, exitCode);
        var pid = output.Split('\n').Single(line => line.StartsWith("pid "))[4..];
        Assert.False(ScriptFolder.IsRunning(int.Parse(pid)));
    }
}
