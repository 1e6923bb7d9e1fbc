using System.Globalization;
using System.Net;
using System.Text.RegularExpressions;
using Realtime.Processes;

namespace Realtime.Fuzz.Tests;

/// <summary>The built server as a process of its own, so that its death is an observation and not the test's, with what it logs and holds.</summary>
internal sealed partial class FuzzServer : IAsyncDisposable
{
    private readonly List<string> _faults = [];
    private readonly ServerProcess _process;
    private volatile bool _isReady;
    private int _faultLines;

    private FuzzServer() => _process = ServerProcess.Start(ProcessStart.OfServer("Server", "the server", Ports.Free(), [],
        "--Connections:EnableCompression=true", $"--Connections:MaxMessageSize={FrameModel.MaxMessage}",
        // So that what a room may keep does not hide what leaks.
        "--Rooms:HistoryMessages=50", "--Rooms:HistoryAge=00:00:30", "--Rooms:DedupeEntries=1000",
        // A machine that is busy with other tests is slow, and no silo is lost by it.
        "--Leases:SiloLease=00:00:30", "--Leases:FrontLease=00:00:30") with
    { OnLine = Read, OnError = ReadError });

    public IPEndPoint Address => new(IPAddress.Loopback, _process.Port);

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

    public static async Task<FuzzServer> Start()
    {
        var server = new FuzzServer();
        try
        {
            await server._process.WaitUntilReady();
            server._isReady = true;
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    public ValueTask DisposeAsync() => _process.DisposeAsync();

    /// <summary>One entry of the console's log: a line with level and category, and lines that are set in.</summary>
    private void Read(string line)
    {
        lock (_faults)
        {
            if (Entry().IsMatch(line))
            {
                // A client's mistake is logged below information, but for who was refused, which is the security log's to tell; other
                // categories warn of a busy machine.
                var isFault = line.StartsWith("fail: ", StringComparison.Ordinal) || line.StartsWith("crit: ", StringComparison.Ordinal)
                    || (_isReady && line.AsSpan(6).StartsWith("Realtime.", StringComparison.Ordinal) && !line.StartsWith("info: Realtime.Security[", StringComparison.Ordinal));
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
    private void ReadError(string line)
    {
        lock (_faults)
        {
            if (_faults.Count > 0 && _faults[^1].StartsWith("stderr", StringComparison.Ordinal))
                _faults[^1] += "\n" + line;
            else
                _faults.Add($"stderr: {line}");
        }
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

    [GeneratedRegex("^(trce|dbug|info|warn|fail|crit): ")]
    private static partial Regex Entry();
}
