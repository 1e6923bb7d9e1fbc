using System.Diagnostics;
using System.Security.Cryptography;
using Realtime.Bench.Load;

namespace Realtime.Bench.Servers;

/// <summary>A PostgreSQL of Debian's packages in a folder of its own, on a free loopback port, never as root.</summary>
internal sealed class Postgres : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("realtime-bench-postgres-").FullName;
    private readonly string _password = RandomNumberGenerator.GetHexString(32);
    private readonly int _port = Ports.Free();
    private ServerProcess? _server;

    private Postgres() { }

    public string ConnectionString => $"Host=127.0.0.1;Port={_port};Database=postgres;Username=realtime;Password={_password}";

    /// <summary>Why there is none; null when there is.</summary>
    public static string? Missing => Programs() is null ? "there is no PostgreSQL server (Debian: apt-get install postgresql)" : null;

    public static Postgres Start()
    {
        var programs = Programs() ?? throw new InvalidOperationException(Missing);
        var postgres = new Postgres();
        try
        {
            postgres.Start(programs);
            return postgres;
        }
        catch
        {
            postgres.Dispose();
            throw;
        }
    }

    public void Dispose()
    {
        _server?.Stop(Native.Interrupt); // with SIGTERM it would wait for its clients to go
        _server?.Dispose();
        Directory.Delete(_folder, recursive: true);
    }

    private void Start(string programs)
    {
        File.WriteAllText(Path.Combine(_folder, "password"), _password);
        if (Environment.IsPrivilegedProcess)
            Run("chown", "-R", "postgres", _folder);
        Run(AsPostgres(Path.Combine(programs, "initdb"), "--pgdata=data", "--username=realtime", "--pwfile=password",
            "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"));
        // No socket file: its path could be too long. No waiting for the disk: nothing outlives the run.
        var command = AsPostgres(Path.Combine(programs, "postgres"), "-D", "data", "-p", $"{_port}", "-c", "listen_addresses=127.0.0.1",
            "-c", "unix_socket_directories=", "-c", "fsync=off");
        _server = ServerProcess.Start(_folder, command[0], command[1..]);
        _server.WaitUntil(() => _server.Output.Contains("ready to accept connections"), () => "PostgreSQL is not ready");
    }

    private static string? Programs() => Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql")
            .Select(version => Path.Combine(version, "bin"))
            .Where(folder => File.Exists(Path.Combine(folder, "initdb")))
            .MaxBy(folder => int.TryParse(Path.GetFileName(Path.GetDirectoryName(folder)), out var version) ? version : 0)
        : null;

    private static string[] AsPostgres(string program, params string[] arguments) => Environment.IsPrivilegedProcess
        ? ["setpriv", "--reuid=postgres", "--regid=postgres", "--init-groups", "--", program, .. arguments]
        : [program, .. arguments];

    private void Run(params string[] command)
    {
        using var process = Process.Start(new ProcessStartInfo(command[0], command[1..])
        {
            WorkingDirectory = _folder,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        })!;
        var error = process.StandardError.ReadToEndAsync();
        process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{command[0]} failed: {error.GetAwaiter().GetResult()}");
    }
}
