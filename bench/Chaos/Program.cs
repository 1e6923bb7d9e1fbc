using System.Diagnostics;
using Realtime.Chaos;
using Realtime.Chaos.Clients;
using Realtime.Chaos.Clusters;
using Realtime.Processes;

// Kills servers under load and checks every client's history. Exit codes: 0 all held, 1 a fault, 2 wrong use, 128 and its number for a signal.
ChaosOptions options;
var database = Environment.GetEnvironmentVariable("REALTIME_POSTGRES"); // it has a password, which is not for command lines
try
{
    options = ChaosOptions.Parse(args);
    if (database is not null && !database.Contains('='))
        throw new ArgumentException("--postgres needs a connection string: Host=..;Database=..;Username=..;Password=..");
}
catch (ArgumentException exception)
{
    Console.Error.WriteLine($"chaos: {exception.Message}");
    return 2;
}

var clock = Stopwatch.StartNew();
if (options.Out is not null)
    Directory.CreateDirectory(options.Out);
using var log = options.Out is null ? null : new ServerLog(Path.Combine(options.Out, "servers.log"), () => clock.Elapsed);
// What is in this process alone ends with it.
using var signals = options.UsesProcesses || options.UsesPostgresLog ? new StopSignals() : null;
try
{
    await using var postgres = signals is not null && database is null ? await StartPostgres(signals.Stopping) : null;
    if (postgres is not null)
        database = await postgres.CreateDatabase("realtime", signals!.Stopping);
    Console.WriteLine($"chaos: seed {options.Seed}, {options.Silos} silos, {options.Fronts} fronts, {options.Seconds} s");
    await using var webhooks = await WebhookListener.Start(clock, options.Seed);
    await using var cluster = await StartCluster(webhooks);
    var run = new Run(options, cluster, webhooks, clock, Console.Out);
    await run.Execute().WaitAsync(signals?.Stopping ?? default);
    Report.Write(Console.Out, options, run.Result);
    if (options.Out is not null)
        Dump.Write(options.Out, run.Result);
    return run.Result.Verdict.Findings.Count == 0 ? 0 : 1;
}
catch (OperationCanceledException) when (signals is { Stopping.IsCancellationRequested: true })
{
    return signals.ExitCode;
}
catch (InvalidOperationException exception)
{
    Console.Error.WriteLine($"chaos: {exception.Message}");
    return 1;
}

static async Task<PostgresServer> StartPostgres(CancellationToken cancellation)
{
    if (PostgresServer.Missing is { } missing)
        throw new InvalidOperationException($"{missing}, or name one with --postgres");
    var log = Path.Combine(Environment.GetEnvironmentVariable("REALTIME_ROOT") ?? Environment.CurrentDirectory, "artifacts/chaos.postgres.log");
    Directory.CreateDirectory(Path.GetDirectoryName(log)!);
    var lines = TextWriter.Synchronized(new StreamWriter(log) { AutoFlush = true });
    return await PostgresServer.Start(Environment.GetEnvironmentVariable("REALTIME_POSTGRES_FOLDER"), lines.WriteLine, cancellation);
}

async Task<ICluster> StartCluster(WebhookListener webhooks)
{
    var settings = options.UsesProcesses ? ProcessClusterOptions.InPostgres(database!) : [];
    settings["Log:Provider"] = options.UsesPostgresLog ? "postgres" : "memory";
    if (options.UsesPostgresLog)
        settings["Log:ConnectionString"] = database;
    foreach (var (name, value) in webhooks.Settings)
        settings[name] = value;
    return options.UsesProcesses
        ? await ProcessServers.Start(options.Silos, options.Fronts, settings, log)
        : await InProcessCluster.Start(options.Silos, options.Fronts, settings, log);
}
