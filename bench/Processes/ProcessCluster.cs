namespace Realtime.Processes;

/// <summary>Silos and fronts on this machine, each a process, with numbers from 0.</summary>
/// <param name="Settings">For each process's environment: <c>Cluster:ConnectionString</c> and others.</param>
/// <param name="Arguments">For each process's command line.</param>
public sealed record ProcessClusterOptions(IReadOnlyDictionary<string, string?> Settings, params string[] Arguments)
{
    /// <summary>The port of the first front; the others follow it. Free ones when it is 0.</summary>
    public int FirstPort { get; init; }

    /// <summary>Changes how each of them is started.</summary>
    public Func<ProcessStart, ProcessStart> Adapt { get; init; } = start => start;

    /// <summary>Gets each line that a process writes, and the process's name. See <see cref="ProcessStart.OnLine"/>.</summary>
    public Action<string, string>? OnLine { get; init; }

    /// <summary>The settings of a cluster whose silos find each other in a PostgreSQL database.</summary>
    public static Dictionary<string, string?> InPostgres(string connectionString) =>
        new() { ["Cluster:Clustering"] = "postgres", ["Cluster:ConnectionString"] = connectionString };
}

/// <summary>Silos and fronts on this machine, each a process. None runs until it is started; one that has ended can be started again, at its former address.</summary>
public sealed class ProcessCluster(int silos, int fronts, ProcessClusterOptions options) : IAsyncDisposable
{
    private readonly ServerProcess?[] _silos = new ServerProcess?[silos];
    private readonly ServerProcess?[] _fronts = new ServerProcess?[fronts];
    private readonly (int Silo, int Gateway)[] _siloPorts = [.. Enumerable.Range(0, silos).Select(_ => (Ports.Free(), Ports.Free()))];

    /// <summary>The ports of the fronts, also of those that do not run.</summary>
    public IReadOnlyList<int> FrontPorts { get; } =
        [.. Enumerable.Range(0, fronts).Select(number => options.FirstPort == 0 ? Ports.Free() : options.FirstPort + number)];

    /// <summary>The silos that were started, in order.</summary>
    public IReadOnlyList<ServerProcess> Silos => [.. _silos.OfType<ServerProcess>()];

    /// <summary>The fronts that were started, in order.</summary>
    public IReadOnlyList<ServerProcess> Fronts => [.. _fronts.OfType<ServerProcess>()];

    /// <summary>Starts a silo; ends the one that was in its place.</summary>
    public async Task<ServerProcess> StartSilo(int number)
    {
        var (silo, gateway) = _siloPorts[number];
        return await Start(_silos, number, "silo", Ports.Free(),
            "--Cluster:AdvertisedAddress=127.0.0.1", $"--Cluster:SiloPort={silo}", $"--Cluster:GatewayPort={gateway}");
    }

    /// <summary>Starts a front; ends the one that was in its place.</summary>
    public Task<ServerProcess> StartFront(int number) => Start(_fronts, number, "front", FrontPorts[number]);

    /// <summary>Starts them all at once, as a data centre does, and waits until they are ready.</summary>
    /// <exception cref="InvalidOperationException">One of them has ended, or is not ready in time.</exception>
    public async Task StartAll()
    {
        for (var number = 0; number < _silos.Length; number++)
            await StartSilo(number);
        for (var number = 0; number < _fronts.Length; number++)
            await StartFront(number);
        await Task.WhenAll(Silos.Concat(Fronts).Select(process => process.WaitUntilReady()));
    }

    /// <summary>Kills them.</summary>
    public async ValueTask DisposeAsync()
    {
        foreach (var process in Fronts.Concat(Silos))
            await process.DisposeAsync();
    }

    private async Task<ServerProcess> Start(ServerProcess?[] processes, int number, string role, int port, params string[] arguments)
    {
        if (processes[number] is { } former)
            await former.DisposeAsync();
        var name = $"{role} {number + 1}";
        var start = ProcessStart.OfServer("Server", name, port, options.Settings, [$"--Cluster:Role={role}", .. arguments, .. options.Arguments]);
        if (options.OnLine is { } onLine)
            start = start with { OnLine = line => onLine(name, line) };
        return processes[number] = ServerProcess.Start(options.Adapt(start));
    }
}
