using Realtime.Processes;

namespace Realtime.EndToEnd.Tests;

/// <summary>Two silos that find each other on this machine, and two fronts.</summary>
public sealed class ConsoleCluster : IAsyncLifetime
{
    private readonly List<ServerProcess> _processes = [];

    /// <summary>Where the fronts are, without a slash at the end.</summary>
    internal string[] Fronts { get; } = new string[2];

    public async ValueTask InitializeAsync()
    {
        if (!BrowserFixture.HasChromium)
            return; // each test says so
        var (silos, gateways) = (new[] { Ports.Free(), Ports.Free() }, new[] { Ports.Free(), Ports.Free() });
        for (var i = 0; i < 2; i++)
            Start("silo", Ports.Free(), $"--Cluster:SiloPort={silos[i]}", $"--Cluster:GatewayPort={gateways[i]}", $"--Cluster:PrimarySiloPort={silos[0]}");
        for (var i = 0; i < 2; i++)
            Fronts[i] = Start("front", Ports.Free(), $"--Cluster:GatewayPort={gateways[0]}").Address.ToString().TrimEnd('/');
        await Task.WhenAll(_processes.Select(process => process.WaitUntilReady()));
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var process in Enumerable.Reverse(_processes))
            await process.DisposeAsync();
    }

    private ServerProcess Start(string role, int port, params string[] arguments)
    {
        var process = ServerProcess.Start(ProcessStart.OfServer("Server", $"{role} at {port}", port, [], [$"--Cluster:Role={role}", "--Cluster:Clustering=localhost", .. arguments]));
        _processes.Add(process);
        return process;
    }
}
