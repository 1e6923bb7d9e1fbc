using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using Realtime.Processes;

namespace Realtime.EndToEnd.Tests;

/// <summary>`./realtime cluster`: the real script and the real program, with silos and fronts that the tests make up.</summary>
public sealed class ClusterCommandTests : IDisposable
{
    /// <summary>Tells what it was given and, in the end, that it was asked to stop.</summary>
    private const string Obedient = """
        trap 'echo asked to stop; kill $!; exit 0' TERM
        """;

    /// <summary>Does not end when it is asked to.</summary>
    private const string Deaf = """
        trap 'echo asked to stop' TERM
        """;

    private readonly ScriptFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("--silos 0", "--silos is '0'; it must be a number from 1 to 16")]
    [InlineData("--fronts=17", "--fronts is '17'; it must be a number from 1 to 16")]
    [InlineData("--fronts two", "--fronts is 'two'")]
    [InlineData("--silos", "--silos is ''")]
    [InlineData("--port 65535", "leaves no room for 2 fronts")]
    [InlineData("--postgres db", "Host=..")]
    [InlineData("--postgres", "Host=..")]
    [InlineData("--redis", "--redis")]
    public async Task Wrong_use_is_told_and_exits_with_2(string arguments, string told)
    {
        var (exitCode, _, error) = await _folder.RunAsync(["cluster", .. arguments.Split(' ')]);

        Assert.Equal(2, exitCode);
        Assert.Contains(told, error);
        Assert.Single(error.TrimEnd().Split('\n'));
        Assert.DoesNotContain(_folder.Calls(), call => call.Contains("Server.dll"));
    }

    [Fact]
    public async Task It_is_refused_where_a_port_of_a_front_is_taken()
    {
        int port;
        do
            port = Ports.Free();
        while (!Ports.IsFree(port - 1)); // which is looked at first
        using var listener = new TcpListener(IPAddress.Loopback, port);
        listener.Start();

        var (exitCode, _, error) = await _folder.RunAsync(
            "cluster", "--fronts", "3", "--port", $"{port - 1}", "--postgres", "Host=nowhere");

        Assert.Equal(1, exitCode);
        Assert.Contains($"port {port} is taken", Assert.Single(error.TrimEnd().Split('\n')));
        Assert.DoesNotContain(_folder.Calls(), call => call.Contains("Server.dll"));
    }

    [Fact]
    public async Task It_goes_on_without_what_is_killed_and_stops_in_order()
    {
        _folder.WriteDotnet(Servers(Obedient));
        var port = Ports.Free();
        using var script = Start("--silos", "2", "--fronts", "1", "--port", $"{port}", "--postgres", "Host=a b;Password=c", "--", "--Some:Setting=d e");
        var lines = script.Lines;
        var silo = int.Parse((await script.Read(line => line.StartsWith("silo 1: http://127.0.0.1:"))).Split("pid ")[1]);
        await script.Read(line => line.StartsWith("silo 2: http://127.0.0.1:"));
        await script.Read(line => line.StartsWith($"front 1: http://127.0.0.1:{port}, pid "));
        await script.ReadUps(3);
        Assert.Equal("Host=a b;Password=c\n", _folder.Read("artifacts/cluster.connection"));
        Assert.Equal(3, lines.Count(line => line.EndsWith("Development postgres Host=a b;Password=c")));
        Assert.Contains(lines, line => line.StartsWith("silo 2   | ") && line.Contains("--Cluster:SiloPort=") && line.EndsWith("--Some:Setting=d e"));
        Assert.Contains(lines, line => line.StartsWith("front 1  | ") && line.Contains($"--urls=http://127.0.0.1:{port} --Cluster:Role=front"));

        Kill("KILL", silo);
        await script.Read(line => line == $"cluster: silo 1 (pid {silo}) was ended by SIGKILL; the others go on");

        Kill("TERM", script.Process.Id);
        await script.Read(line => line == "silo 2   | asked to stop");
        Assert.Contains("front 1  | asked to stop", lines);
        await script.Process.WaitForExitAsync().WaitAsync(ScriptFolder.Patience);
        Assert.Equal(143, script.Process.ExitCode);
        Assert.False(File.Exists(_folder.PathOf("artifacts/cluster.connection")));
        Assert.Equal("realtime: ended by SIGTERM\n", await script.Process.StandardError.ReadToEndAsync().WaitAsync(ScriptFolder.Patience));
    }

    [Fact]
    public async Task When_nothing_is_left_of_it_it_ends()
    {
        _folder.WriteDotnet(ScriptFolder.Works + "\n[[ $1 != *.dll ]] || exit 3");

        var (exitCode, output, error) = await _folder.RunAsync(
            "cluster", "--silos", "1", "--fronts", "1", "--port", $"{Ports.Free()}", "--postgres", "Host=a");

        Assert.Equal(1, exitCode);
        Assert.Matches(@"cluster: silo 1 \(pid \d+\) ended with exit code 3", output);
        Assert.Matches(@"cluster: front 1 \(pid \d+\) ended with exit code 3", output);
        Assert.Equal("realtime: every silo and front has ended\n", error);
    }

    [Theory]
    [InlineData("a signal", Obedient, "INT", 1, 130)]
    [InlineData("a second signal", Deaf, "TERM", 2, 143)]
    [InlineData("the end of the program that started it all", Deaf, "KILL", 0, 137)]
    public async Task Nothing_is_left_behind_by(string end, string servers, string signal, int times, int exitCode)
    {
        Assert.SkipWhen(PostgresServer.Missing is not null, $"On this machine {PostgresServer.Missing}.");
        Assert.SkipUnless(OperatingSystem.IsLinux(), "What is left is found by /proc.");
        _folder.WriteDotnet(Servers(servers));
        using var script = Start("--silos", "1", "--fronts", "1", "--port", $"{Ports.Free()}");
        var postgres = (await script.Read(line => line.StartsWith("postgres: 127.0.0.1:"))).Split(", ");
        await script.Read(line => line.StartsWith("front 1: "));
        await script.ReadUps(2);
        var connection = _folder.PathOf("artifacts/cluster.connection");
        var password = File.ReadAllText(connection).TrimEnd().Split("Password=")[1];
        var folder = postgres[2].Split(' ')[1];
        int[] processes = [.. script.Lines.Where(line => line.Contains(", pid ")).Select(line => int.Parse(line.Split(", pid ")[1].Split(',')[0]))];
        if (OperatingSystem.IsLinux())
            Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(connection));
        Assert.DoesNotContain(CommandLines(), line => line.Contains(password));
        Assert.Equal(3, processes.Count(ScriptFolder.IsRunning));
        Assert.True(Directory.Exists(folder), end);

        if (times == 0)
            Kill(signal, Program(script.Process.Id));
        for (var time = 0; time < times; time++)
        {
            Kill(signal, script.Process.Id);
            await script.Read(line => line == "front 1  | asked to stop");
        }
        await script.Process.WaitForExitAsync().WaitAsync(ScriptFolder.Patience);

        Assert.Equal(exitCode, script.Process.ExitCode);
        Assert.DoesNotContain(processes, ScriptFolder.IsRunning);
        Assert.False(Directory.Exists(folder));
        Assert.False(File.Exists(connection));
    }

    /// <summary>A server, as bash is to play it: it says what it was given and that it is up, and goes on until it is ended.</summary>
    private static string Servers(string trap) => ScriptFolder.Works + $$"""

        [[ $1 == *.dll ]] || exit 0
        {{trap}}
        echo "$*"
        echo "$ASPNETCORE_ENVIRONMENT $Cluster__Clustering $Cluster__ConnectionString"
        echo up
        while true; do sleep 600 & wait $!; done
        """;

    private RunningScript Start(params string[] arguments) => new(_folder.StartScript(["cluster", .. arguments]));

    private void Kill(string signal, int process)
    {
        using var kill = _folder.Start("bash", "-c", $"kill -{signal} {process}");
        Assert.True(kill.WaitForExit(ScriptFolder.Patience));
    }

    /// <summary>The child of the script that has the cluster's.</summary>
    private static int Program(int script) => Directory.GetDirectories("/proc").Select(Path.GetFileName)
        .Where(name => int.TryParse(name, out _)).Select(name => int.Parse(name!))
        .Single(process => Read($"/proc/{process}/stat") is { } stat && stat[(stat.LastIndexOf(')') + 2)..].Split(' ')[1] == $"{script}"
            && Read($"/proc/{process}/cmdline")!.Contains("Realtime.Cluster.dll"));

    private static IEnumerable<string> CommandLines() =>
        Directory.GetDirectories("/proc").Select(process => Read(Path.Combine(process, "cmdline"))).OfType<string>();

    private static string? Read(string file)
    {
        try
        {
            return File.Exists(file) ? File.ReadAllText(file) : null;
        }
        catch (IOException)
        {
            return null; // it has ended
        }
    }

    private sealed class RunningScript(Process process) : IDisposable
    {
        public Process Process => process;

        public List<string> Lines { get; } = [];

        /// <summary>Reads on until a line comes that is awaited, unless it was there before.</summary>
        public async Task<string> Read(Func<string, bool> isAwaited)
        {
            while (!Lines.Any(isAwaited))
                await ReadLine();
            return Lines.First(isAwaited);
        }

        /// <summary>Reads on until so many servers are up.</summary>
        public async Task ReadUps(int servers)
        {
            while (Lines.Count(line => line.EndsWith("| up")) < servers)
                await ReadLine();
        }

        private async Task ReadLine()
        {
            var line = await process.StandardOutput.ReadLineAsync().WaitAsync(ScriptFolder.Patience);
            Assert.True(line is not null, $"The output ended after: {string.Join('\n', Lines)}");
            Lines.Add(line);
        }

        public void Dispose()
        {
            if (!process.HasExited)
                process.Kill(entireProcessTree: true);
            process.Dispose();
        }
    }
}
