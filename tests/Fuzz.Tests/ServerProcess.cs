using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;

namespace Realtime.Fuzz.Tests;

/// <summary>The built server as a process of its own, so that its death is an observation and not the test's, with what it logs and holds.</summary>
internal sealed partial class ServerProcess : IAsyncDisposable
{
    /// <summary>A cold start takes about a second; the rest is for a machine that is busy with other tests.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly List<string> _faults = [];
    private readonly TaskCompletionSource<IPEndPoint> _listening = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Process _process;
    private int _faultLines;

    private ServerProcess(Process process) => _process = process;

    public IPEndPoint Address { get; private set; } = null!;

    public bool HasExited => _process.HasExited;

    /// <summary>What it logged at error level, or as a word of its own at warning or information, with the lines that belong to it.</summary>
    public string[] Faults
    {
        get
        {
            lock (_faults)
                return [.. _faults];
        }
    }

    /// <summary>Resident bytes.</summary>
    public long Bytes()
    {
        try
        {
            return long.Parse(File.ReadAllText($"/proc/{_process.Id}/statm").Split(' ')[1], CultureInfo.InvariantCulture) * Environment.SystemPageSize; // proc(5)
        }
        catch (IOException)
        {
            return 0; // it has ended
        }
    }

    /// <summary>What the open descriptors are of, without numbers, and how many of each; but assemblies, which are opened at first use.</summary>
    public Dictionary<string, int> Descriptors()
    {
        var all = new Dictionary<string, int>();
        if (_process.HasExited)
            return all;
        foreach (var entry in Directory.GetFileSystemEntries($"/proc/{_process.Id}/fd"))
        {
            var of = Target(entry);
            if (!of.EndsWith(".dll", StringComparison.Ordinal))
                all[of] = all.GetValueOrDefault(of) + 1;
        }
        return all;
    }

    public static async Task<ServerProcess> Start()
    {
        var dll = Find();
        var start = new ProcessStartInfo("dotnet")
        {
            WorkingDirectory = Path.GetDirectoryName(dll)!, // where its settings file lies
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        string[] arguments =
        [
            dll, "--urls=http://127.0.0.1:0", "--Logging:LogLevel:Microsoft.Hosting.Lifetime=Information", "--Connections:EnableCompression=true",
            // So that what a room may keep does not hide what leaks.
            "--Rooms:HistoryMessages=50", "--Rooms:HistoryAge=00:00:30", "--Rooms:DedupeEntries=1000",
            // A machine that is busy with other tests is slow, and no silo is lost by it.
            "--Leases:SiloLease=00:00:30", "--Leases:FrontLease=00:00:30",
        ];
        foreach (var argument in arguments)
            start.ArgumentList.Add(argument);
        start.Environment["ASPNETCORE_ENVIRONMENT"] = start.Environment["DOTNET_ENVIRONMENT"] = "Development";
        start.Environment.Remove("ASPNETCORE_URLS");
        start.Environment.Remove("ASPNETCORE_HTTP_PORTS");
        var server = new ServerProcess(new Process { StartInfo = start });
        server._process.OutputDataReceived += (_, line) => server.Read(line.Data);
        server._process.ErrorDataReceived += (_, line) => server.ReadError(line.Data);
        server._process.Start();
        server._process.BeginOutputReadLine();
        server._process.BeginErrorReadLine();
        try
        {
            server.Address = await server._listening.Task.WaitAsync(s_patience);
            return server;
        }
        catch (TimeoutException e)
        {
            await server.DisposeAsync();
            throw new TimeoutException($"The server did not listen within {s_patience.TotalSeconds} s:\n{string.Join('\n', server.Faults)}", e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (!_process.HasExited)
        {
            _process.Kill(entireProcessTree: true);
            await _process.WaitForExitAsync().WaitAsync(s_patience);
        }
        _process.Dispose();
    }

    /// <summary>One entry of the console's log: a line with level and category, and lines that are set in.</summary>
    private void Read(string? line)
    {
        if (line is null)
            return;
        if (Listening().Match(line) is { Success: true } match)
        {
            _listening.TrySetResult(IPEndPoint.Parse(match.Groups[1].Value));
            return;
        }
        lock (_faults)
        {
            if (Entry().IsMatch(line))
            {
                // A client's mistake is logged below information; other categories warn of a busy machine.
                var isFault = line.StartsWith("fail: ", StringComparison.Ordinal) || line.StartsWith("crit: ", StringComparison.Ordinal)
                    || (_listening.Task.IsCompleted && line.AsSpan(6).StartsWith("Realtime.", StringComparison.Ordinal));
                _faultLines = isFault ? 30 : 0;
                if (isFault)
                    _faults.Add(line);
            }
            else if (_faultLines > 0)
            {
                _faultLines--;
                _faults[^1] += "\n" + line;
            }
        }
    }

    /// <summary>The runtime's last words.</summary>
    private void ReadError(string? line)
    {
        if (line is null)
            return;
        lock (_faults)
        {
            if (_faults.Count > 0 && _faults[^1].StartsWith("stderr", StringComparison.Ordinal))
                _faults[^1] += "\n" + line;
            else
                _faults.Add($"stderr: {line}");
        }
    }

    /// <summary>The server of the same configuration: <c>artifacts/bin/(project)/(configuration)/</c>.</summary>
    private static string Find()
    {
        var here = new DirectoryInfo(AppContext.BaseDirectory.TrimEnd(Path.DirectorySeparatorChar));
        var dll = Path.Combine(here.Parent!.Parent!.FullName, "Server", here.Name, "Realtime.Server.dll");
        return File.Exists(dll) ? dll : throw new FileNotFoundException($"The server is not built: {dll} is missing.");
    }

    private static string Target(string entry)
    {
        try
        {
            return Inode().Replace(new FileInfo(entry).LinkTarget ?? "?", "");
        }
        catch (IOException)
        {
            return ".dll"; // closed meanwhile
        }
    }

    [GeneratedRegex(@":\[\d+\]$")]
    private static partial Regex Inode();

    [GeneratedRegex(@"Now listening on: http://(\S+)")]
    private static partial Regex Listening();

    [GeneratedRegex("^(trce|dbug|info|warn|fail|crit): ")]
    private static partial Regex Entry();
}
