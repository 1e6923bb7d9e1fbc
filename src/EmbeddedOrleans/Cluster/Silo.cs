using System.Collections.Concurrent;
using System.Diagnostics.CodeAnalysis;
using System.Net;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Orleans.Configuration;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>One silo: the host of a part of the cluster's activations.</summary>
internal sealed class Silo : Runtime.Silo, ILocalSiloDetails, IDisposable
{
    private static int s_lastPort;

    private readonly ConcurrentDictionary<GrainId, StatelessWorkers> _workers = new();
    private readonly ConcurrentDictionary<GrainClass, bool> _needsScope = new();
    private readonly ServiceLifetimes _lifetimes;
    private int _activationCount;
    private volatile Exception? _down;

    public Silo(Cluster cluster, IServiceProvider services, ServiceLifetimes lifetimes, TimeProvider time, ILogger<Silo> log,
        IOptions<SiloOptions> options, IOptions<ClusterOptions> clusterOptions, IOptions<EndpointOptions> endpoint,
        IOptions<GrainCollectionOptions> collection, IOptions<SiloMessagingOptions> messaging)
    {
        Cluster = cluster;
        Services = services;
        Time = time;
        Log = log;
        _lifetimes = lifetimes;
        Name = options.Value.SiloName;
        ClusterId = clusterOptions.Value.ClusterId;

        // Nothing listens: ports only tell silos apart.
        var port = endpoint.Value.SiloPort > 0 ? endpoint.Value.SiloPort : Interlocked.Increment(ref s_lastPort) & 0xFFFF;
        var address = endpoint.Value.AdvertisedIPAddress ?? IPAddress.Loopback;
        SiloAddress = SiloAddress.New(address, port, SiloAddress.AllocateNewGeneration());
        GatewayAddress = SiloAddress.New(address, endpoint.Value.GatewayPort, SiloAddress.Generation);

        collection.Value.Validate();
        Collector = new Collector(time, collection.Value);
        Caller = new GrainCaller(cluster, this);
        Caller.SetResponseTimeout(messaging.Value.ResponseTimeout);
        Factory = new GrainFactory(Caller, services);
    }

    public Cluster Cluster { get; }

    public IServiceProvider Services { get; }

    public TimeProvider Time { get; }

    public ILogger Log { get; }

    public Collector Collector { get; }

    public GrainCaller Caller { get; }

    public GrainFactory Factory { get; }

    public string Name { get; }

    public string ClusterId { get; }

    public string DnsHostName => Dns.GetHostName();

    public SiloAddress SiloAddress { get; }

    public SiloAddress GatewayAddress { get; }

    public int ActivationCount => Volatile.Read(ref _activationCount);

    /// <summary>Whether it runs nothing any more.</summary>
    public bool IsDown => _down is not null;

    public Exception DownError => _down!;

    public void Start() => Cluster.Join(this);

    /// <summary>From now on it takes no new activations, as a silo that is shutting down; those that it has go on.</summary>
    public void Leave() => Cluster.Leave(this);

    /// <summary>Ends every activation in order; their grains activate elsewhere when they are called.</summary>
    public async Task StopAsync(CancellationToken cancellationToken)
    {
        Leave();
        while (!IsDown && !cancellationToken.IsCancellationRequested && Activations() is { Count: > 0 } activations)
        {
            foreach (var activation in activations)
                activation.Deactivate(new(DeactivationReasonCode.ShuttingDown, "The silo stops."));
            await Task.WhenAll(activations.Select(activation => activation.Deactivated)).WaitAsync(cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        Kill("has stopped", static (activation, _) => activation.GiveUp());
    }

    /// <summary>Ends it as the end of its process would: no OnDeactivateAsync, calls in flight fail.</summary>
    public void Kill(string why = "has been killed") => Kill(why, static (activation, error) => activation.Kill(error));

    private void Kill(string why, Action<Activation, Exception> end)
    {
        if (IsDown)
            return;
        var error = new SiloUnavailableException($"{Name} ({SiloAddress}) {why}.");
        Cluster.Leave(this);
        _down = error;
        Caller.Close(error);
        foreach (var activation in Activations())
            end(activation, error);
        Cluster.Pending.FailWhere(call => call.Target?.Silo == this, call => new OrleansMessageRejectionException($"{call} was running on {Name}, which {why}."));
    }

    public StatelessWorkers Workers(GrainClass grainClass, GrainId id) => _workers.GetOrAdd(id, static (id, both) => new StatelessWorkers(both.Item1, both.grainClass, id), (this, grainClass));

    /// <summary>An activation has come.</summary>
    public void Count() => Interlocked.Increment(ref _activationCount);

    /// <summary>An activation has gone.</summary>
    public void Uncount() => Interlocked.Decrement(ref _activationCount);

    /// <summary>The activation has ended.</summary>
    public void Forget(Activation activation)
    {
        if (activation.ExtrasIfAny?.Workers is { } workers ? workers.Remove(activation) : Cluster.Remove(activation))
            Uncount();
    }

    /// <summary>Whether instances of a class need services that are not singletons.</summary>
    public bool NeedsScope(GrainClass grainClass, Type[] services) =>
        services.Length > 0 && _needsScope.GetOrAdd(grainClass, static (_, both) => !both.services.All(both._lifetimes.IsSingleton), (services, _lifetimes));

    public void Dispose()
    {
        Kill("has stopped");
        Collector.Dispose();
    }

    private List<Activation> Activations() => [.. Cluster.ActivationsOf(this), .. _workers.Values.SelectMany(workers => workers.Snapshot())];
}
