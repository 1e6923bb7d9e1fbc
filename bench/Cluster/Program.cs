using Realtime.Cluster;
using Realtime.Processes;

// Starts a cluster on this machine, as `./realtime cluster` hands it on. Exit codes: 1 a fault, 2 wrong use, 128 and its number for a signal.
using var signals = new StopSignals();
using var lines = new Lines();
try
{
    var options = ClusterOptions.Parse(args, Environment.GetEnvironmentVariable("REALTIME_POSTGRES"));
    var root = Environment.GetEnvironmentVariable("REALTIME_ROOT") ?? Environment.CurrentDirectory;
    await new ClusterRun(options, root, signals, lines).Execute(Environment.GetEnvironmentVariable("REALTIME_POSTGRES_FOLDER"));
    return 0;
}
catch (OperationCanceledException) when (signals.Stopping.IsCancellationRequested)
{
    return signals.ExitCode;
}
catch (ArgumentException exception)
{
    Console.Error.WriteLine($"realtime: {exception.Message}");
    return 2;
}
catch (Exception exception) when (exception is InvalidOperationException or IOException or UnauthorizedAccessException or TimeoutException
    or System.Runtime.InteropServices.ExternalException) // of processes and of PostgreSQL
{
    Console.Error.WriteLine($"realtime: {exception.Message}");
    return 1;
}
