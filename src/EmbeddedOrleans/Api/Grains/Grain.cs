using Orleans.Core;
using Orleans.Runtime;

namespace Orleans;

/// <summary>A base for grain classes.</summary>
public abstract class Grain : IGrainBase, IAddressable
{
    /// <exception cref="InvalidOperationException">Not made by the engine.</exception>
    protected Grain()
    {
        GrainContext = RuntimeContext.Current
            ?? throw new InvalidOperationException($"{GetType()} can only be made by the engine: a grain is called through IGrainFactory.GetGrain.");
    }

    protected Grain(IGrainContext grainContext) => GrainContext = grainContext;

    public IGrainContext GrainContext { get; }

    public GrainReference GrainReference => GrainContext.GrainReference;

    protected IGrainFactory GrainFactory => ((Embedded.Activation)GrainContext).Silo.Factory;

    protected internal IServiceProvider ServiceProvider => GrainContext.ActivationServices;

    public string IdentityString => GrainContext.GrainId.ToString();

    /// <summary>The address of the silo that hosts this activation.</summary>
    public string RuntimeIdentity => ((Embedded.Activation)GrainContext).Silo.SiloAddress.ToString();

    /// <summary>Ends this activation once its running calls have ended; the next call makes another.</summary>
    protected void DeactivateOnIdle() => GrainBaseExtensions.DeactivateOnIdle(this);

    /// <inheritdoc cref="GrainBaseExtensions.MigrateOnIdle"/>
    protected void MigrateOnIdle() => GrainBaseExtensions.MigrateOnIdle(this);

    /// <summary>Keeps idle collection away for at least this long; a negative time takes that back.</summary>
    protected void DelayDeactivation(TimeSpan timeSpan) => ((Embedded.Activation)GrainContext).DelayDeactivation(timeSpan);

    public virtual Task OnActivateAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public virtual Task OnDeactivateAsync(DeactivationReason reason, CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>A grain with a state in the storage that <see cref="Providers.StorageProviderAttribute"/> names.</summary>
public class Grain<TGrainState> : Grain
{
    private readonly IStorage<TGrainState> _storage;

    protected Grain() => _storage = ((Embedded.Activation)GrainContext).StateOfGrain<TGrainState>(GetType());

    protected Grain(IStorage<TGrainState> storage) => _storage = storage;

    protected TGrainState State
    {
        get => _storage.State;
        set => _storage.State = value;
    }

    protected virtual Task ReadStateAsync() => _storage.ReadStateAsync();

    protected virtual Task WriteStateAsync() => _storage.WriteStateAsync();

    protected virtual Task ClearStateAsync() => _storage.ClearStateAsync();
}
