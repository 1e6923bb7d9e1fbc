using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>Who calls: a silo or a client of a cluster, with its time-out.</summary>
internal sealed class GrainCaller(Cluster? cluster, Silo? silo = null)
{
    private Cluster? _cluster = cluster;
    private PendingCalls.Lanes? _lanes;
    private volatile Exception? _closed;

    /// <summary>Known to a client when its host has started.</summary>
    public Cluster Cluster
    {
        get => _cluster ?? throw new InvalidOperationException("The cluster client has not been started: start its host first.");
        set => _cluster = value;
    }

    public bool HasCluster => _cluster is not null;

    /// <summary>Null for a client.</summary>
    public Silo? Silo { get; } = silo;

    /// <summary>The silo of the grain that runs on this thread, if one does.</summary>
    public static GrainCaller? Current => Activation.Running?.Silo.Caller;

    /// <summary>Whether what a grain does for a call is traced as a part of what the caller does.</summary>
    public bool CarriesActivities { get; set; }

    public void SetResponseTimeout(TimeSpan timeout) => _lanes = Cluster.Pending.For(timeout);

    /// <summary>From now on calls fail with this error.</summary>
    public void Close(Exception error)
    {
        _closed = error;
        _cluster?.Streams.RemoveOwnedBy(this);
    }

    public void ThrowIfClosed()
    {
        if (_closed is { } error)
            throw error is ObjectDisposedException ? error : new SiloUnavailableException(error.Message);
    }

    /// <summary>Watches the time-out of a call.</summary>
    public void Expect(MethodCall call)
    {
        var lanes = call.Method.ResponseTimeout is { } timeout ? Cluster.Pending.For(timeout) : _lanes;
        (lanes ?? Cluster.Pending.For(Cluster.DefaultResponseTimeout)).Add(call);
        call.WatchCancellation();
    }

    /// <summary>For calls to what this caller holds.</summary>
    public void ThrowIfGone(GrainId id)
    {
        if (_closed is not null)
            throw new ClientNotAvailableException(id);
    }
}
