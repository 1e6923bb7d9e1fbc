using System.Diagnostics;
using System.Text;
using System.Text.RegularExpressions;

namespace Realtime.EndToEnd.Tests;

/// <summary>The built front, as a process of its own on a loopback port, in the Development environment.</summary>
internal sealed partial class FrontProcess : IAsyncDisposable
{
    /// <summary>A cold start takes about a second; the rest is for a machine that is busy with other tests.</summary>
    private static readonly TimeSpan s_startTimeout = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan s_stopTimeout = TimeSpan.FromSeconds(15);

    private readonly StringBuilder _output = new();
    private Process? _process;

    private readonly string[] _settings;

    private FrontProcess(string[] settings) => _settings = settings;

    /// <summary>Where it listens, without a slash at the end: <c>http://127.0.0.1:41234</c>.</summary>
    public string Address { get; private set; } = "http://127.0.0.1:0";

    /// <summary>Starts one on a port that the system chooses.</summary>
    /// <param name="settings">Settings other than the defaults: <c>--Front:MaxRoomsPerConnection=5</c>.</param>
    public static async Task<FrontProcess> StartAsync(params string[] settings)
    {
        var front = new FrontProcess(settings);
        await front.StartAgainAsync();
        return front;
    }

    /// <summary>Starts it on the port that it had.</summary>
    public async Task StartAgainAsync()
    {
        var dll = FindFront();
        var start = new ProcessStartInfo(Environment.ProcessPath is { } path && Path.GetFileNameWithoutExtension(path) == "dotnet" ? path : "dotnet")
        {
            // Its settings file lies beside it.
            WorkingDirectory = Path.GetDirectoryName(dll)!,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] arguments = [dll, $"--urls={Address}", "--Logging:LogLevel:Microsoft.Hosting.Lifetime=Information", .. _settings];
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["ASPNETCORE_ENVIRONMENT"] = "Development";
        start.Environment["DOTNET_ENVIRONMENT"] = "Development";

        var listening = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var process = new Process { StartInfo = start, EnableRaisingEvents = true };
        process.OutputDataReceived += (_, line) => Read(line.Data, listening);
        process.ErrorDataReceived += (_, line) => Read(line.Data, listening);
        process.Exited += (_, _) => listening.TrySetException(new InvalidOperationException($"The front ended at its start:\n{Output()}"));
        process.Start();
        _process = process;
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        try
        {
            Address = await listening.Task.WaitAsync(s_startTimeout);
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"The front did not listen within {s_startTimeout.TotalSeconds} s:\n{Output()}", e);
        }
    }

    /// <summary>Ends it as a crash would: no goodbye to anybody.</summary>
    public async Task KillAsync()
    {
        if (_process is not { } process)
            return;
        _process = null;
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync().WaitAsync(s_stopTimeout);
        process.Dispose();
    }

    public async ValueTask DisposeAsync() => await KillAsync();

    private void Read(string? line, TaskCompletionSource<string> listening)
    {
        if (line is null)
            return;
        lock (_output)
            _output.AppendLine(line);
        if (Listening().Match(line) is { Success: true } match)
            listening.TrySetResult(match.Groups[1].Value);
    }

    private string Output()
    {
        lock (_output)
            return _output.ToString();
    }

    /// <summary>The front of the same configuration: <c>artifacts/bin/(project)/(configuration)/</c>.</summary>
    internal static string FindFront()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        var dll = Path.Combine(here.Parent!.Parent!.FullName, "Server", here.Name, "Realtime.Server.dll");
        return File.Exists(dll) ? dll : throw new FileNotFoundException($"The server is not built: {dll} is missing.");
    }

    [GeneratedRegex(@"Now listening on: (http://\S+)")]
    private static partial Regex Listening();
}
