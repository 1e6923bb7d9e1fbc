using System.Globalization;
using System.Net.Sockets;
using Realtime.Processes;

namespace Realtime.Backplane;

/// <summary>Two servers, and the Redis server between them if that is what they use.</summary>
internal sealed class Servers : IAsyncDisposable
{
    public const string RedisProgram = "/usr/bin/redis-server";

    private readonly List<ServerProcess> _all = [];

    private Servers(string name) => Name = name;

    public string Name { get; }

    public Uri[] Hubs { get; private set; } = [];

    /// <summary>CPU time of all processes so far.</summary>
    public TimeSpan Cpu => TimeSpan.FromMilliseconds(_all.Sum(process => CpuTicks(process.Id)) * 10);

    public static async Task<Servers> Start(string name)
    {
        var servers = new Servers(name);
        try
        {
            await servers.StartAll();
            return servers;
        }
        catch
        {
            await servers.DisposeAsync();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _all)
            await process.DisposeAsync();
    }

    private async Task StartAll()
    {
        int[][] ports;
        if (Name == "redis")
        {
            var redis = Ports.Free();
            _all.Add(ServerProcess.Start(new("redis-server", Path.GetTempPath(), RedisProgram,
                "--bind", "127.0.0.1", "--port", $"{redis}", "--save", "", "--appendonly", "no")
            { User = Environment.IsPrivilegedProcess ? "nobody" : null }));
            await Listens(_all[0], redis);
            ports = [[redis], [redis]];
        }
        else
        {
            var primary = Ports.Free();
            ports = [[primary, Ports.Free(), primary], [Ports.Free(), Ports.Free(), primary]];
        }
        foreach (var own in ports)
        {
            var port = Ports.Free();
            var server = ServerProcess.Start(new($"{Name} server", AppContext.BaseDirectory, Environment.ProcessPath!,
                ["server", Name, port.ToString(CultureInfo.InvariantCulture), .. own.Select(number => number.ToString(CultureInfo.InvariantCulture))]));
            _all.Add(server);
            await Listens(server, port);
            Hubs = [.. Hubs, new Uri($"http://127.0.0.1:{port}/hub")];
        }
    }

    private static Task Listens(ServerProcess process, int port) => process.WaitUntil(async () =>
    {
        using var client = new TcpClient();
        try
        {
            await client.ConnectAsync("127.0.0.1", port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }, () => "nobody listens", default);

    // User and system time, in hundredths of a second; the name before them may have blanks.
    private static long CpuTicks(int process)
    {
        var fields = File.ReadAllText($"/proc/{process}/stat").Split(')')[^1].Split(' ', StringSplitOptions.RemoveEmptyEntries);
        return long.Parse(fields[11]) + long.Parse(fields[12]);
    }
}
