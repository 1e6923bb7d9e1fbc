using Microsoft.Extensions.Options;

namespace Realtime.Silo.Fronts;

/// <summary>Hosts the leases of fronts and silos.</summary>
internal sealed class FrontDirectoryGrain(IOptions<LeaseOptions> options, TimeProvider time) : Grain, IFrontDirectoryGrain
{
    private readonly Leases _fronts = new(options.Value.FrontLease, time);
    private readonly Leases _silos = new(options.Value.SiloLease, time);
    private readonly Dictionary<string, IFrontObserver> _observers = [];
    private readonly long _start = time.GetTimestamp();

    public override Task OnActivateAsync(CancellationToken cancellationToken)
    {
        DelayDeactivation(TimeSpan.FromDays(3650)); // the list is only here
        return Task.CompletedTask;
    }

    public Task<ClusterView> RenewFront(string front, IFrontObserver observer)
    {
        ArgumentException.ThrowIfNullOrEmpty(front);
        ArgumentNullException.ThrowIfNull(observer);
        _observers[front] = observer;
        return Task.FromResult(View(_fronts.Renew(front)));
    }

    public Task<ClusterView> RenewSilo(string silo)
    {
        ArgumentException.ThrowIfNullOrEmpty(silo);
        return Task.FromResult(View(_silos.Renew(silo)));
    }

    public Task Unregister(string id)
    {
        _fronts.End(id);
        _silos.End(id);
        _observers.Remove(id);
        return Task.CompletedTask;
    }

    public Task<string[]> List() => Task.FromResult(_fronts.Alive());

    public Task<IFrontObserver[]> Observers(string[] fronts)
    {
        ArgumentNullException.ThrowIfNull(fronts);
        return Task.FromResult(fronts.Distinct().Where(_fronts.IsAlive).Select(front => _observers[front]).ToArray());
    }

    private ClusterView View(bool wasKnown)
    {
        var fronts = _fronts.Alive();
        if (_observers.Count > fronts.Length)
        {
            foreach (var gone in _observers.Keys.Except(fronts).ToArray())
                _observers.Remove(gone);
        }
        return new ClusterView(fronts, _silos.Alive(), wasKnown, time.GetElapsedTime(_start) > options.Value.FrontLease);
    }
}
