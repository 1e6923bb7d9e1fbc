using Microsoft.Extensions.DependencyInjection;
using Orleans.Runtime;
using Orleans.Storage;

namespace Orleans.Embedded;

internal interface IStoredState
{
    /// <summary>Reads it, unless it came along from another silo.</summary>
    Task SetUpAsync();

    void OnDehydrate(IDehydrationContext context);

    void OnRehydrate(IRehydrationContext context);
}

/// <summary>A state of one activation over a storage.</summary>
internal sealed class StoredState<T> : IPersistentState<T>, IStoredState
{
    private readonly GrainState<T> _record = new(NewState());
    private readonly IGrainStorage _storage;
    private readonly string _name;
    private readonly Activation _activation;
    private bool _cameAlong;

    private StoredState(Activation activation, string name, IGrainStorage storage)
    {
        _activation = activation;
        _name = name;
        _storage = storage;
    }

    public T State
    {
        get => _record.State!;
        set => _record.State = value;
    }

    public string? Etag => _record.ETag;

    public bool RecordExists => _record.RecordExists;

    private string MigrationKey => $"state.{_name}";

    /// <exception cref="BadProviderConfigException">No such storage.</exception>
    public static StoredState<T> Create(Activation activation, string name, string? storageName)
    {
        var services = activation.Silo.Services;
        var storage = storageName is null ? services.GetService<IGrainStorage>() : services.GetKeyedService<IGrainStorage>(storageName);
        if (storage is null)
        {
            throw new BadProviderConfigException(storageName is null
                ? $"The state \"{name}\" of {activation.GrainId} names no storage and there is no default one: add one with AddMemoryGrainStorageAsDefault."
                : $"The state \"{name}\" of {activation.GrainId} names the storage \"{storageName}\", which is not registered: add it with AddMemoryGrainStorage(\"{storageName}\").");
        }

        var state = new StoredState<T>(activation, name, storage);
        activation.AddState(state);
        return state;
    }

    public Task SetUpAsync() => _cameAlong ? Task.CompletedTask : ReadStateAsync();

    /// <summary>With what has not been written yet.</summary>
    public void OnDehydrate(IDehydrationContext context) => context.TryAddValue(MigrationKey, _record);

    public void OnRehydrate(IRehydrationContext context)
    {
        if (!context.TryGetValue<GrainState<T>>(MigrationKey, out var record))
            return;
        (_record.State, _record.ETag, _record.RecordExists) = (record.State, record.ETag, record.RecordExists);
        _cameAlong = true;
    }

    public Task ReadStateAsync() => _storage.ReadStateAsync(_name, _activation.GrainId, _record);

    public Task WriteStateAsync() => _storage.WriteStateAsync(_name, _activation.GrainId, _record);

    public Task ClearStateAsync() => _storage.ClearStateAsync(_name, _activation.GrainId, _record);

    public static T? NewState() =>
        typeof(T).IsValueType ? default
        : typeof(T).GetConstructor(Type.EmptyTypes) is not null ? Activator.CreateInstance<T>()
        : typeof(T) == typeof(string) || typeof(T).IsArray || typeof(T).IsAbstract ? default
        : (T)System.Runtime.CompilerServices.RuntimeHelpers.GetUninitializedObject(typeof(T));
}
