using System.Diagnostics;
using System.Security.Cryptography;
using Npgsql;
namespace Realtime.Tests.Shared;

/// <summary>
/// A PostgreSQL server of Debian's packages, for all tests: in a folder of its own, on a free loopback port, never as
/// root. Where it cannot be had, the tests that need it are skipped with the reason.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    /// <summary>It starts within a second; the rest is for a machine that is busy with other tests.</summary>
    private static readonly TimeSpan s_patience = TimeSpan.FromSeconds(60);

    private readonly string _folder = Directory.CreateTempSubdirectory("realtime-postgres-").FullName;
    private readonly string _password = RandomNumberGenerator.GetHexString(32);
    private int _port;
    private int _databases;
    private Process? _server;

    private Task? _started;

    public ValueTask InitializeAsync() => default; // only when a test needs it

    /// <summary>A new, empty database of the server; skips the test where there is no server.</summary>
    public async Task<string> CreateDatabase()
    {
        if (Programs() is not { } programs)
        {
            Assert.Skip("There is no PostgreSQL server on this machine (Debian: apt-get install postgresql).");
            return "";
        }
        lock (_folder)
            _started ??= Make(programs);
        await _started;
        var name = $"test{Interlocked.Increment(ref _databases)}";
        await using var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false"); // the server may have been restarted
        await connection.OpenAsync().WaitAsync(s_patience);
        await using var command = new NpgsqlCommand($"CREATE DATABASE {name}", connection);
        await command.ExecuteNonQueryAsync().WaitAsync(s_patience);
        return ConnectionString(name);
    }

    /// <summary>Ends the server, as a power cut that its disk survives.</summary>
    public async Task Kill()
    {
        // Its other processes die with it: the server restarts itself only when one of those is killed.
        await Signals.Send("QUIT", _server!.Id);
        await _server.WaitForExitAsync().WaitAsync(s_patience);
        _server.Dispose();
        _server = null;
    }

    /// <summary>Starts the server again, with the data that it had, on the same port.</summary>
    public Task Restart() => Start(Programs()!);

    private string ConnectionString(string database) => $"Host=127.0.0.1;Port={_port};Database={database};Username=realtime;Password={_password}";

    private static string? Programs() => Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql")
            .Select(version => Path.Combine(version, "bin"))
            .Where(folder => File.Exists(Path.Combine(folder, "initdb")))
            .MaxBy(folder => int.TryParse(Path.GetFileName(Path.GetDirectoryName(folder)), out var version) ? version : 0)
        : null;

    private async Task Make(string programs)
    {
        await File.WriteAllTextAsync(Path.Combine(_folder, "password"), _password);
        if (Environment.IsPrivilegedProcess)
            await Run("chown", "-R", "postgres", _folder);
        await RunAsPostgres(Path.Combine(programs, "initdb"), "--pgdata=data", "--username=realtime", "--pwfile=password",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync");
        _port = Ports.Free();
        await Start(programs);
    }

    private async Task Start(string programs)
    {
        // No socket file: its path could be too long. No waiting for the disk: nothing outlives the tests.
        _server = Process.Start(AsPostgres(Path.Combine(programs, "postgres"), "-D", "data", "-p", $"{_port}", "-c", "listen_addresses=127.0.0.1",
            "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=300"))!;
        _server.OutputDataReceived += (_, _) => { };
        _server.ErrorDataReceived += (_, _) => { };
        _server.BeginOutputReadLine();
        _server.BeginErrorReadLine();
        using var bound = new CancellationTokenSource(s_patience);
        while (true)
        {
            try
            {
                await using var connection = new NpgsqlConnection(ConnectionString("postgres"));
                await connection.OpenAsync(bound.Token);
                return;
            }
            catch (NpgsqlException) when (!_server.HasExited)
            {
                await Task.Delay(50, bound.Token);
            }
        }
    }

    private Task RunAsPostgres(string program, params string[] arguments) => Run(AsPostgres(program, arguments));

    private ProcessStartInfo AsPostgres(string program, params string[] arguments) => Environment.IsPrivilegedProcess
        ? StartInfo("setpriv", ["--reuid=postgres", "--regid=postgres", "--init-groups", "--", program, .. arguments])
        : StartInfo(program, arguments);

    private Task Run(string program, params string[] arguments) => Run(StartInfo(program, arguments));

    private ProcessStartInfo StartInfo(string program, string[] arguments) => new(program, arguments)
    {
        WorkingDirectory = _folder,
        RedirectStandardOutput = true,
        RedirectStandardError = true,
    };

    private static async Task Run(ProcessStartInfo start)
    {
        using var process = Process.Start(start)!;
        var output = process.StandardOutput.ReadToEndAsync();
        var error = process.StandardError.ReadToEndAsync();
        await Task.WhenAll(output, error, process.WaitForExitAsync()).WaitAsync(s_patience);
        Assert.True(process.ExitCode == 0, $"{start.FileName} failed: {await output}{await error}");
    }

    public async ValueTask DisposeAsync()
    {
        if (_server is { HasExited: false } server)
        {
            NpgsqlConnection.ClearAllPools();
            await Signals.Send("INT", server.Id); // with SIGTERM it would wait for its clients to go
            await server.WaitForExitAsync().WaitAsync(s_patience);
        }
        _server?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }
}
