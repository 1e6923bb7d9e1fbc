using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>The grain factory, and cluster client, of a silo or a client.</summary>
internal sealed class GrainFactory(GrainCaller caller, IServiceProvider services) : IClusterClient
{
    public GrainCaller Caller => caller;

    public IServiceProvider ServiceProvider => services;

    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidKey =>
        Get<TGrainInterface>(GrainIdKeyExtensions.CreateGuidKey(primaryKey), grainClassNamePrefix);

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerKey =>
        Get<TGrainInterface>(GrainIdKeyExtensions.CreateIntegerKey(primaryKey), grainClassNamePrefix);

    public TGrainInterface GetGrain<TGrainInterface>(string primaryKey, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithStringKey =>
        Get<TGrainInterface>(StringKey(primaryKey), grainClassNamePrefix);

    public TGrainInterface GetGrain<TGrainInterface>(Guid primaryKey, string keyExtension, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithGuidCompoundKey =>
        Get<TGrainInterface>(GrainIdKeyExtensions.CreateGuidKey(primaryKey, Extension(keyExtension)), grainClassNamePrefix);

    public TGrainInterface GetGrain<TGrainInterface>(long primaryKey, string keyExtension, string? grainClassNamePrefix = null)
        where TGrainInterface : IGrainWithIntegerCompoundKey =>
        Get<TGrainInterface>(GrainIdKeyExtensions.CreateIntegerKey(primaryKey, Extension(keyExtension)), grainClassNamePrefix);

    public TGrainInterface GetGrain<TGrainInterface>(GrainId grainId)
        where TGrainInterface : IAddressable =>
        (TGrainInterface)(object)ProxyType<TGrainInterface>.Instance.Create(caller, grainId);

    public IGrain GetGrain(Type grainInterfaceType, Guid grainPrimaryKey) =>
        Get(grainInterfaceType, GrainIdKeyExtensions.CreateGuidKey(grainPrimaryKey));

    public IGrain GetGrain(Type grainInterfaceType, long grainPrimaryKey) =>
        Get(grainInterfaceType, GrainIdKeyExtensions.CreateIntegerKey(grainPrimaryKey));

    public IGrain GetGrain(Type grainInterfaceType, string grainPrimaryKey) => Get(grainInterfaceType, StringKey(grainPrimaryKey));

    public IGrain GetGrain(Type grainInterfaceType, Guid grainPrimaryKey, string keyExtension) =>
        Get(grainInterfaceType, GrainIdKeyExtensions.CreateGuidKey(grainPrimaryKey, Extension(keyExtension)));

    public IGrain GetGrain(Type grainInterfaceType, long grainPrimaryKey, string keyExtension) =>
        Get(grainInterfaceType, GrainIdKeyExtensions.CreateIntegerKey(grainPrimaryKey, Extension(keyExtension)));

    public IAddressable GetGrain(GrainId grainId) =>
        (GrainClasses.OfType(grainId.Type)?.SomeInterface ?? ProxyType<IAddressable>.Instance).Create(caller, grainId);

    public TGrainObserverInterface CreateObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver
    {
        ArgumentNullException.ThrowIfNull(obj);
        if (obj is GrainReference)
            throw new ArgumentException("The object is a reference already.", nameof(obj));
        if (obj is IGrainBase)
            throw new ArgumentException($"{obj.GetType()} is a grain: give others a reference to it with AsReference.", nameof(obj));
        if (obj is not TGrainObserverInterface)
            throw new ArgumentException($"{obj.GetType()} does not implement {typeof(TGrainObserverInterface)}.", nameof(obj));
        if (Activation.Running is not null)
            throw new InvalidOperationException("A grain cannot make a reference to another object: only code outside of grains can.");
        return GetGrain<TGrainObserverInterface>(caller.Cluster.Observers.Add(obj, caller));
    }

    public void DeleteObjectReference<TGrainObserverInterface>(IGrainObserver obj)
        where TGrainObserverInterface : IGrainObserver
    {
        if (obj is not GrainReference reference)
            throw new ArgumentException("The argument must be the reference that CreateObjectReference returned.", nameof(obj));
        if (!caller.Cluster.Observers.Remove(reference.GrainId))
            throw new ArgumentException("The reference is not one of an observer that is registered.", nameof(obj));
    }

    private TGrainInterface Get<TGrainInterface>(IdSpan key, string? grainClassNamePrefix)
    {
        var grainClass = GrainClasses.Of(typeof(TGrainInterface), grainClassNamePrefix);
        return (TGrainInterface)(object)ProxyType<TGrainInterface>.Instance.Create(caller, new GrainId(grainClass.GrainType, key));
    }

    private IGrain Get(Type interfaceType, IdSpan key)
    {
        var grainClass = GrainClasses.Of(interfaceType, null);
        return (IGrain)ProxyType.For(interfaceType).Create(caller, new GrainId(grainClass.GrainType, key));
    }

    private static IdSpan StringKey(string key)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(key);
        return IdSpan.Create(key);
    }

    private static string Extension(string keyExtension)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(keyExtension);
        return keyExtension;
    }
}
