using Orleans.Runtime;

namespace Orleans.Embedded;

internal enum ActivationState : byte
{
    Created,
    Activating,
    Active,
    Deactivating,
    Dead,
}

/// <summary>
/// One activation of a grain. It is a task scheduler that runs one thing at a time, so that what a grain awaits comes
/// back to it. This file has what the activation is; Activation.Turns.cs how it runs, Activation.Life.cs how it starts and ends.
/// All fields below "guarded" are guarded by the lock on the activation itself, which costs no memory.
/// </summary>
internal sealed partial class Activation : TaskScheduler, IThreadPoolWorkItem, IGrainContext, ICallTarget
{
    [ThreadStatic]
    private static Activation? t_current;

    private readonly GrainClass _class;
    private object? _instance;
    private ActivationExtras? _extras;

    // Guarded.
    private CallQueue _waiting;
    private CallQueue _interleaving;
    private Task? _task;
    private Queue<Task>? _moreTasks;
    private Call? _blocking;
    private int _blockers;
    private int _running;
    private int _load;
    private ActivationState _state;
    private bool _scheduled;
    private bool _blockersAreReadOnly;
    private bool _callsTurn;
    private bool _ending;

    // Of the collector, guarded by it.
    internal Activation? EarlierInBucket;
    internal Activation? LaterInBucket;
    internal CollectionBucket? Bucket;

    public Activation(Silo silo, GrainClass grainClass, GrainId grainId)
    {
        Silo = silo;
        _class = grainClass;
        GrainId = grainId;
    }

    /// <summary>The activation whose turn this thread runs.</summary>
    public static Activation? Running => t_current;

    public Silo Silo { get; }

    public GrainId GrainId { get; }

    public GrainClass Class => _class;

    public object? GrainInstance => _instance;

    /// <summary>The collector's tick at the last use.</summary>
    public long LastUse { get; private set; }

    public GrainReference GrainReference => _class.SomeInterface.Create(Silo.Caller, GrainId);

    public ActivationId ActivationId
    {
        get
        {
            lock (this)
                return Extras.Id == default ? Extras.Id = ActivationId.NewId() : Extras.Id;
        }
    }

    public GrainAddress Address => new() { GrainId = GrainId, ActivationId = ActivationId, SiloAddress = Silo.SiloAddress };

    public IServiceProvider ActivationServices
    {
        get
        {
            lock (this)
                return Extras.Services ??= new ActivationServices(Silo.Services);
        }
    }

    /// <summary>What most activations never need. Made under the lock.</summary>
    public ActivationExtras Extras => _extras ??= new ActivationExtras();

    public ActivationExtras? ExtrasIfAny => _extras;

    public TComponent? GetComponent<TComponent>() where TComponent : class
    {
        if (_instance is TComponent component)
            return component;
        lock (this)
            return _extras?.Components is { } components && components.TryGetValue(typeof(TComponent), out var found) ? (TComponent)found : null;
    }

    public void SetComponent<TComponent>(TComponent? value) where TComponent : class
    {
        lock (this)
        {
            var components = Extras.Components ??= [];
            if (value is null)
                components.Remove(typeof(TComponent));
            else
                components[typeof(TComponent)] = value;
        }
    }

    public bool IsDead
    {
        get
        {
            lock (this)
                return _state == ActivationState.Dead;
        }
    }

    public bool Equals(IGrainContext? other) => ReferenceEquals(this, other);

    public override string ToString() => $"{GrainId} on {Silo.Name}";
}
