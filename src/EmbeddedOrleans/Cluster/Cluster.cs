using System.Collections.Concurrent;
using System.Collections.Immutable;
using Orleans.Placement;
using Orleans.Runtime;
using Orleans.Runtime.Placement;
using Orleans.Storage;

namespace Orleans.Embedded;

/// <summary>The silos of one cluster, all in this process, with what they share: directory, observers, storages, streams.</summary>
internal sealed class Cluster : IDisposable
{
    public static readonly TimeSpan DefaultResponseTimeout = TimeSpan.FromSeconds(30);

    private readonly ConcurrentDictionary<GrainId, Activation> _directory = new();
    private readonly ConcurrentDictionary<string, ConcurrentDictionary<(string, GrainId), MemoryGrainStorage.Record>> _storages = new();
    private ImmutableArray<Silo> _silos = [];

    public PendingCalls Pending { get; } = new();

    public ObserverTable Observers { get; } = new();

    public StreamTable Streams { get; } = new();

    /// <summary>The silos that take new activations.</summary>
    public ImmutableArray<Silo> Silos => _silos;

    public ConcurrentDictionary<(string, GrainId), MemoryGrainStorage.Record> StorageNamed(string name) => _storages.GetOrAdd(name, static _ => new());

    public void Join(Silo silo) => ImmutableInterlocked.Update(ref _silos, static (silos, silo) => silos.Add(silo), silo);

    public void Leave(Silo silo) => ImmutableInterlocked.Update(ref _silos, static (silos, silo) => silos.Remove(silo), silo);

    /// <summary>Whoever has this id, activated if need be.</summary>
    /// <exception cref="SiloUnavailableException">No silo runs.</exception>
    /// <exception cref="ArgumentException">There is no such kind of grain.</exception>
    public ICallTarget Resolve(GrainId id, GrainCaller caller, Dictionary<string, object>? requestContext = null)
    {
        if (_directory.TryGetValue(id, out var known))
            return known;
        if (id.Type == ObserverTable.Type)
            return Observers.Find(id);
        var grainClass = GrainClasses.OfType(id.Type) ?? throw new ArgumentException($"There is no grain class of the kind \"{id.Type}\", of which {id} should be.");
        var silo = Place(grainClass, id, caller, requestContext);
        if (grainClass.MaxLocalWorkers > 0)
            return silo.Workers(grainClass, id);

        var activation = new Activation(silo, grainClass, id);
        var first = _directory.GetOrAdd(id, activation);
        if (first != activation)
            return first;
        silo.Count();
        if (silo.IsDown)
            activation.GiveUp();
        return activation;
    }

    public Activation? Find(GrainId id) => _directory.GetValueOrDefault(id);

    public bool Remove(Activation activation) => _directory.TryRemove(new(activation.GrainId, activation));

    public bool TryReplace(Activation activation, Activation successor) => _directory.TryUpdate(activation.GrainId, successor, activation);

    public IEnumerable<Activation> ActivationsOf(Silo silo) => _directory.Values.Where(activation => activation.Silo == silo);

    /// <summary>A call whose activation has ended goes to the next one.</summary>
    public void Forward(Call call, GrainId id, GrainCaller caller)
    {
        try
        {
            while (!Resolve(id, caller, call.RequestContext).TryAccept(call))
            {
            }
        }
        catch (OrleansException error)
        {
            call.Reject(error);
        }
    }

    public void Dispose() => Pending.Dispose();

    /// <summary>The silo for a new activation.</summary>
    /// <exception cref="SiloUnavailableException">No silo runs.</exception>
    public Silo Place(GrainClass grainClass, GrainId id, GrainCaller caller, Dictionary<string, object>? requestContext)
    {
        var silos = _silos;
        return silos.Length switch
        {
            0 => throw new SiloUnavailableException("No silo of the cluster is running: a host starts its silo when it starts."),
            1 => silos[0],
            _ when Hinted(silos, requestContext) is { } hinted => hinted,
            _ => grainClass.Placement switch
            {
                PlacementKind.Local when caller.Silo is { } home && silos.Contains(home) => home,
                PlacementKind.Hash => silos[(int)(id.GetUniformHashCode() % (uint)silos.Length)],
                PlacementKind.Fewest => silos.MinBy(static silo => silo.ActivationCount)!,
                _ => silos[Random.Shared.Next(silos.Length)],
            },
        };
    }

    private static Silo? Hinted(ImmutableArray<Silo> silos, Dictionary<string, object>? requestContext) =>
        requestContext is not null && requestContext.GetValueOrDefault(IPlacementDirector.PlacementHintKey) is SiloAddress hint
            ? silos.FirstOrDefault(silo => silo.SiloAddress.Equals(hint))
            : null;
}
