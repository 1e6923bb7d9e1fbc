using Microsoft.Extensions.Logging;
using Orleans.Configuration;

namespace Realtime.SignalR.Tests;

/// <summary>
/// Three servers of one cluster: two in the processes of its silos, one in that of a client. For all tests that leave them as they are; groups and
/// users have names of their own in each.
/// </summary>
public sealed class SharedServers : IAsyncLifetime
{
    private InProcessTestCluster? _cluster;
    private HubServer[] _servers = [];

    internal HubServer A => _servers[0];

    internal HubServer B => _servers[1];

    internal HubServer C => _servers[2];

    internal HubServer[] All => _servers;

    internal InProcessTestCluster Cluster => _cluster!;

    public async ValueTask InitializeAsync()
    {
        _cluster = await Deploy(2);
        _servers = await Task.WhenAll(
            HubServer.Start(_cluster.Silos[0].ServiceProvider), HubServer.Start(_cluster.Silos[1].ServiceProvider),
            HubServer.Start(_cluster.Client.ServiceProvider));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var server in _servers)
            await server.DisposeAsync();
        if (_cluster is not null)
            await _cluster.DisposeAsync();
    }

    internal static async Task<InProcessTestCluster> Deploy(short silos)
    {
        var builder = new InProcessTestClusterBuilder(silos);
        builder.ConfigureHost(host => host.Logging.ClearProviders());
        builder.ConfigureSilo((_, silo) => silo.AddRealtimeBackplane().Configure<ClusterMembershipOptions>(options =>
        {
            // A dead silo is known to be so within seconds.
            options.ProbeTimeout = options.MaxProbeTimeout = TimeSpan.FromSeconds(1);
            options.NumVotesForDeathDeclaration = 1;
            options.TableRefreshTimeout = TimeSpan.FromSeconds(2);
        }));
        builder.ConfigureClient(client => client.AddRealtimeBackplane());
        var cluster = builder.Build();
        await cluster.DeployAsync();
        return cluster;
    }

    internal static string NewName() => Guid.NewGuid().ToString("N");
}
