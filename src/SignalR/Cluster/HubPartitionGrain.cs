using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Options;
using Orleans.Placement;

namespace Realtime.SignalR.Cluster;

/// <summary>Hosts a <see cref="PartitionTable"/>: a turn applies a batch and puts what follows from it on the streams of servers.</summary>
[RandomPlacement]
internal sealed partial class HubPartitionGrain : Grain, IHubPartitionGrain, IGrainMigrationParticipant
{
    private readonly PartitionTable _table;
    private readonly IStreamProvider _streams;
    private readonly ILogger<HubPartitionGrain> _log;

    public HubPartitionGrain(IServiceProvider services, IOptions<BackplaneSiloOptions> options, ILogger<HubPartitionGrain> log)
    {
        _streams = services.GetKeyedService<IStreamProvider>(HubStreams.Provider)
            ?? throw new InvalidOperationException($"This silo has the package Realtime.SignalR, but not what it needs: call {nameof(BackplaneExtensions.AddRealtimeBackplane)}() in UseOrleans.");
        _table = new PartitionTable(options.Value.ServerLease, services.GetService<TimeProvider>() ?? TimeProvider.System);
        _log = log;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        // To another silo, if there is one: otherwise Orleans would log for each grain that there is none.
        var members = ServiceProvider.GetRequiredService<IClusterMembershipService>().CurrentSnapshot.Members.Values;
        if (reason.ReasonCode == DeactivationReasonCode.ShuttingDown
            && members.Any(member => member.Status == SiloStatus.Active && member.SiloAddress != GrainContext.Address.SiloAddress))
        {
            MigrateOnIdle();
        }
        return Task.CompletedTask;
    }

    public async Task<HubReply> Apply(HubBatch batch)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ArgumentException.ThrowIfNullOrEmpty(batch.Server);
        var reply = _table.Apply(batch);
        if (_table.Outgoing.Count > 0)
            await Push();
        return reply;
    }

    void IGrainMigrationParticipant.OnDehydrate(IDehydrationContext context) => context.TryAddValue("servers", _table.Save());

    void IGrainMigrationParticipant.OnRehydrate(IRehydrationContext context)
    {
        if (context.TryGetValue("servers", out HubServerState[]? servers))
            _table.Restore(servers);
    }

    /// <summary>Waits for a place in the queues of servers, for as long as their streams do: so who sends too much is slowed.</summary>
    private Task Push()
    {
        List<Task>? waiting = null;
        foreach (var server in _table.Outgoing)
        {
            var pushed = Push(server);
            if (!pushed.IsCompletedSuccessfully)
                (waiting ??= []).Add(pushed);
        }
        _table.Outgoing.Clear();
        return waiting is null ? Task.CompletedTask : Task.WhenAll(waiting);
    }

    /// <summary>A stream that fails costs the others and the caller nothing.</summary>
    private async Task Push(HubServer server)
    {
        try
        {
            server.Stream ??= _streams.GetStream<HubEvent>(HubStreams.Of(server.Id));
            var events = server.Outbox.Count == 1 ? null : server.Outbox.ToArray();
            var first = server.Outbox[0];
            server.Outbox.Clear();
            await (events is null ? server.Stream.OnNextAsync(first) : server.Stream.OnNextBatchAsync(events));
        }
        catch (Exception exception)
        {
            SafeLog.Write(() => LogFailed(server.Id, exception));
        }
    }

    [LoggerMessage(1, LogLevel.Warning, "The stream of server {Server} did not take events.")]
    private partial void LogFailed(string server, Exception exception);
}
