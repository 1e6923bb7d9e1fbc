using System.Collections.Concurrent;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>The observers of a cluster.</summary>
internal sealed class ObserverTable
{
    public static readonly GrainType Type = GrainType.Create("sys.observer");

    // Looking for collected observers each time the table has grown by half costs little per observer.
    private const int FirstSweep = 64;

    private readonly ConcurrentDictionary<GrainId, ObserverTarget> _targets = new();
    private int _sweepAt = FirstSweep;

    public GrainId Add(object observer, GrainCaller owner)
    {
        var id = new GrainId(Type, GrainIdKeyExtensions.CreateGuidKey(Guid.NewGuid()));
        _targets[id] = new ObserverTarget(observer, owner, id);
        if (_targets.Count >= _sweepAt)
            Sweep();
        return id;
    }

    public ICallTarget Find(GrainId id) => _targets.TryGetValue(id, out var target) ? target : NobodyThere.Instance;

    public bool Remove(GrainId id)
    {
        if (!_targets.TryRemove(id, out var target))
            return false;
        target.Delete();
        return true;
    }

    private void Sweep()
    {
        foreach (var (id, target) in _targets)
        {
            if (!target.IsAlive)
                _targets.TryRemove(id, out _);
        }

        _sweepAt = Math.Max(FirstSweep, _targets.Count * 3 / 2);
    }
}
