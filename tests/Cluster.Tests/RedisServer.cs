using System.Net.Sockets;
using System.Security.Cryptography;

namespace Realtime.Cluster.Tests;

/// <summary>
/// A Redis server of Debian's package: in a folder of its own, on a free loopback port, never as root. Where it cannot be
/// had, the test that needs it is skipped with the reason.
/// </summary>
internal sealed class RedisServer : IAsyncDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("realtime-redis-").FullName;
    private readonly string _password = RandomNumberGenerator.GetHexString(32);
    private ServerProcess? _server;

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
            await ServerProcess.Run(new("chown", server._folder, "chown", "-R", "nobody", server._folder));
        await server.Restart();
        return server;
    }

    /// <summary>Starts the server, on its port and with the data that it had.</summary>
    public async Task Restart()
    {
        var server = _server = ServerProcess.Start(new("Redis", _folder, Program()!, "redis.conf") { User = Environment.IsPrivilegedProcess ? "nobody" : null });
        await server.WaitUntil(async () =>
        {
            using var client = new TcpClient();
            try
            {
                await client.ConnectAsync("127.0.0.1", Port);
                return true;
            }
            catch (SocketException)
            {
                return false; // it does not listen yet
            }
        }, () => "nobody listens", default);
    }

    /// <summary>Ends it as a crash would.</summary>
    public async Task Kill()
    {
        if (_server is not { } server)
            return;
        _server = null;
        await server.DisposeAsync();
    }

    private static string? Program() =>
        new[] { "/usr/bin/redis-server", "/usr/local/bin/redis-server" }.FirstOrDefault(File.Exists);

    public async ValueTask DisposeAsync()
    {
        await Kill();
        Directory.Delete(_folder, recursive: true);
    }
}
