using System.Net;
using System.Net.Sockets;
using System.Xml.Linq;

namespace Realtime.EndToEnd.Tests;

/// <summary>The entry script `realtime`, with a `dotnet` that the tests make up.</summary>
public sealed class RealtimeScriptTests : IDisposable
{
    private readonly ScriptFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("help", "run", "cluster", "test", "use")]
    [InlineData("help run", "--port", "--engine", "5080")]
    [InlineData("help test", "N passed, N failed, N skipped", "--format", "--filter")]
    [InlineData("help cluster", "--silos", "--fronts", "--postgres", "1 to 16", "5080")]
    [InlineData("help bench", "fanout", "storm", "growth", "--quick", "--payload", "gorilla", "RESULTS.md")]
    [InlineData("use --help", "orleans", "embedded", "auto")]
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
    [InlineData("run --engine akka", "orleans or embedded")]
    [InlineData("cluster --silos 0", "--silos is '0'; it must be a number from 1 to 16")]
    [InlineData("cluster --fronts=17", "--fronts is '17'; it must be a number from 1 to 16")]
    [InlineData("cluster --fronts two", "--fronts is 'two'")]
    [InlineData("cluster --silos", "--silos is ''")]
    [InlineData("cluster --port 65535", "leaves no room for 2 fronts")]
    [InlineData("cluster --postgres db", "Host=..")]
    [InlineData("cluster --engine akka", "orleans or embedded")]
    [InlineData("cluster --redis", "--redis")]
    [InlineData("bench --engine akka", "orleans or embedded")]
    [InlineData("test --engine akka", "orleans or embedded")]
    [InlineData("test --filter X", "--filter")]
    [InlineData("use akka", "akka")]
    [InlineData("use orleans embedded", "one engine")]
    public async Task Wrong_use_is_told_and_exits_with_2(string arguments, string told)
    {
        var (exitCode, output, error) = await _folder.RunAsync(arguments.Split(' '));

        Assert.Equal((2, ""), (exitCode, output));
        Assert.Contains(told, error);
        Assert.Single(error.TrimEnd().Split('\n'));
        Assert.Empty(_folder.Calls());
    }

    [Fact]
    public async Task Use_sets_the_engine_of_plain_dotnet_commands_too()
    {
        _folder.Write("src/Some/Some.csproj", """<Project Sdk="Microsoft.NET.Sdk" />""");
        Assert.Equal("embedded", await EngineOfPlainDotnet());

        Assert.Equal(0, (await _folder.RunAsync("use", "orleans")).ExitCode);
        Assert.Equal("orleans", await EngineOfPlainDotnet());
        Assert.Contains("engine: orleans (chosen with ./realtime use orleans)", (await _folder.RunAsync("use")).Output);

        Assert.Equal(0, (await _folder.RunAsync("use", "auto")).ExitCode);
        Assert.False(File.Exists(_folder.PathOf(".engine.props")));
        Assert.Contains("engine: auto", (await _folder.RunAsync("use")).Output);
    }

    [Fact]
    public async Task A_file_that_names_no_engine_is_told_and_can_be_set_anew()
    {
        _folder.Write(".engine.props", "<Project />");

        var (exitCode, _, error) = await _folder.RunAsync("use");
        Assert.Equal(1, exitCode);
        Assert.Contains(".engine.props", error);

        Assert.Equal(0, (await _folder.RunAsync("use", "embedded")).ExitCode);
        Assert.Contains("embedded", (await _folder.RunAsync("use")).Output);
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
        _folder.WriteDotnet(ScriptFolder.Works + """

            [[ $1 != *.dll ]] || printf '%s\n' "$ASPNETCORE_ENVIRONMENT" "${@:2}"
            """);
        string[] built = ["restore WebFront.csproj", "build WebFront.csproj"];

        var (exitCode, output, _) = await RunOnAFreePort("--", "--Some:Setting=a b");
        Assert.Equal(0, exitCode);
        Assert.Matches(@"Development\n--urls\nhttp://127\.0\.0\.1:\d+\n--Some:Setting=a b\n$", output);
        Assert.Contains("engine: embedded (asked for with --engine)", output);
        Assert.Equal(built, _folder.Calls()[..2]);

        Assert.Contains("nothing to do", (await RunOnAFreePort()).Output);
        Assert.Single(_folder.Calls());

        foreach (var source in new[] { "src/Silo/Room.cs", "clients/javascript/realtime.js" })
        {
            Touch(source);
            await RunOnAFreePort();
            Assert.Equal(built, _folder.Calls()[..2]);
            // Old again, so that it is not what the next build is for.
            File.SetLastWriteTimeUtc(_folder.PathOf(source), DateTime.UnixEpoch);
        }

        File.Delete(_folder.PathOf("src/Silo/Seat.cs"));
        Touch("src/Silo");
        await RunOnAFreePort();
        Assert.Equal(built, _folder.Calls()[..2]);

        Task<(int ExitCode, string Output, string Error)> RunOnAFreePort(params string[] arguments) =>
            _folder.RunAsync(["run", "--engine", "embedded", "--port", $"{FreePort()}", .. arguments]);

        // Later than any stamp, also where a file system counts in whole seconds.
        void Touch(string path) => File.SetLastWriteTimeUtc(_folder.PathOf(path), File.GetLastWriteTimeUtc(Path.Combine(_folder.PathOf("artifacts"), "embedded", "server.stamp")).AddSeconds(2));
    }

    [Theory]
    [InlineData("error NU1101: Unable to find package Microsoft.Orleans.Core. No packages exist with this id in source(s): a feed", "embedded", "the NuGet feed does not carry Microsoft.Orleans.Core ")]
    [InlineData("error NU1102: Unable to find package Polly.Core with version (>= 8.6.4)", "embedded", "the NuGet feed does not carry Polly.Core 8.6.4;")]
    [InlineData("error NU1301: Unable to load the service index for source", "embedded", "the NuGet feed cannot be reached")]
    [InlineData("error NU1603: Warning As Error: Polly 8.6.4 was not found. Polly 8.8.1 was resolved instead.", "embedded", "NU1603")]
    [InlineData("", "orleans", "the NuGet feed carries Orleans")]
    public async Task NuGet_is_asked_once_for_the_engine(string answer, string engine, string reason)
    {
        AnswerOfNuGet(answer);

        var (_, output, _) = await _folder.RunAsync("run", "--port", $"{FreePort()}");
        Assert.Contains($"engine: {engine} (", output);
        Assert.Contains(reason, output);
        Assert.Equal("restore Probe.csproj", _folder.Calls()[0]);
        Assert.Equal(engine, XDocument.Parse(_folder.Read(".engine.props")).Descendants("OrleansEngine").Single().Value);

        (_, output, _) = await _folder.RunAsync("run", "--port", $"{FreePort()}");
        Assert.Contains(reason, output);
        Assert.DoesNotContain("restore Probe.csproj", _folder.Calls());
    }

    [Theory]
    [InlineData("error NU1301: Unable to load the service index for source", 24, true)]
    [InlineData("error NU1301: Unable to load the service index for source", 23, false)]
    [InlineData("error NU1101: Unable to find package Microsoft.Orleans.Core.", 1000, false)]
    public async Task NuGet_is_asked_again_a_day_after_it_could_not_be_reached(string answer, int hours, bool again)
    {
        AnswerOfNuGet(answer);
        await _folder.RunAsync("run", "--port", $"{FreePort()}");
        _folder.Calls();
        var kept = _folder.Read(".engine.props");
        var asked = kept.Split(' ').Select(word => long.TryParse(word, out var number) ? number : 0).Max();
        _folder.Write(".engine.props", kept.Replace($"{asked}", $"{asked - hours * 3600}"));
        AnswerOfNuGet("");

        var (_, output, _) = await _folder.RunAsync("run", "--port", $"{FreePort()}");

        Assert.Equal(again, _folder.Calls().Contains("restore Probe.csproj"));
        Assert.Contains(again ? "engine: orleans" : "engine: embedded", output);
    }

    [Fact]
    public async Task The_real_NuGet_is_understood_when_it_has_no_Orleans()
    {
        // A feed of this folder alone, and empty. Packages that were fetched earlier must not answer in its place.
        Directory.CreateDirectory(_folder.PathOf("feed"));
        _folder.Write("NuGet.Config", """
            <configuration>
              <config><add key="globalPackagesFolder" value="packages" /></config>
              <packageSources><clear /><add key="feed" value="feed" /></packageSources>
              <fallbackPackageFolders><clear /></fallbackPackageFolders>
            </configuration>
            """);
        File.Delete(_folder.PathOf("bin/dotnet"));

        // The build that follows has nothing to build, and says so.
        var (exitCode, output, _) = await _folder.RunAsync("run", "--port", $"{FreePort()}");

        Assert.Equal(1, exitCode);
        Assert.Matches(@"engine: embedded \(the NuGet feed does not carry Microsoft\.Orleans\.\w+ \d+\.\d+\.\d+; see \./realtime help use\)", output);
    }

    [Theory]
    // What NuGet does not carry is not tested, unless somebody has chosen it.
    [InlineData("auto", "error NU1101: Unable to find package Microsoft.Orleans.Core.", "embedded")]
    [InlineData("embedded", "error NU1101: Unable to find package Microsoft.Orleans.Core.", "embedded")]
    [InlineData("orleans", "error NU1101: Unable to find package Microsoft.Orleans.Core.", "embedded", "orleans")]
    // What it carries is tested, whatever is in use.
    [InlineData("auto", "", "embedded", "orleans")]
    [InlineData("embedded", "", "embedded", "orleans")]
    public async Task Test_covers_both_engines_where_Orleans_restores(string use, string answer, params string[] engines)
    {
        AnswerOfNuGet(answer);
        await _folder.RunAsync("use", use);

        for (var run = 0; run < 2; run++)
        {
            var (_, output, _) = await _folder.RunAsync("test");
            Assert.Equal(engines, Headings(output));
            Assert.EndsWith($"\n{engines.Length} passed, 0 failed, 0 skipped\n", output);
            Assert.Equal(run == 0 ? 1 : 0, _folder.Calls().Count(call => call == "restore Probe.csproj"));
        }
        if (use != "auto")
            Assert.Contains($"engine: {use}", (await _folder.RunAsync("use")).Output);

        Assert.Equal(["embedded"], Headings((await _folder.RunAsync("test", "--engine", "embedded")).Output));

        static IEnumerable<string> Headings(string output) =>
            from line in output.Split('\n')
            where line.StartsWith("== ") && line.EndsWith(": build")
            select line[3..^7];
    }

    [Fact]
    public async Task Test_counts_what_the_result_files_say_and_lists_what_failed_and_what_was_skipped()
    {
        _folder.Write("tests/Other.Tests/Other.Tests.csproj", "");
        _folder.Write("results", ScriptFolder.Results(passed: 20, failed: 1, skipped: 2, tests: """
            <UnitTestResult testName="Room.Takes(name: &quot;a&amp;lt;&quot;)" outcome="Failed" duration="1">
              <Output><ErrorInfo><Message>no</Message></ErrorInfo></Output>
            </UnitTestResult>
            <UnitTestResult testName="Page.Shows" outcome="NotExecuted" duration="1">
              <Output>
                <ErrorInfo>
                  <Message>no browser &lt;here&gt;
            nor there</Message>
                </ErrorInfo>
              </Output>
            </UnitTestResult>
            <UnitTestResult testName="Page.Hides" outcome="NotExecuted" duration="1" />
            """));

        var (exitCode, output, _) = await _folder.RunAsync("test", "--engine", "embedded", "--", "--filter", "Room");

        Assert.Equal(1, exitCode);
        Assert.EndsWith("""

            skipped:
              embedded Other.Tests: Page.Shows: no browser <here> nor there
              embedded Other.Tests: Page.Hides: no reason given
              embedded Some.Tests: Page.Shows: no browser <here> nor there
              embedded Some.Tests: Page.Hides: no reason given
            failed:
              embedded Other.Tests: Room.Takes(name: "a&lt;")
              embedded Some.Tests: Room.Takes(name: "a&lt;")
            40 passed, 2 failed, 4 skipped

            """, output);
    }

    public static TheoryData<string, string, string> Failures => new()
    {
        { "[[ $1 != restore ]] || exit 1", "could not be restored", "0 passed, 1 failed, 0 skipped" },
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

        var (exitCode, output, _) = await _folder.RunAsync("test", "--engine", "embedded", "--format");

        Assert.Equal(1, exitCode);
        Assert.Contains(told, output);
        Assert.EndsWith($"\n{last}\n", output);
    }

    [Fact]
    public async Task Results_of_an_earlier_run_do_not_count()
    {
        Assert.EndsWith("\n1 passed, 0 failed, 0 skipped\n", (await _folder.RunAsync("test", "--engine", "embedded")).Output);
        _folder.WriteDotnet("");

        Assert.EndsWith("\n0 passed, 0 failed, 0 skipped\n", (await _folder.RunAsync("test", "--engine", "embedded")).Output);
    }

    [Theory]
    [InlineData("[xUnit.net 00:01:01.75]     [FATAL ERROR] Xunit.Sdk.TestPipelineException")]
    [InlineData("The active test run was aborted. Reason: Test host process crashed")]
    public async Task A_test_process_that_crashes_is_a_failure(string text)
    {
        _folder.Write("results", ScriptFolder.Results(passed: 5, failed: 1, summary: $"<RunInfo outcome=\"Error\"><Text>{text}</Text></RunInfo>"));
        _folder.WriteDotnet(ScriptFolder.Works + "\n[[ $1 != test ]] || exit 1");

        var (exitCode, output, _) = await _folder.RunAsync("test", "--engine", "embedded");

        Assert.Equal(1, exitCode);
        Assert.Contains("the test process crashed or hung", output);
        Assert.EndsWith("\n5 passed, 2 failed, 0 skipped\n", output);
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
        using var script = _folder.StartScript("test", "--engine", "embedded");
        var processes = new List<int>();
        while (await script.StandardOutput.ReadLineAsync().WaitAsync(ScriptFolder.Patience) is { } line && line != "building")
            if (line.StartsWith("pid "))
                processes.Add(int.Parse(line[4..]));
        Assert.Equal(2, processes.Count);

        using (var kill = _folder.Start("bash", "-c", $"kill -{signal} {script.Id}"))
            await kill.WaitForExitAsync().WaitAsync(ScriptFolder.Patience);
        await script.WaitForExitAsync().WaitAsync(ScriptFolder.Patience);

        Assert.Equal(exitCode, script.ExitCode);
        Assert.All(processes, process => Assert.False(IsRunning(process)));

        // One that has ended may wait to be collected by the system's first process: its command line is empty then.
        static bool IsRunning(int process)
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
    }

    [Fact]
    public async Task What_a_test_project_leaves_running_is_ended()
    {
        Assert.SkipUnless(OperatingSystem.IsLinux(), "Processes outside the process group are found by /proc.");
        _folder.WriteDotnet(ScriptFolder.Works + """

            [[ $1 != test ]] || { setsid sleep 600 >/dev/null 2>&1 & echo "pid $!"; }
            """);

        var (exitCode, output, _) = await _folder.RunAsync("test", "--engine", "embedded");

        Assert.Equal(0, exitCode);
        var pid = output.Split('\n').Single(line => line.StartsWith("pid "))[4..];
        Assert.False(File.Exists($"/proc/{pid}/cmdline") && File.ReadAllText($"/proc/{pid}/cmdline").Length > 0);
    }

    [Theory]
    [InlineData("orleans", "asked for with --engine", "--engine", "embedded")]
    [InlineData("embedded", "chosen with ./realtime use embedded")]
    public async Task A_cluster_is_refused_on_the_embedded_engine(string use, string why, params string[] arguments)
    {
        await _folder.RunAsync("use", use);

        var (exitCode, output, error) = await _folder.RunAsync(["cluster", .. arguments]);

        Assert.Equal((1, ""), (exitCode, output));
        var line = Assert.Single(error.TrimEnd().Split('\n'));
        Assert.Contains("needs the orleans engine", line);
        Assert.Contains(why, line);
        Assert.Empty(_folder.Calls());
    }

    [Fact]
    public async Task A_cluster_is_refused_where_a_port_of_a_front_is_taken()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        var port = ((IPEndPoint)listener.LocalEndpoint).Port;

        var (exitCode, _, error) = await _folder.RunAsync(
            "cluster", "--engine", "orleans", "--fronts", "3", "--port", $"{port - 1}", "--postgres", "Host=nowhere");

        Assert.Equal(1, exitCode);
        Assert.Contains("is taken", Assert.Single(error.TrimEnd().Split('\n')));
        Assert.Empty(_folder.Calls());
    }

    [Fact]
    public async Task A_cluster_goes_on_without_what_is_killed_and_stops_in_order()
    {
        // Silos and fronts that tell what they were given and, in the end, that they were asked to stop.
        WriteClusterDotnet();
        var port = FreePort();
        using var script = _folder.StartScript(
            "cluster", "--engine", "orleans", "--silos", "2", "--fronts", "1", "--port", $"{port}", "--postgres", "Host=a b;Password=c", "--", "--Some:Setting=d e");
        var lines = new List<string>();
        var silo = int.Parse((await Read(line => line.StartsWith("silo 1: http://127.0.0.1:")))[^1].Split("pid ")[1]);
        await Read(line => line.StartsWith("silo 2: http://127.0.0.1:"));
        await Read(line => line.StartsWith($"front 1: http://127.0.0.1:{port}, pid "));
        while (lines.Count(line => line.EndsWith("| up")) < 3)
            await Read(line => line.EndsWith("| up"));
        Assert.Equal("Host=a b;Password=c\n", _folder.Read("artifacts/cluster.connection"));
        Assert.Equal(3, lines.Count(line => line.EndsWith("Development postgres Host=a b;Password=c")));
        Assert.Contains(lines, line => line.StartsWith("silo 2   | ") && line.Contains("--Cluster:SiloPort=") && line.EndsWith("--Some:Setting=d e"));
        Assert.Contains(lines, line => line.StartsWith("front 1  | ") && line.Contains($"--urls http://127.0.0.1:{port} --Cluster:Mode=client"));

        Kill("KILL", silo);
        await Read(line => line == $"cluster: silo 1 (pid {silo}) was ended by SIGKILL; the others go on");

        Kill("TERM", script.Id);
        await Read(line => line == "silo 2   | asked to stop");
        Assert.Contains("front 1  | asked to stop", lines);
        await script.WaitForExitAsync().WaitAsync(ScriptFolder.Patience);
        Assert.Equal(143, script.ExitCode);
        Assert.False(File.Exists(_folder.PathOf("artifacts/cluster.connection")));
        Assert.Equal("realtime: ended by SIGTERM\n", await script.StandardError.ReadToEndAsync().WaitAsync(ScriptFolder.Patience));

        async Task<List<string>> Read(Func<string, bool> until)
        {
            while (true)
            {
                var line = await script.StandardOutput.ReadLineAsync().WaitAsync(ScriptFolder.Patience);
                Assert.True(line is not null, $"The output ended after: {string.Join('\n', lines)}");
                lines.Add(line);
                if (until(line))
                    return lines;
            }
        }

        void Kill(string signal, int process)
        {
            using var kill = _folder.Start("bash", "-c", $"kill -{signal} {process}");
            Assert.True(kill.WaitForExit(ScriptFolder.Patience));
        }
    }

    [Fact]
    public async Task A_cluster_of_which_nothing_is_left_ends()
    {
        _folder.Write("src/Silo/Silo.csproj", "");
        _folder.WriteDotnet(ScriptFolder.Works + "\n[[ $1 != *.dll ]] || exit 3");

        var (exitCode, output, error) = await _folder.RunAsync(
            "cluster", "--engine", "orleans", "--silos", "1", "--fronts", "1", "--port", $"{FreePort()}", "--postgres", "Host=a");

        Assert.Equal(1, exitCode);
        Assert.Matches(@"cluster: silo 1 \(pid \d+\) ended with exit code 3", output);
        Assert.Matches(@"cluster: front 1 \(pid \d+\) ended with exit code 3", output);
        Assert.Equal("realtime: every silo and front has ended\n", error);
    }

    private void WriteClusterDotnet()
    {
        _folder.Write("src/Silo/Silo.csproj", "");
        _folder.WriteDotnet(ScriptFolder.Works + """

            [[ $1 == *.dll ]] || exit 0
            trap 'echo asked to stop; exit 0' TERM
            echo "$*"
            echo "$ASPNETCORE_ENVIRONMENT $Cluster__Clustering $Cluster__ConnectionString"
            echo up
            while true; do sleep 600 & wait $!; done
            """);
    }

    /// <summary>The restore of the packages of Orleans fails with this text or, when it is empty, succeeds.</summary>
    private void AnswerOfNuGet(string text) => _folder.WriteDotnet(ScriptFolder.Works + $$"""

        if [[ $2 == */Probe.csproj && -n '{{text}}' ]]; then
            echo '/somewhere/Probe.csproj : {{text}}'
            exit 1
        fi
        """);

    private async Task<string> EngineOfPlainDotnet()
    {
        File.Delete(_folder.PathOf("bin/dotnet"));
        using var process = _folder.Start("dotnet", "msbuild", _folder.PathOf("src/Some/Some.csproj"), "-getProperty:OrleansEngine");
        var output = await process.StandardOutput.ReadToEndAsync().WaitAsync(ScriptFolder.Patience);
        return output.Trim();
    }

    private static int FreePort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
