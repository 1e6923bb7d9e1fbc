namespace Orleans.Core
{
    /// <summary>A stored record.</summary>
    public interface IStorage
    {
        /// <summary>Which version of the record this is; null when it has not been stored.</summary>
        string? Etag { get; }

        bool RecordExists { get; }

        Task ReadStateAsync();

        /// <exception cref="Storage.InconsistentStateException">Somebody else wrote since it was read. The activation ends.</exception>
        Task WriteStateAsync();

        /// <exception cref="Storage.InconsistentStateException">Somebody else wrote since it was read. The activation ends.</exception>
        Task ClearStateAsync();

        Task ReadStateAsync(CancellationToken cancellationToken) => ReadStateAsync();

        Task WriteStateAsync(CancellationToken cancellationToken) => WriteStateAsync();

        Task ClearStateAsync(CancellationToken cancellationToken) => ClearStateAsync();
    }

    public interface IStorage<TState> : IStorage
    {
        TState State { get; set; }
    }
}

namespace Orleans.Runtime
{
    /// <summary>A state of a grain, read before OnActivateAsync.</summary>
    public interface IPersistentState<TState> : Core.IStorage<TState>;

    /// <summary>On a parameter of a grain's constructor of type <see cref="IPersistentState{TState}"/>.</summary>
    [AttributeUsage(AttributeTargets.Parameter)]
    public class PersistentStateAttribute(string stateName, string? storageName = null) : Attribute
    {
        public string StateName { get; } = stateName;

        /// <summary>Null for the default storage.</summary>
        public string? StorageName { get; } = storageName;
    }
}
