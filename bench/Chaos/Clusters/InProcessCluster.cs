using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging;
using Orleans.Hosting;
using Orleans.TestingHost;
using Realtime.Silo;
using Realtime.Silo.Hosting;

namespace Realtime.Chaos.Clusters;

/// <summary>Silos and fronts in this process, with the timings of real clusters.</summary>
internal sealed class InProcessCluster : ICluster
{
    private readonly InProcessTestCluster _cluster;
    private readonly InProcessSiloHandle[] _silos;
    private readonly InProcessFront[] _fronts;
    private readonly IReadOnlyDictionary<string, string?> _settings;
    private readonly ILoggerProvider? _log;

    private InProcessCluster(int silos, int fronts, IReadOnlyDictionary<string, string?> settings, ILoggerProvider? log)
    {
        (_settings, _log) = (settings, log);
        var builder = new InProcessTestClusterBuilder((short)silos);
        builder.Options.ConfigureFileLogging = false; // into a folder of its own where the command is run
        builder.ConfigureHost(host =>
        {
            host.Configuration.AddInMemoryCollection(settings);
            host.Logging.To(log);
        });
        builder.ConfigureSilo((_, silo) => silo.UseClusterTimings().AddRealtime());
        builder.ConfigureClient(client => client.UseClusterTimings().AddRealtimeClient());
        _cluster = builder.Build();
        (_silos, _fronts) = (new InProcessSiloHandle[silos], new InProcessFront[fronts]);
    }

    public IReadOnlyList<Uri> Fronts => Array.ConvertAll(_fronts, front => front.Address);

    public static async Task<InProcessCluster> Start(int silos, int fronts, IReadOnlyDictionary<string, string?> settings, ILoggerProvider? log)
    {
        var cluster = await Deploy(silos, fronts, settings, log);
        cluster._cluster.Silos.CopyTo(cluster._silos, 0);
        for (var i = 0; i < fronts; i++)
            await cluster.StartFront(i);
        return cluster;
    }

    /// <summary>Silos that come up on a busy machine may take longer for their first answer than a client of theirs waits for any.</summary>
    private static async Task<InProcessCluster> Deploy(int silos, int fronts, IReadOnlyDictionary<string, string?> settings, ILoggerProvider? log)
    {
        for (var left = 4; ; left--)
        {
            var cluster = new InProcessCluster(silos, fronts, settings, log);
            try
            {
                await cluster._cluster.DeployAsync();
                return cluster;
            }
            catch (TimeoutException) when (left > 0)
            {
                await cluster._cluster.DisposeAsync();
            }
        }
    }

    public Task End(Victim victim)
    {
        if (victim.Server == Server.Front)
            return victim.IsKilled ? _fronts[victim.Number].Kill() : _fronts[victim.Number].Stop();
        var silo = _silos[victim.Number];
        return victim.IsKilled ? _cluster.KillSiloAsync(silo) : _cluster.StopSiloAsync(silo);
    }

    public async Task Start(Victim victim)
    {
        if (victim.Server == Server.Front)
            await StartFront(victim.Number);
        else
            _silos[victim.Number] = await _cluster.StartAdditionalSiloAsync();
    }

    private async Task StartFront(int number) => _fronts[number] = await InProcessFront.Start(_cluster.Client, _settings, _log);

    public async ValueTask DisposeAsync()
    {
        foreach (var front in _fronts)
        {
            if (front is not null)
                await front.Stop();
        }
        await _cluster.DisposeAsync();
    }
}
