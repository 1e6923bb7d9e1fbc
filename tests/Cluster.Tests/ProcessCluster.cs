namespace Realtime.Cluster.Tests;

/// <summary>Two silos and two fronts, each a process, with a database of their own.</summary>
internal sealed class ProcessCluster : IAsyncDisposable
{
    /// <summary>The setting that makes a connection string that of a Redis server.</summary>
    public const string OnRedis = "--Cluster:Clustering=redis";

    private readonly string _database;
    private readonly string[] _settings;
    private readonly (string Silo, string Gateway)[] _ports;

    private ProcessCluster(string database, int silos, int fronts, params string[] settings)
    {
        _database = database;
        _settings = settings;
        _ports = [.. Enumerable.Range(0, silos).Select(_ => ($"--Cluster:SiloPort={Ports.Free()}", $"--Cluster:GatewayPort={Ports.Free()}"))];
        Silos = [.. Enumerable.Range(0, silos).Select(StartSilo)];
        Fronts = [.. Enumerable.Range(0, fronts).Select(_ => StartFront())];
    }

    public ServerProcess[] Silos { get; }

    public ServerProcess[] Fronts { get; }

    /// <summary>Starts them all at once, as a data centre does, and waits until they are ready.</summary>
    public static async Task<ProcessCluster> Start(PostgresServer postgres, int silos = 2, int fronts = 2)
    {
        return await Start(new ProcessCluster(await postgres.CreateDatabase(), silos, fronts));
    }

    /// <summary>The same with a Redis server, which has no other cluster.</summary>
    public static Task<ProcessCluster> Start(RedisServer redis, int silos, int fronts) =>
        Start(new ProcessCluster(redis.ConnectionString, silos, fronts, OnRedis));

    private static async Task<ProcessCluster> Start(ProcessCluster cluster)
    {
        await Task.WhenAll(cluster.Silos.Concat(cluster.Fronts).Select(process => process.WaitUntilReady()));
        return cluster;
    }

    /// <summary>Starts a silo anew, on the ports of the one that was there.</summary>
    public async Task RestartSilo(int number)
    {
        await Silos[number].DisposeAsync();
        Silos[number] = StartSilo(number);
        await Silos[number].WaitUntilReady();
    }

    public async Task RestartFront(int number)
    {
        await Fronts[number].DisposeAsync();
        Fronts[number] = StartFront();
        await Fronts[number].WaitUntilReady();
    }

    public ServerProcess StartOtherService(params string[] arguments) => ServerProcess.Start("OtherService", _database, arguments);

    private ServerProcess StartSilo(int number) =>
        ServerProcess.Start("silo", _database, ["--Cluster:AdvertisedAddress=127.0.0.1", _ports[number].Silo, _ports[number].Gateway, .. _settings]);

    private ServerProcess StartFront() => ServerProcess.Start("front", _database, _settings);

    /// <summary>What the processes have written, without stack traces, for the message of a test that fails.</summary>
    public string Output => string.Join('\n', Silos.Concat(Fronts).SelectMany((process, i) => process.Output.Split('\n')
        .Where(line => !line.StartsWith("         "))
        .Select(line => $"{i + 1}: {line}")));

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Fronts.Concat(Silos))
            await process.DisposeAsync();
    }
}
