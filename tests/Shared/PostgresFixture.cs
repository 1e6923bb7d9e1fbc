using Realtime.Processes;

namespace Realtime.Tests.Shared;

/// <summary>A PostgreSQL server for all tests of an assembly, started by the first that needs it. Where it cannot be had, they are skipped with the reason.</summary>
public sealed class PostgresFixture : IAsyncLifetime
{
    private readonly Lock _lock = new();
    private Task<PostgresServer>? _server;
    private int _databases;

    public ValueTask InitializeAsync() => default; // only when a test needs it

    /// <summary>A new, empty database of the server; skips the test where there is no server.</summary>
    public async Task<string> CreateDatabase()
    {
        Assert.SkipWhen(PostgresServer.Missing is not null, $"On this machine {PostgresServer.Missing}.");
        lock (_lock)
            _server ??= PostgresServer.Start();
        return await (await _server).CreateDatabase($"test{Interlocked.Increment(ref _databases)}").WaitAsync(ServerProcess.Patience);
    }

    /// <summary>The server, which has started with the first database.</summary>
    public Task<PostgresServer> Server => _server!;

    /// <summary>Ends the server, as a power cut that its disk survives.</summary>
    public async Task Kill() => await (await _server!).Kill();

    /// <summary>Starts the server again, with the data that it had, on the same port.</summary>
    public async Task Restart() => await (await _server!).Restart();

    public async ValueTask DisposeAsync()
    {
        if (_server is not null)
            await (await _server).DisposeAsync();
    }
}
