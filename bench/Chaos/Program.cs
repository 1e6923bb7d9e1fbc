using System.Diagnostics;
using Realtime.Chaos;
using Realtime.Chaos.Clusters;

// Kills servers under load and checks every client's history. Exit codes: 0 all held, 1 a fault, 2 wrong use.
const string connectionString = "Cluster__ConnectionString";
ChaosOptions options;
var database = Environment.GetEnvironmentVariable(connectionString);
try
{
    options = ChaosOptions.Parse(args);
    if ((options.UsesProcesses || options.UsesPostgresLog) && string.IsNullOrEmpty(database))
        throw new ArgumentException($"--processes and --log postgres need a PostgreSQL database: ./realtime chaos starts one, or put its connection string into {connectionString}.");
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
Console.WriteLine($"chaos: seed {options.Seed}, {options.Silos} silos, {options.Fronts} fronts, {options.Seconds} s");
try
{
    await using var cluster = await StartCluster();
    var run = new Run(options, cluster, clock, Console.Out);
    await run.Execute();
    Report.Write(Console.Out, options, run.Result);
    if (options.Out is not null)
        Dump.Write(options.Out, run.Result);
    return run.Result.Verdict.Findings.Count == 0 ? 0 : 1;
}
catch (InvalidOperationException exception)
{
    Console.Error.WriteLine($"chaos: {exception.Message}");
    return 1;
}

async Task<ICluster> StartCluster()
{
    var settings = new Dictionary<string, string?> { ["Log:Provider"] = options.UsesPostgresLog ? "postgres" : "memory" };
    if (options.UsesPostgresLog)
        settings["Log:ConnectionString"] = database;
    if (!options.UsesProcesses)
        return await InProcessCluster.Start(options.Silos, options.Fronts, settings, log);
    settings["Cluster:Clustering"] = "postgres";
    settings["Cluster:ConnectionString"] = database;
    return await ProcessCluster.Start(options.Silos, options.Fronts, settings, log);
}
