using System.Diagnostics;

namespace Realtime.Chaos.Clusters;

/// <summary>A silo or a front as a process.</summary>
internal sealed class ServerProcess
{
    /// <summary>A start takes seconds, on a machine that is busy with the load more of them.</summary>
    private static readonly TimeSpan s_startBound = TimeSpan.FromSeconds(60);

    /// <summary>A stop lets go of clients or rooms first; who takes longer is killed, as by any operator.</summary>
    private static readonly TimeSpan s_stopBound = TimeSpan.FromSeconds(30);

    private static readonly HttpClient s_http = new() { Timeout = TimeSpan.FromSeconds(5) };

    private readonly string _name;
    private readonly Process _process;
    private readonly int _port;

    private ServerProcess(string name, Process process, int port) => (_name, _process, _port) = (name, process, port);

    public static ServerProcess Start(
        string role, string name, int port, IReadOnlyDictionary<string, string?> settings, ServerLog? log, params string[] arguments)
    {
        var program = Find("Server");
        var start = new ProcessStartInfo("dotnet")
        {
            WorkingDirectory = Path.GetDirectoryName(program)!, // where its settings file lies
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(program);
        start.ArgumentList.Add($"--urls=http://127.0.0.1:{port}");
        start.ArgumentList.Add($"--Cluster:Role={role}");
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["ASPNETCORE_ENVIRONMENT"] = start.Environment["DOTNET_ENVIRONMENT"] = "Development";
        start.Environment["Logging__LogLevel__Default"] = "Warning";
        start.Environment["Logging__Console__FormatterName"] = "simple";
        start.Environment["Logging__Console__FormatterOptions__SingleLine"] = "true";
        start.Environment.Remove("ASPNETCORE_URLS");
        start.Environment.Remove("ASPNETCORE_HTTP_PORTS");
        // There only we and root can read them, unlike on the command line.
        foreach (var (key, value) in settings)
            start.Environment[key.Replace(":", "__")] = value;
        var process = new Process { StartInfo = start };
        process.OutputDataReceived += (_, line) => Read(line.Data);
        process.ErrorDataReceived += (_, line) => Read(line.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return new ServerProcess(name, process, port);

        void Read(string? line)
        {
            if (!string.IsNullOrEmpty(line))
                log?.Line($"{name}: {line}");
        }
    }

    /// <exception cref="InvalidOperationException">It has ended, or is not ready within the bound.</exception>
    public async Task UntilReady()
    {
        var waited = Stopwatch.StartNew();
        while (true)
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"{_name} has ended with exit code {_process.ExitCode} instead of starting; --out keeps its log.");
            try
            {
                using var answer = await s_http.GetAsync(new Uri($"http://127.0.0.1:{_port}/health/ready"));
                if (answer.IsSuccessStatusCode)
                    return;
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
            {
                // It does not listen yet.
            }
            if (waited.Elapsed > s_startBound)
                throw new InvalidOperationException($"{_name} is not ready after {s_startBound.TotalSeconds} s; --out keeps its log.");
            await Task.Delay(50); // it is asked again, as a load balancer does
        }
    }

    /// <summary>SIGKILL.</summary>
    public async Task Kill()
    {
        if (!_process.HasExited)
            _process.Kill();
        await _process.WaitForExitAsync();
    }

    /// <summary>SIGTERM, as an operator does.</summary>
    public async Task Stop()
    {
        using (var kill = Process.Start("kill", ["-TERM", $"{_process.Id}"]))
            await kill.WaitForExitAsync();
        using var bound = new CancellationTokenSource(s_stopBound);
        await _process.WaitForExitAsync(bound.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await Kill();
    }

    /// <summary>The program of the same configuration: <c>artifacts/bin/(project)/(configuration)/</c>.</summary>
    private static string Find(string project)
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        var program = Path.Combine(here.Parent!.Parent!.FullName, project, here.Name, $"Realtime.{project}.dll");
        return File.Exists(program) ? program : throw new InvalidOperationException($"{project} is not built: {program} is missing.");
    }
}
