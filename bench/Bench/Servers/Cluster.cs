using Realtime.Bench.Load;
using Realtime.Bench.Machines;
using Realtime.Processes;

namespace Realtime.Bench.Servers;

/// <summary>One silo and some fronts, each a process, which find each other in PostgreSQL as in production.</summary>
internal sealed class Cluster : IDisposable
{
    private readonly PostgresServer _postgres = PostgresServer.Start().GetAwaiter().GetResult();
    private readonly ProcessCluster _cluster;

    public Cluster(int fronts, params string[] settings)
    {
        Cores.PutBesideServers(_postgres.Process.Id);
        _cluster = new ProcessCluster(1, fronts, new(ProcessClusterOptions.InPostgres(_postgres.ConnectionString("postgres")), settings) { Adapt = MeasuredProcess.Measured });
        try
        {
            _cluster.StartAll().GetAwaiter().GetResult();
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public Target AsTarget() => new([.. Processes], Dialect.Realtime, FrontPorts, besides: this);

    public int[] FrontPorts => [.. _cluster.FrontPorts];

    public ProcessUsage Usage => ProcessUsage.Of(Processes.SelectMany(process => process.Ids()));

    /// <summary>The silo first, then the fronts.</summary>
    public ProcessUsage[] UsageOfEach => [.. Processes.Select(process => ProcessUsage.Of(process.Ids()))];

    private IEnumerable<ServerProcess> Processes => _cluster.Silos.Concat(_cluster.Fronts);

    public void Dispose()
    {
        _cluster.End();
        _postgres.End();
    }
}
