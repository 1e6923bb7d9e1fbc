using Realtime.Bench.Load;
using Realtime.Bench.Machines;

namespace Realtime.Bench.Servers;

/// <summary>One silo and some fronts, each a process, which find each other in PostgreSQL as in production.</summary>
internal sealed class Cluster : IDisposable
{
    private readonly Postgres _postgres = Postgres.Start();
    private readonly List<ServerProcess> _processes = [];
    private readonly List<int> _ports = [];

    public Cluster(int fronts, params string[] settings)
    {
        try
        {
            List<int> all = [Start("silo", [$"--Cluster:SiloPort={Ports.Free()}", $"--Cluster:GatewayPort={Ports.Free()}", "--Cluster:AdvertisedAddress=127.0.0.1", .. settings])];
            for (var i = 0; i < fronts; i++)
                _ports.Add(Start("front", settings));
            all.AddRange(_ports);
            foreach (var (process, port) in _processes.Zip(all))
                process.WaitFor($"http://127.0.0.1:{port}/health/ready");
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    public Target AsTarget() => new(_processes, Dialect.Realtime, [.. _ports], besides: _postgres);

    public int[] FrontPorts => [.. _ports];

    public ProcessUsage Usage => ProcessUsage.Of(_processes.SelectMany(process => process.Ids));

    /// <summary>The silo first, then the fronts.</summary>
    public ProcessUsage[] UsageOfEach => [.. _processes.Select(process => ProcessUsage.Of(process.Ids))];

    private int Start(string role, string[] arguments)
    {
        var port = Ports.Free();
        _processes.Add(ServerProcess.StartProject("Server", [$"--urls=http://127.0.0.1:{port}", $"--Cluster:Role={role}", .. arguments],
            ("Cluster__Clustering", "postgres"), ("Cluster__ConnectionString", _postgres.ConnectionString)));
        return port;
    }

    public void Dispose()
    {
        foreach (var process in _processes.AsEnumerable().Reverse())
            process.Dispose();
        _postgres.Dispose();
    }
}
