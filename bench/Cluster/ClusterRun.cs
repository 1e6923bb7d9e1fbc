using System.Net;
using Realtime.Processes;

namespace Realtime.Cluster;

/// <summary>PostgreSQL, silos and fronts from their start until the last of them has ended or a signal asks for it.</summary>
internal sealed class ClusterRun(ClusterOptions options, string root, StopSignals signals, Lines lines)
{
    /// <summary>Of a stage of the stop. Fronts let their clients go, silos hand over their rooms.</summary>
    private static readonly TimeSpan s_stageBound = TimeSpan.FromSeconds(30);

    private readonly string _connectionFile = Path.Combine(root, "artifacts/cluster.connection");

    /// <summary>Returns when nothing of the cluster is left.</summary>
    /// <param name="folder">For the data of PostgreSQL; a new one when null.</param>
    /// <exception cref="InvalidOperationException">It cannot be started, or every silo and front has ended.</exception>
    /// <exception cref="OperationCanceledException">A signal has asked for the end.</exception>
    public async Task Execute(string? folder)
    {
        for (var port = options.Port; port < options.Port + options.Fronts; port++)
        {
            if (!Ports.IsFree(port))
                throw new InvalidOperationException($"port {port} is taken by another process; end that one or choose another port: ./realtime cluster --port N");
        }
        if (options.Postgres is { } postgres)
        {
            await Serve(postgres);
            return;
        }
        if (PostgresServer.Missing is { } missing)
            throw new InvalidOperationException($"{missing}, or name one with --postgres");
        await using var server = await PostgresServer.Start(folder, line => lines.Write("postgres", line), signals.Stopping);
        var database = await server.CreateDatabase("realtime", signals.Stopping);
        lines.Write($"postgres: 127.0.0.1:{server.Port}, pid {server.Process.Id}, in {server.Folder} until the end");
        _ = TellEnd(server.Process);
        await Serve(database);
    }

    private async Task Serve(string database)
    {
        var settings = ProcessClusterOptions.InPostgres(database);
        // Logs of several processes are told apart better when an event is one line.
        settings["Logging:Console:FormatterName"] = "simple";
        settings["Logging:Console:FormatterOptions:SingleLine"] = "true";
        await using var cluster = new ProcessCluster(options.Silos, options.Fronts,
            new(settings, options.Settings) { FirstPort = options.Port, OnLine = lines.Write });
        try
        {
            WriteConnection(database);
            await Start(cluster);
            var ends = Task.WhenAll(cluster.Silos.Concat(cluster.Fronts).Select(TellEnd));
            _ = TellReady(cluster);
            await ends.WaitAsync(signals.Stopping);
            throw new InvalidOperationException("every silo and front has ended");
        }
        finally
        {
            await Stop("front", cluster.Fronts);
            await Stop("silo", cluster.Silos);
            File.Delete(_connectionFile);
        }
    }

    /// <summary>For other services that join the cluster (samples/OtherService). Only its owner may read it: it has the password.</summary>
    private void WriteConnection(string database)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(_connectionFile)!);
        File.Delete(_connectionFile);
        var file = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            file.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var writer = new StreamWriter(_connectionFile, file);
        writer.Write(database + "\n");
        lines.Write("cluster: its connection string is in artifacts/cluster.connection");
    }

    private async Task Start(ProcessCluster cluster)
    {
        for (var number = 0; number < options.Silos; number++)
        {
            signals.Stopping.ThrowIfCancellationRequested();
            var silo = await cluster.StartSilo(number);
            lines.Write($"{silo.Name}: http://127.0.0.1:{silo.Port}/health/ready, pid {silo.Id}");
        }
        for (var number = 0; number < options.Fronts; number++)
        {
            signals.Stopping.ThrowIfCancellationRequested();
            var front = await cluster.StartFront(number);
            lines.Write($"{front.Name}: http://127.0.0.1:{front.Port}, pid {front.Id}");
        }
    }

    private async Task TellReady(ProcessCluster cluster)
    {
        try
        {
            await Task.WhenAll(cluster.Fronts.Select(front => Ready(front)));
            lines.Write($"cluster: ready, {options.Silos} silos and {options.Fronts} fronts (Development, loopback only; Ctrl-C stops them)");
        }
        catch (OperationCanceledException)
        {
            // It stops before it is ready.
        }

        async Task Ready(ServerProcess front)
        {
            while (true)
            {
                try
                {
                    if ((await front.Health("ready")).Status == HttpStatusCode.OK)
                        return;
                }
                catch (Exception exception) when (exception is HttpRequestException or TaskCanceledException)
                {
                    // It does not listen yet, or not any more.
                }
                await Task.Delay(TimeSpan.FromSeconds(0.5), signals.Stopping); // it is asked again, as a load balancer does
            }
        }
    }

    /// <summary>Tells who ends without being asked to.</summary>
    private async Task TellEnd(ServerProcess process)
    {
        var code = await process.Ended;
        if (!signals.Stopping.IsCancellationRequested)
            lines.Write($"cluster: {process.Name} (pid {process.Id}) {HowItEnded(code)}; the others go on");
    }

    private static string HowItEnded(int code)
    {
        // As `kill -l` has them.
        string[] names = ["", "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM"];
        return code > 128 && code < 128 + names.Length ? $"was ended by SIG{names[code - 128]}" : $"ended with exit code {code}";
    }

    /// <summary>Ends a stage, with its last words, before the next one is asked to. A second signal does not wait for it.</summary>
    private async Task Stop(string stage, IReadOnlyList<ServerProcess> processes)
    {
        foreach (var process in processes)
            process.Send(Signal.Terminate);
        var ends = Task.WhenAll(processes.Select(process => process.Ended));
        await ((Task)ends.WaitAsync(s_stageBound, signals.Hurry)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!ends.IsCompleted)
            lines.Write($"cluster: not every {stage} has stopped in time; they are ended");
        foreach (var process in processes)
            await process.DisposeAsync();
    }
}
