using System.Collections.ObjectModel;
using System.Net;

// What Orleans' options for Redis are made of, as far as a program needs it to configure them. A host that asks for Redis
// is refused before any of it is used, so nothing here speaks to a server.
namespace StackExchange.Redis;

/// <summary>How a client reaches Redis.</summary>
public sealed class ConfigurationOptions
{
    public Collection<EndPoint> EndPoints { get; } = [];

    public string? User { get; set; }

    public int? DefaultDatabase { get; set; }

    public bool Ssl { get; set; }

    public bool AbortOnConnectFail { get; set; } = true;

    public int ConnectRetry { get; set; } = 3;

    /// <summary>Options without a content: what is in the text is not looked at.</summary>
    public static ConfigurationOptions Parse(string configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        return new();
    }
}

public interface IConnectionMultiplexer : IDisposable
{
    IDatabase GetDatabase();

    IServer[] GetServers();
}

public interface IDatabase
{
    Task<bool> KeyDeleteAsync(string key);
}

public interface IServer
{
    bool IsConnected { get; }

    Task<DateTime> TimeAsync();
}

public abstract class ConnectionMultiplexer : IConnectionMultiplexer
{
    /// <exception cref="NotSupportedException">Always.</exception>
    public static Task<ConnectionMultiplexer> ConnectAsync(ConfigurationOptions configuration) =>
        throw new NotSupportedException("The embedded engine, which is one process, has no Redis client.");

    public abstract IDatabase GetDatabase();

    public abstract IServer[] GetServers();

    public abstract void Dispose();
}

public class RedisException(string message) : Exception(message);

public class RedisCommandException(string message) : Exception(message);
