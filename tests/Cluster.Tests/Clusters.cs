namespace Realtime.Cluster.Tests;

/// <summary>What the tests start: clusters with a database of their own, and single processes.</summary>
internal static class Clusters
{
    /// <summary>The setting that makes a connection string that of a Redis server.</summary>
    public const string OnRedis = "--Cluster:Clustering=redis";

    /// <summary>Two silos and two fronts, or other numbers of them.</summary>
    public static async Task<ProcessCluster> Start(PostgresFixture postgres, int silos = 2, int fronts = 2) =>
        await Start(await postgres.CreateDatabase(), silos, fronts);

    /// <summary>The same with a Redis server, which has no other cluster.</summary>
    public static Task<ProcessCluster> Start(RedisServer redis, int silos, int fronts) =>
        Start(redis.ConnectionString, silos, fronts, OnRedis);

    /// <summary>Starts a silo, a front or a single server by itself.</summary>
    /// <param name="connectionString">The cluster's database; none when null.</param>
    public static ServerProcess StartOne(string role, string? connectionString, params string[] arguments) =>
        ServerProcess.Start(ProcessStart.OfServer("Server", role, Ports.Free(), Settings(connectionString), [$"--Cluster:Role={role}", .. arguments]));

    /// <summary>Starts the sample, a service that joins a cluster.</summary>
    public static ServerProcess StartOtherService(string connectionString, params string[] arguments) =>
        ServerProcess.Start(ProcessStart.OfServer("OtherService", "the other service", 0, Settings(connectionString), arguments));

    /// <summary>Starts the sample of a shop that publishes within its transactions.</summary>
    public static ServerProcess StartOrders(string connectionString, string room) =>
        ServerProcess.Start(ProcessStart.OfServer("Orders", "orders", 0, Settings(connectionString), room));

    /// <summary>What the processes have written, without stack traces, for the message of a test that fails.</summary>
    public static string Output(this ProcessCluster cluster) => string.Join('\n', cluster.Silos.Concat(cluster.Fronts)
        .SelectMany(process => process.Output.Split('\n').Where(line => !line.StartsWith("         ")).Select(line => $"{process.Name}: {line}")));

    /// <summary>The same on a database that there is.</summary>
    public static async Task<ProcessCluster> Start(string database, int silos = 2, int fronts = 2, params string[] arguments)
    {
        var cluster = new ProcessCluster(silos, fronts, new(Settings(database), arguments));
        try
        {
            await cluster.StartAll();
            return cluster;
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    private static Dictionary<string, string?> Settings(string? connectionString) =>
        connectionString is null ? [] : ProcessClusterOptions.InPostgres(connectionString);
}
