using System.Diagnostics;
using System.Net;
using System.Text;

namespace Realtime.Cluster.Tests;

/// <summary>A silo, a front or another program of this solution as a process, with what it writes.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    /// <summary>A cold start takes seconds; the rest is for a machine that is busy with other tests.</summary>
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private static readonly HttpClient s_http = new() { Timeout = TimeSpan.FromSeconds(5) };

    private readonly StringBuilder _output = new();
    private readonly Process _process;
    private readonly int _port;

    private ServerProcess(Process process, int port) => (_process, _port) = (process, port);

    public int Id => _process.Id;

    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    public Uri WebSocket(string user) => new($"ws://127.0.0.1:{_port}/ws?user={user}");

    /// <summary>Starts a program with settings; those that hold a password go into its environment.</summary>
    /// <param name="role">Of the server: <c>single</c>, <c>silo</c> or <c>front</c>; or <c>OtherService</c>, the sample.</param>
    /// <param name="connectionString">The cluster's database; none when null.</param>
    public static ServerProcess Start(string role, string? connectionString, params string[] arguments)
    {
        var port = Ports.Free();
        var program = Find(role == "OtherService" ? role : "Server");
        var start = new ProcessStartInfo("dotnet")
        {
            WorkingDirectory = Path.GetDirectoryName(program)!, // where its settings file lies
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        start.ArgumentList.Add(program);
        if (role != "OtherService")
        {
            start.ArgumentList.Add($"--urls=http://127.0.0.1:{port}");
            start.ArgumentList.Add($"--Cluster:Role={role}");
        }
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["ASPNETCORE_ENVIRONMENT"] = start.Environment["DOTNET_ENVIRONMENT"] = "Development";
        start.Environment.Remove("ASPNETCORE_URLS");
        start.Environment.Remove("ASPNETCORE_HTTP_PORTS");
        if (connectionString is not null)
        {
            start.Environment["Cluster__Clustering"] = "postgres";
            start.Environment["Cluster__ConnectionString"] = connectionString;
        }

        var server = new ServerProcess(new Process { StartInfo = start }, port);
        server._process.OutputDataReceived += (_, line) => server.Read(line.Data);
        server._process.ErrorDataReceived += (_, line) => server.Read(line.Data);
        server._process.Start();
        server._process.BeginOutputReadLine();
        server._process.BeginErrorReadLine();
        return server;
    }

    /// <summary>Asks the process how it is: <c>live</c> or <c>ready</c>.</summary>
    public async Task<(HttpStatusCode Status, string Body)> Health(string which)
    {
        using var answer = await s_http.GetAsync($"http://127.0.0.1:{_port}/health/{which}");
        return (answer.StatusCode, await answer.Content.ReadAsStringAsync());
    }

    public Task<string> Get(string path) => s_http.GetStringAsync($"http://127.0.0.1:{_port}{path}");

    /// <summary>Waits until the process answers and says what is awaited.</summary>
    public async Task WaitForHealth(string which, Func<HttpStatusCode, string, bool> awaited)
    {
        var bound = Stopwatch.StartNew();
        var last = "nothing yet";
        while (bound.Elapsed < Patience)
        {
            Assert.False(_process.HasExited, $"The process has ended:\n{Output}");
            try
            {
                var (status, body) = await Health(which);
                if (awaited(status, body))
                    return;
                last = $"{(int)status} {body}";
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
            {
                last = exception.Message; // it does not listen yet
            }
            await Task.Delay(50); // it is asked again, as a load balancer does
        }
        Assert.Fail($"{which}: {last}\n{Output}");
    }

    /// <summary>Waits until it has written this.</summary>
    public async Task WaitForOutput(string text)
    {
        var bound = Stopwatch.StartNew();
        while (!Output.Contains(text))
        {
            Assert.True(bound.Elapsed < Patience, $"It has not written \"{text}\":\n{Output}");
            await Task.Delay(20);
        }
    }

    public Task WaitUntilReady() => WaitForHealth("ready", (status, _) => status == HttpStatusCode.OK);

    public Task Signal(string signal) => Signals.Send(signal, _process.Id);

    /// <summary>Waits until the process has ended, and gives its exit code.</summary>
    public async Task<int> WaitForExit()
    {
        await _process.WaitForExitAsync().WaitAsync(Patience);
        return _process.ExitCode;
    }

    /// <summary>Ends it as a crash would.</summary>
    public async Task Kill()
    {
        _process.Kill();
        await _process.WaitForExitAsync().WaitAsync(Patience);
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
            await Kill();
        _process.Dispose();
    }

    private void Read(string? line)
    {
        lock (_output)
            _output.AppendLine(line);
    }

    /// <summary>The program of the same configuration: <c>artifacts/bin/(project)/(configuration)/</c>.</summary>
    private static string Find(string project)
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        var dll = Path.Combine(here.Parent!.Parent!.FullName, project, here.Name, $"Realtime.{project}.dll");
        return File.Exists(dll) ? dll : throw new FileNotFoundException($"{project} is not built: {dll} is missing.");
    }
}
