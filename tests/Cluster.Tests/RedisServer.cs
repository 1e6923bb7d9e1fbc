using System.Diagnostics;
using System.Net.Sockets;
using System.Security.Cryptography;

namespace Realtime.Cluster.Tests;

/// <summary>
/// A Redis server of Debian's package: in a folder of its own, on a free loopback port, never as root. Where it cannot be
/// had, the test that needs it is skipped with the reason.
/// </summary>
internal sealed class RedisServer : IAsyncDisposable
{
    /// <summary>It starts within a tenth of a second; the rest is for a machine that is busy with other tests.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(30);

    private readonly string _folder = Directory.CreateTempSubdirectory("realtime-redis-").FullName;
    private readonly string _password = RandomNumberGenerator.GetHexString(32);
    private Process? _server;

    private RedisServer()
    {
    }

    public int Port { get; } = Ports.Free();

    /// <summary>As the user <c>realtime</c>, who may do everything.</summary>
    public string ConnectionString => $"127.0.0.1:{Port},user=realtime,password={_password}";

    /// <summary>As the user <c>reader</c>, who may not write.</summary>
    public string ReadOnly => $"127.0.0.1:{Port},user=reader,password={_password}";

    public static async Task<RedisServer> Start()
    {
        Assert.SkipUnless(Program() is not null, "There is no Redis server on this machine (Debian: apt-get install redis-server).");
        var server = new RedisServer();
        await File.WriteAllTextAsync(Path.Combine(server._folder, "redis.conf"), $"""
            bind 127.0.0.1
            port {server.Port}
            dir {server._folder}
            appendonly yes
            user default off
            user realtime on >{server._password} ~* &* +@all
            user reader on >{server._password} ~* &* +@all -@write
            """);
        if (Environment.IsPrivilegedProcess)
        {
            using var chown = Process.Start("chown", ["-R", "nobody", server._folder]);
            await chown.WaitForExitAsync().WaitAsync(s_patience);
        }
        await server.Restart();
        return server;
    }

    /// <summary>Starts the server, on its port and with the data that it had.</summary>
    public async Task Restart()
    {
        string[] command = [Program()!, Path.Combine(_folder, "redis.conf")];
        if (Environment.IsPrivilegedProcess)
            command = ["setpriv", "--reuid=nobody", "--clear-groups", "--", .. command];
        _server = Process.Start(new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        _server.OutputDataReceived += (_, _) => { };
        _server.ErrorDataReceived += (_, _) => { };
        _server.BeginOutputReadLine();
        _server.BeginErrorReadLine();
        using var bound = new CancellationTokenSource(s_patience);
        while (true)
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync("127.0.0.1", Port, bound.Token);
                return;
            }
            catch (SocketException) when (!_server.HasExited)
            {
                await Task.Delay(20, bound.Token);
            }
        }
    }

    /// <summary>Ends it as a crash would.</summary>
    public async Task Kill()
    {
        if (_server is not { HasExited: false } server)
            return;
        await Signals.Send("KILL", server.Id);
        await server.WaitForExitAsync().WaitAsync(s_patience);
        server.Dispose();
        _server = null;
    }

    private static string? Program() =>
        new[] { "/usr/bin/redis-server", "/usr/local/bin/redis-server" }.FirstOrDefault(File.Exists);

    public async ValueTask DisposeAsync()
    {
        await Kill();
        Directory.Delete(_folder, recursive: true);
    }
}
