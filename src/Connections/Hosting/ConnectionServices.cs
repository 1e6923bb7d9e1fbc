using System.Reflection;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Realtime.Connections.Hosting;

/// <summary>What all connections of the process share; so it has more than ten fields.</summary>
internal sealed class ConnectionServices : IDisposable
{
    private readonly CancellationTokenRegistration _stopping;
    private readonly long _maxLeft;
    private int _left;

    public ConnectionServices(ConnectionRegistry registry, ConnectionMetrics metrics, TimeProvider time, ILogger<Connection> logger,
        IOptions<ConnectionOptions> options, IOptions<KestrelServerOptions> kestrel, IHostApplicationLifetime? lifetime = null)
    {
        Registry = registry;
        Metrics = metrics;
        Time = time;
        Logger = logger;
        Options = options.Value;
        Heartbeat = new Heartbeat(time, logger);
        // Kestrel counts an upgraded connection until its request ends, which is at once for one that leaves HTTP: those are counted here.
        _maxLeft = kestrel.Value.Limits.MaxConcurrentUpgradedConnections ?? long.MaxValue;
        // A connection that has left HTTP no longer counts against this bound of the server's.
        MayLeave = kestrel.Value.Limits.MaxConcurrentConnections is null;
        Pollers = new Pollers(logger);
        Drain = new Drain(Heartbeat, time, Options, logger);
        _stopping = lifetime?.ApplicationStopping.Register(Drain.Begin) ?? default;
        Prepare();
    }

    public ConnectionRegistry Registry { get; }
    public ConnectionMetrics Metrics { get; }
    public TimeProvider Time { get; }
    public ILogger Logger { get; }
    public ConnectionOptions Options { get; }
    public Heartbeat Heartbeat { get; }
    public Drain Drain { get; }
    public Pollers Pollers { get; }
    public bool MayLeave { get; }

    public bool TryCountLeft()
    {
        if (Interlocked.Increment(ref _left) <= _maxLeft)
            return true;
        Interlocked.Decrement(ref _left);
        return false;
    }

    public void UncountLeft() => Interlocked.Decrement(ref _left);

    // What takes descriptors once takes them while there are some: .NET remembers for ever that a library could not be loaded, and has
    // no thread for timers until the first one.
    private void Prepare()
    {
        foreach (var library in typeof(ConnectionServices).Assembly.GetReferencedAssemblies())
            _ = Assembly.Load(library);
        _ = Task.Delay(1);
        _ = ConnectionId.New();
        _ = UpgradeRequest.Accept(Convert.ToBase64String(new byte[16]));
        if (!Pollers.AreSupported)
            return;
        _ = DescriptorLimit.IsInReserve(0);
        if (Options.EnablePolling)
            _ = Pollers.Next();
    }

    public void Dispose()
    {
        _stopping.Dispose();
        Pollers.Dispose();
        Heartbeat.Dispose();
    }
}
