using System.Diagnostics;
using System.Security.Cryptography;
using Npgsql;

namespace Realtime.Processes;

/// <summary>A PostgreSQL server of the system's packages: in a folder of its own, on a free port of loopback, with a password of its own, never as root.</summary>
public sealed class PostgresServer : IAsyncDisposable
{
    /// <summary>Since another process may take the port first.</summary>
    private const int MaxStarts = 5;

    private static readonly TimeSpan s_stopBound = TimeSpan.FromSeconds(30);

    private readonly string _password = RandomNumberGenerator.GetHexString(32, lowercase: true);
    private readonly string _programs;
    private readonly Action<string>? _onLine;
    private ServerProcess? _server;

    private PostgresServer(string programs, string folder, Action<string>? onLine) => (_programs, Folder, _onLine) = (programs, folder, onLine);

    /// <summary>Why none can be started here; null when one can.</summary>
    public static string? Missing => FindPrograms() is null ? "there is no PostgreSQL server; apt-get install postgresql" : null;

    /// <summary>Where its data is; deleted in the end.</summary>
    public string Folder { get; }

    /// <summary>Where it listens.</summary>
    public int Port { get; private set; }

    /// <summary>Its process.</summary>
    public ServerProcess Process => _server ?? throw new InvalidOperationException("PostgreSQL does not run.");

    /// <summary>Makes a server and starts it; done when it serves.</summary>
    /// <param name="folder">An empty one, for its data; a new one among the temporary files when null.</param>
    /// <param name="onLine">Gets its log.</param>
    /// <exception cref="InvalidOperationException">It cannot be had here; the message says why, in one line.</exception>
    public static async Task<PostgresServer> Start(string? folder = null, Action<string>? onLine = null, CancellationToken cancellation = default)
    {
        var programs = FindPrograms() ?? throw new InvalidOperationException(Missing);
        var server = new PostgresServer(programs, folder ?? Directory.CreateTempSubdirectory("realtime-postgres-").FullName, onLine);
        try
        {
            await server.Make(cancellation);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>How a client finds a database of it.</summary>
    public string ConnectionString(string database) => $"Host=127.0.0.1;Port={Port};Database={database};Username=realtime;Password={_password}";

    /// <summary>Runs a program of its release against a database of it, such as <c>pg_dump</c>; done when that has ended.</summary>
    /// <exception cref="InvalidOperationException">The program failed; the message has what it said.</exception>
    public Task Run(string program, string database, params string[] arguments) => ServerProcess.Run(
        Program(program, [$"--dbname=postgresql://realtime:{_password}@127.0.0.1:{Port}/{database}", .. arguments]), CancellationToken.None);

    /// <summary>Makes an empty database.</summary>
    /// <param name="name">Lower-case letters and digits.</param>
    /// <returns>Its connection string.</returns>
    public async Task<string> CreateDatabase(string name, CancellationToken cancellation = default)
    {
        await using var connection = await Open(cancellation);
        await using var command = new NpgsqlCommand($"CREATE DATABASE {name}", connection);
        await command.ExecuteNonQueryAsync(cancellation);
        return ConnectionString(name);
    }

    /// <summary>Ends the server, as a power cut that its disk survives.</summary>
    public async Task Kill()
    {
        // Its other processes die with it: the server restarts itself only when one of those is killed.
        Process.Send(Signal.Quit);
        await Process.Ended.WaitAsync(ServerProcess.Patience);
        await Process.DisposeAsync();
        _server = null;
    }

    /// <summary>Starts the server again, with the data that it had, on the same port.</summary>
    /// <exception cref="InvalidOperationException">It does not start.</exception>
    public async Task Restart(CancellationToken cancellation = default)
    {
        if (!await TryStart(cancellation))
            throw new InvalidOperationException("PostgreSQL does not start; its log is above");
    }

    /// <summary>Cuts off its clients, ends it and deletes its data.</summary>
    public async ValueTask DisposeAsync()
    {
        if (_server is { } server)
        {
            await server.Stop(Signal.Interrupt, s_stopBound); // with SIGTERM it would wait for its clients to go
            await server.DisposeAsync();
        }
        Directory.Delete(Folder, recursive: true);
    }

    private static string? FindPrograms()
    {
        if (ProcessStart.FindInPath("initdb") is { } installed)
            return Path.GetDirectoryName(File.ResolveLinkTarget(installed, returnFinalTarget: true)?.FullName ?? installed);
        // Debian's are not in the PATH.
        return Directory.Exists("/usr/lib/postgresql")
            ? Directory.GetDirectories("/usr/lib/postgresql")
                .Select(version => Path.Combine(version, "bin"))
                .Where(folder => File.Exists(Path.Combine(folder, "initdb")))
                .MaxBy(folder => int.TryParse(Path.GetFileName(Path.GetDirectoryName(folder)), out var version) ? version : 0)
            : null;
    }

    private async Task Make(CancellationToken cancellation)
    {
        // As a folder for temporary files it is open to its owner only.
        await File.WriteAllTextAsync(Path.Combine(Folder, "password"), _password, cancellation);
        if (Environment.IsPrivilegedProcess)
        {
            try
            {
                await ServerProcess.Run(new ProcessStart("chown", Folder, "chown", "-R", "postgres", Folder), cancellation);
            }
            catch (InvalidOperationException exception)
            {
                throw new InvalidOperationException("PostgreSQL does not run as root, and there is no user postgres; be another user, or name a server that runs already", exception);
            }
        }
        await ServerProcess.Run(Program("initdb", "--pgdata=data", "--username=realtime", "--pwfile=password", "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--no-sync"), cancellation);
        for (var starts = 0; ; starts++)
        {
            Port = Ports.Free();
            if (await TryStart(cancellation))
                return;
            if (starts == MaxStarts)
                throw new InvalidOperationException("PostgreSQL does not start; its log is above");
        }
    }

    private async Task<bool> TryStart(CancellationToken cancellation)
    {
        // No socket file: its path could be too long. No waiting for the disk: the data is gone in the end.
        _server = ServerProcess.Start(Program("postgres", "-D", "data", "-p", $"{Port}", "-c", "listen_addresses=127.0.0.1",
            "-c", "unix_socket_directories=", "-c", "fsync=off", "-c", "max_connections=300") with
        { OnLine = _onLine });
        var waited = Stopwatch.StartNew();
        while (true)
        {
            try
            {
                await using var connection = await Open(cancellation);
                return true;
            }
            catch (NpgsqlException) when (!_server.HasExited && waited.Elapsed < ServerProcess.Patience)
            {
                await Task.Delay(50, cancellation);
            }
            catch (NpgsqlException)
            {
                await _server.DisposeAsync();
                _server = null;
                return false;
            }
        }
    }

    /// <summary>Without a pool, whose connections would not survive a restart of the server.</summary>
    private async Task<NpgsqlConnection> Open(CancellationToken cancellation)
    {
        var connection = new NpgsqlConnection(ConnectionString("postgres") + ";Pooling=false");
        try
        {
            await connection.OpenAsync(cancellation);
            return connection;
        }
        catch
        {
            await connection.DisposeAsync();
            throw;
        }
    }

    private ProcessStart Program(string name, params string[] arguments) =>
        new(name, Folder, Path.Combine(_programs, name), arguments) { User = Environment.IsPrivilegedProcess ? "postgres" : null };
}
