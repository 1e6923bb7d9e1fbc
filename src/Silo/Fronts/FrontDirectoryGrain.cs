using Microsoft.Extensions.Options;

namespace Realtime.Silo.Fronts;

/// <summary>Hosts the leases of fronts and silos.</summary>
internal sealed class FrontDirectoryGrain(IOptions<LeaseOptions> options, TimeProvider time)
    : Grain, IFrontDirectoryGrain, IGrainMigrationParticipant
{
    private readonly Leases _fronts = new(options.Value.FrontLease, time);
    private readonly Leases _silos = new(options.Value.SiloLease, time);
    private readonly Dictionary<string, FrontEntry> _frontEntries = [];
    private readonly Dictionary<string, SiloEntry> _siloEntries = [];
    private readonly long _start = time.GetTimestamp();
    private bool _isSettled;

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        DelayDeactivation(TimeSpan.FromDays(3650)); // the list is only here
        return Task.CompletedTask;
    }

    public override Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken)
    {
        this.MigrateIfSiloStops(reason);
        return Task.CompletedTask;
    }

    public Task<ClusterView> RenewFront(FrontReport report, IFrontObserver observer)
    {
        ArgumentNullException.ThrowIfNull(report);
        ArgumentException.ThrowIfNullOrEmpty(report.Front);
        ArgumentNullException.ThrowIfNull(observer);
        if (report.Version != FrontReport.Current)
        {
            throw new ArgumentException(
                $"The front speaks version {report.Version} of the cluster's protocol, and this silo version {FrontReport.Current}: run fronts and silos of the same release.");
        }
        _frontEntries[report.Front] = new FrontEntry(report.Front, report.Connections, observer);
        return Task.FromResult(View(_fronts.Renew(report.Front)));
    }

    public Task<ClusterView> RenewSilo(string silo, ISiloObserver observer)
    {
        ArgumentException.ThrowIfNullOrEmpty(silo);
        ArgumentNullException.ThrowIfNull(observer);
        _siloEntries[silo] = new SiloEntry(silo, observer);
        return Task.FromResult(View(_silos.Renew(silo)));
    }

    public Task Unregister(string id)
    {
        _fronts.End(id);
        _silos.End(id);
        _frontEntries.Remove(id);
        _siloEntries.Remove(id);
        return Task.CompletedTask;
    }

    public Task<FrontEntry[]> Fronts() => Task.FromResult(Alive(_fronts, _frontEntries, "front"));

    public Task<SiloEntry[]> Silos() => Task.FromResult(Alive(_silos, _siloEntries, "silo"));

    void IGrainMigrationParticipant.OnDehydrate(IDehydrationContext context)
    {
        context.TryAddValue("fronts", Alive(_fronts, _frontEntries, "front"));
        context.TryAddValue("silos", Alive(_silos, _siloEntries, "silo"));
    }

    void IGrainMigrationParticipant.OnRehydrate(IRehydrationContext context)
    {
        if (!context.TryGetValue("fronts", out FrontEntry[]? fronts) || !context.TryGetValue("silos", out SiloEntry[]? silos))
            return;
        foreach (var front in fronts)
        {
            _frontEntries[front.Front] = front;
            _fronts.Renew(front.Front);
        }
        foreach (var silo in silos)
        {
            _siloEntries[silo.Silo] = silo;
            _silos.Renew(silo.Silo);
        }
        _isSettled = true;
    }

    private ClusterView View(bool wasKnown) =>
        new(Ids(_fronts, _frontEntries, "front"), Ids(_silos, _siloEntries, "silo"), wasKnown,
            _isSettled = _isSettled || time.GetElapsedTime(_start) > options.Value.FrontLease);

    private static string[] Ids<TEntry>(Leases leases, Dictionary<string, TEntry> entries, string holder)
    {
        var alive = leases.Alive();
        if (entries.Count > alive.Length)
        {
            foreach (var gone in entries.Keys.Except(alive).ToArray())
            {
                entries.Remove(gone);
                SiloMetrics.LostLease(holder);
            }
        }
        return alive;
    }

    private static TEntry[] Alive<TEntry>(Leases leases, Dictionary<string, TEntry> entries, string holder) =>
        [.. Ids(leases, entries, holder).Select(id => entries[id])];
}
