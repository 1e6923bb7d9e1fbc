using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Logging;
using Realtime.Silo.Hosting;
using StackExchange.Redis;

namespace Realtime.Silo.Redis;

/// <summary>The process's one connection to Redis, for the list of silos and the state of grains. Once made, it reconnects by itself.</summary>
internal sealed partial class RedisConnection(ClusterSettings settings, TimeProvider time, ILogger<RedisConnection> logger) : IDisposable
{
    /// <summary>How long an address is asked why it cannot be reached; the client itself has tried for longer.</summary>
    private static readonly TimeSpan s_replyTimeout = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim _turn = new(1);
    private IConnectionMultiplexer? _connection;

    /// <summary>Connects, if that has not been done.</summary>
    /// <exception cref="RedisUnavailableException">Redis cannot be reached, does not let this process in, or not write.</exception>
    public async Task<IConnectionMultiplexer> Get()
    {
        await _turn.WaitAsync();
        try
        {
            return _connection ??= await Connect();
        }
        finally
        {
            _turn.Release();
        }
    }

    private async Task<IConnectionMultiplexer> Connect()
    {
        var options = ConfigurationOptions.Parse(settings.ConnectionString!);
        // Those that wait for the connection try again themselves, and log it.
        options.AbortOnConnectFail = true;
        options.ConnectRetry = 1;
        IConnectionMultiplexer connection;
        try
        {
            connection = await ConnectionMultiplexer.ConnectAsync(options);
        }
        catch (Exception exception) when (IsOfRedis(exception))
        {
            // What Redis answers stands in an exception of its own: "Error: WRONGPASS invalid username-password pair".
            throw Unavailable(exception.InnerException?.Message.Replace("Error: ", "") ?? await WhyUnreachable(options));
        }
        try
        {
            // Changes nothing; it fails where this process may not write, or where the database is missing.
            await connection.GetDatabase().KeyDeleteAsync($"{settings.ServiceId}/check");
            await CompareClocks(connection);
        }
        catch (Exception exception) when (IsOfRedis(exception))
        {
            connection.Dispose();
            throw Unavailable(exception.Message);
        }
        return connection;
    }

    private static bool IsOfRedis(Exception exception) => exception is RedisException or RedisCommandException or TimeoutException;

    private RedisUnavailableException Unavailable(string reason) =>
        new($"{RedisAddress.Name(settings.ConnectionString!)}: {reason.ReplaceLineEndings(" ").TrimEnd('.')}");

    /// <summary>The client says only that it could not connect.</summary>
    private static async Task<string> WhyUnreachable(ConfigurationOptions options)
    {
        foreach (var endPoint in RedisAddress.EndPoints(options).Where(endPoint => endPoint is DnsEndPoint or IPEndPoint))
        {
            using var socket = new Socket(SocketType.Stream, ProtocolType.Tcp);
            using var bound = new CancellationTokenSource(s_replyTimeout);
            try
            {
                await socket.ConnectAsync(endPoint, bound.Token);
            }
            catch (SocketException exception)
            {
                return exception.Message;
            }
            catch (OperationCanceledException)
            {
                return "it does not answer";
            }
        }
        return "something listens there, but does not answer as Redis does";
    }

    private async Task CompareClocks(IConnectionMultiplexer connection)
    {
        if (connection.GetServers().FirstOrDefault(server => server.IsConnected) is not { } server)
            return;
        var skew = time.GetUtcNow().UtcDateTime - await server.TimeAsync();
        if (skew.Duration() > ClusterSettings.AllowedSkew)
            LogSkew(skew.TotalSeconds);
    }

    public void Dispose()
    {
        _connection?.Dispose();
        _turn.Dispose();
    }

    [LoggerMessage(1, LogLevel.Warning, "This machine's clock differs from that of Redis by {Seconds:0.0} s. Silos judge each other by their clocks: set them right.")]
    private partial void LogSkew(double seconds);
}
