using Realtime.Processes;

namespace Realtime.Chaos.Clusters;

/// <summary>Silos and fronts as processes of their own, as <c>./realtime cluster</c> starts them. A kill is SIGKILL.</summary>
internal sealed class ProcessServers : ICluster
{
    /// <summary>A stop lets go of clients or rooms first; who takes longer is killed, as by any operator.</summary>
    private static readonly TimeSpan s_stopBound = TimeSpan.FromSeconds(30);

    private readonly ProcessCluster _cluster;

    private ProcessServers(ProcessCluster cluster)
    {
        _cluster = cluster;
        Fronts = [.. cluster.FrontPorts.Select(port => new Uri($"ws://127.0.0.1:{port}"))];
    }

    public IReadOnlyList<Uri> Fronts { get; }

    /// <summary>Starts them all at once, as a data centre does, and waits until they are ready.</summary>
    public static async Task<ProcessServers> Start(int silos, int fronts, IReadOnlyDictionary<string, string?> settings, ServerLog? log)
    {
        var all = new Dictionary<string, string?>(settings)
        {
            ["Logging:LogLevel:Default"] = "Warning",
            ["Logging:Console:FormatterName"] = "simple",
            ["Logging:Console:FormatterOptions:SingleLine"] = "true",
        };
        var cluster = new ProcessCluster(silos, fronts, new(all) { OnLine = (name, line) => log?.Line($"{name}: {line}") });
        try
        {
            await cluster.StartAll();
            return new ProcessServers(cluster);
        }
        catch
        {
            await cluster.DisposeAsync();
            throw;
        }
    }

    public async Task End(Victim victim)
    {
        var process = (victim.Server == Server.Silo ? _cluster.Silos : _cluster.Fronts)[victim.Number];
        if (victim.IsKilled)
            await process.Kill();
        else
            await process.Stop(Signal.Terminate, s_stopBound);
    }

    public async Task Start(Victim victim)
    {
        var process = await (victim.Server == Server.Silo ? _cluster.StartSilo(victim.Number) : _cluster.StartFront(victim.Number));
        await process.WaitUntilReady();
    }

    public ValueTask DisposeAsync() => _cluster.DisposeAsync();
}
