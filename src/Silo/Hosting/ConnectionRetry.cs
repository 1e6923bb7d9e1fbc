using Microsoft.Extensions.Logging;
using Npgsql;
using Realtime.PushStreams;
using Realtime.Silo.Postgres;
using Realtime.Silo.Redis;

namespace Realtime.Silo.Hosting;

/// <summary>A client without a cluster waits for one, and logs what it waits for when that changes.</summary>
internal sealed partial class ConnectionRetry(ClusterSettings settings, ILogger<ConnectionRetry> logger) : IClientConnectionRetryFilter
{
    private readonly Backoff _backoff = new(first: TimeSpan.FromMilliseconds(500), longest: TimeSpan.FromSeconds(5));

    /// <summary>Why the last attempt failed; null when none has.</summary>
    public string? WaitsFor { get; private set; }

    public async Task<bool> ShouldRetryConnectionAttempt(Exception exception, CancellationToken cancellationToken)
    {
        // A retry does not cure a wrong configuration.
        if (exception is OrleansConfigurationException)
            return false;
        var reason = Reason(exception);
        if (reason != WaitsFor)
            LogWaits(reason);
        WaitsFor = reason;
        await Task.Delay(_backoff.Next(), cancellationToken);
        return true;
    }

    private string Reason(Exception exception)
    {
        if (settings.UsesPostgres && PostgresProblem.Find(exception) is { } problem)
        {
            var database = PostgresProblem.Address(settings.ConnectionString!);
            // The first silo makes the schema.
            return problem is PostgresException { SqlState: PostgresErrorCodes.UndefinedTable }
                ? $"{database} has no schema yet: no silo has been started on it"
                : $"{database}: {PostgresProblem.Reason(problem)}";
        }
        if (RedisUnavailableException.Find(exception) is { } unavailable)
            return unavailable.Message;
        var where = settings.UsesPostgres ? PostgresProblem.Address(settings.ConnectionString!)
            : settings.UsesRedis ? RedisAddress.Name(settings.ConnectionString!)
            : $"127.0.0.1:{settings.GatewayPort}";
        return $"no silo of cluster {settings.ClusterId} can be reached ({where})";
    }

    [LoggerMessage(1, LogLevel.Warning, "Waiting for the cluster: {Reason}.")]
    private partial void LogWaits(string reason);
}
