using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text;
using Realtime.Bench.Load;
using Realtime.Bench.Machines;

namespace Realtime.Bench.Servers;

/// <summary>A process that is measured, on the core for servers.</summary>
internal sealed class ServerProcess : IDisposable
{
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);
    private static readonly HttpClient s_http = new() { Timeout = TimeSpan.FromSeconds(5) };

    private readonly Process _process;
    private readonly StringBuilder _output = new();

    private ServerProcess(Process process) => _process = process;

    /// <summary>It and its children: nginx works in one.</summary>
    public IEnumerable<int> Ids
    {
        get
        {
            var children = $"/proc/{_process.Id}/task/{_process.Id}/children";
            return !File.Exists(children) ? [_process.Id] // it has ended
                : [_process.Id, .. File.ReadAllText(children).Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(int.Parse)];
        }
    }

    /// <summary>What it has written.</summary>
    public string Output
    {
        get
        {
            lock (_output)
                return _output.ToString();
        }
    }

    /// <summary>Starts a program of this solution, of the same configuration as this one.</summary>
    /// <param name="environment">What must not be seen in the command line.</param>
    public static ServerProcess StartProject(string project, string[] arguments, params (string Name, string Value)[] environment)
    {
        // artifacts/bin/(project)/(configuration)/
        var here = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        var folder = Path.Combine(here.Parent!.Parent!.FullName, project, here.Name);
        var program = Path.Combine(folder, $"Realtime.{project}.dll");
        if (!File.Exists(program))
            throw new FileNotFoundException($"{project} is not built: {program} is missing.");
        return Start(folder, "dotnet", [program, .. arguments],
        [
            .. environment,
            ("ASPNETCORE_ENVIRONMENT", "Development"), ("DOTNET_ENVIRONMENT", "Development"), // so that a client can name itself
            ("DOTNET_gcServer", "0"), // on one core the server's collector is no other
            ("Logging__LogLevel__Default", "Warning"),
        ]);
    }

    public static ServerProcess Start(string folder, string program, string[] arguments, params (string Name, string Value)[] environment)
    {
        string[] command = Cores.OfServers is { } core ? ["taskset", "-c", $"{core}", program, .. arguments] : [program, .. arguments];
        var start = new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var name in new[] { "ASPNETCORE_URLS", "ASPNETCORE_HTTP_PORTS", "ASPNETCORE_HTTPS_PORTS" })
            start.Environment.Remove(name);
        foreach (var (name, value) in environment)
            start.Environment[name] = value;
        var server = new ServerProcess(new Process { StartInfo = start });
        server._process.OutputDataReceived += (_, line) => server.Keep(line.Data);
        server._process.ErrorDataReceived += (_, line) => server.Keep(line.Data);
        server._process.Start();
        server._process.BeginOutputReadLine();
        server._process.BeginErrorReadLine();
        return server;
    }

    /// <summary>Waits until something answers at this address with success.</summary>
    /// <exception cref="InvalidOperationException">It has ended, or did not come up in a minute.</exception>
    public void WaitFor(string url)
    {
        var last = "nothing";
        WaitUntil(() =>
        {
            try
            {
                using var answer = s_http.GetAsync(url).GetAwaiter().GetResult();
                last = $"{(int)answer.StatusCode}";
                return answer.IsSuccessStatusCode;
            }
            catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
            {
                last = exception.Message; // it does not listen yet
                return false;
            }
        }, () => $"{url} answers {last}");
    }

    /// <summary>Waits until it listens.</summary>
    public void WaitForPort(int port) => WaitUntil(() =>
    {
        using var probe = new TcpClient();
        try
        {
            probe.Connect(IPAddress.Loopback, port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }, () => $"nobody listens on port {port}");

    public void WaitUntil(Func<bool> isUp, Func<string> state)
    {
        for (var start = Stopwatch.StartNew(); !isUp(); Thread.Sleep(50))
        {
            if (_process.HasExited)
                throw new InvalidOperationException($"The server has ended:\n{Output}");
            if (start.Elapsed > s_patience)
                throw new InvalidOperationException($"The server does not come up, {state()}:\n{Output}");
        }
    }

    /// <param name="signal">With which it is asked to end.</param>
    public void Stop(int signal = Native.Term)
    {
        if (!_process.HasExited)
        {
            Native.Kill(_process.Id, signal);
            // What a graceful end does for its clients is not measured.
            if (!_process.WaitForExit(TimeSpan.FromSeconds(2)))
                _process.Kill(entireProcessTree: true);
            _process.WaitForExit();
        }
    }

    public void Dispose()
    {
        Stop();
        _process.Dispose();
    }

    private void Keep(string? line)
    {
        lock (_output)
        {
            // The last of it is enough to tell why it ended.
            if (_output.Length > 20_000)
                _output.Remove(0, 10_000);
            _output.AppendLine(line);
        }
    }
}
