using Realtime.Tests.Shared;

namespace Realtime.Chaos.Clusters;

/// <summary>Silos and fronts as processes of their own, as <c>./realtime cluster</c> starts them. A kill is SIGKILL.</summary>
internal sealed class ProcessCluster : ICluster
{
    private readonly ServerProcess?[] _silos;
    private readonly ServerProcess?[] _fronts;
    private readonly (int Silo, int Gateway)[] _siloPorts;
    private readonly int[] _frontPorts;
    private readonly IReadOnlyDictionary<string, string?> _settings;
    private readonly ServerLog? _log;

    private ProcessCluster(int silos, int fronts, IReadOnlyDictionary<string, string?> settings, ServerLog? log)
    {
        (_settings, _log) = (settings, log);
        (_silos, _fronts) = (new ServerProcess?[silos], new ServerProcess?[fronts]);
        // Servers come back at their former addresses, as they do where they have names.
        _siloPorts = [.. Enumerable.Range(0, silos).Select(_ => (Ports.Free(), Ports.Free()))];
        _frontPorts = [.. Enumerable.Range(0, fronts).Select(_ => Ports.Free())];
        Fronts = [.. _frontPorts.Select(port => new Uri($"ws://127.0.0.1:{port}"))];
    }

    public IReadOnlyList<Uri> Fronts { get; }

    /// <summary>Starts them all at once, as a data centre does, and waits until they are ready.</summary>
    public static async Task<ProcessCluster> Start(int silos, int fronts, IReadOnlyDictionary<string, string?> settings, ServerLog? log)
    {
        var cluster = new ProcessCluster(silos, fronts, settings, log);
        try
        {
            await Task.WhenAll(
                Enumerable.Range(0, silos).Select(number => cluster.Start(new Victim(Server.Silo, number, false)))
                    .Concat(Enumerable.Range(0, fronts).Select(number => cluster.Start(new Victim(Server.Front, number, false)))));
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
        return cluster;
    }

    public async Task End(Victim victim)
    {
        var process = victim.Server == Server.Silo ? _silos[victim.Number]! : _fronts[victim.Number]!;
        if (victim.IsKilled)
            await process.Kill();
        else
            await process.Stop();
    }

    public Task Start(Victim victim)
    {
        var number = victim.Number;
        ServerProcess process;
        if (victim.Server == Server.Silo)
        {
            var (silo, gateway) = _siloPorts[number];
            process = _silos[number] = ServerProcess.Start("silo", $"silo {number + 1}", Ports.Free(), _settings, _log,
                "--Cluster:AdvertisedAddress=127.0.0.1", $"--Cluster:SiloPort={silo}", $"--Cluster:GatewayPort={gateway}");
        }
        else
        {
            process = _fronts[number] = ServerProcess.Start("front", $"front {number + 1}", _frontPorts[number], _settings, _log);
        }
        return process.UntilReady();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in _fronts.Concat(_silos))
        {
            if (process is not null)
                await process.Kill();
        }
    }
}
