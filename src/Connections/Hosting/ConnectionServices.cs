using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Realtime.Connections;

/// <summary>What all connections of the process share.</summary>
internal sealed class ConnectionServices : IDisposable
{
    private readonly CancellationTokenRegistration _stopping;
    private readonly long _maxHandedOver;
    private int _handedOver;

    public ConnectionServices(ConnectionRegistry registry, ConnectionMetrics metrics, TimeProvider time, ILogger<Connection> logger,
        IOptions<ConnectionOptions> options, IOptions<KestrelServerOptions> kestrel, IHostApplicationLifetime? lifetime = null)
    {
        Registry = registry;
        Metrics = metrics;
        Time = time;
        Logger = logger;
        Options = options.Value;
        Heartbeat = new Heartbeat(time, logger);
        // Kestrel counts an upgraded connection until its request ends, which a handed over one's does at once: those are counted here.
        _maxHandedOver = kestrel.Value.Limits.MaxConcurrentUpgradedConnections ?? long.MaxValue;
        // A connection that has left the server no longer counts against this bound of its.
        MayPoll = Pollers.AreSupported && kestrel.Value.Limits.MaxConcurrentConnections is null;
        Pollers = new Pollers(logger);
        Drain = new Drain(Heartbeat, time, Options, logger);
        _stopping = lifetime?.ApplicationStopping.Register(Drain.Begin) ?? default;
        Prepare(lifetime);
    }

    public ConnectionRegistry Registry { get; }
    public ConnectionMetrics Metrics { get; }
    public TimeProvider Time { get; }
    public ILogger Logger { get; }
    public ConnectionOptions Options { get; }
    public Heartbeat Heartbeat { get; }
    public Drain Drain { get; }
    public Pollers Pollers { get; }
    public bool MayPoll { get; }

    public bool TryCountHandedOver()
    {
        if (Interlocked.Increment(ref _handedOver) <= _maxHandedOver)
            return true;
        Interlocked.Decrement(ref _handedOver);
        return false;
    }

    public void UncountHandedOver() => Interlocked.Decrement(ref _handedOver);

    // What takes descriptors once takes them while there are some: .NET remembers for ever that a library could not be loaded.
    private void Prepare(IHostApplicationLifetime? lifetime)
    {
        _ = ConnectionId.New();
        _ = UpgradeRequest.Accept(Convert.ToBase64String(new byte[16]));
        if (!MayPoll || !Options.EnablePolling)
            return;
        _ = Pollers.Start();
        lifetime?.ApplicationStarted.Register(ServerEpolls.Prepare); // there are none before the server listens
    }

    public void Dispose()
    {
        _stopping.Dispose();
        Pollers.Dispose();
        Heartbeat.Dispose();
    }
}
