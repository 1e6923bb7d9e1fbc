using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using Orleans.Embedded;
using Orleans.Runtime;

namespace Orleans.Storage;

/// <summary>Keeps states in the memory of the process, for all silos of the cluster. States are copied in and out.</summary>
public sealed class MemoryGrainStorage : IGrainStorage
{
    private readonly ConcurrentDictionary<(string State, GrainId Grain), Record> _records;

    internal MemoryGrainStorage(Cluster cluster, string name) => _records = cluster.StorageNamed(name);

    public Task ReadStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var record = _records.GetValueOrDefault((stateName, grainId));
        grainState.State = record is null ? StoredState<T>.NewState() : Stored<T>.Copy((T)record.State!);
        grainState.ETag = record?.Etag;
        grainState.RecordExists = record is not null;
        return Task.CompletedTask;
    }

    public Task WriteStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var key = (stateName, grainId);
        var record = new Record(Stored<T>.Copy(grainState.State), NextEtag(grainState.ETag));
        var current = _records.GetValueOrDefault(key);
        var written = current?.Etag == grainState.ETag
            && (current is null ? _records.TryAdd(key, record) : _records.TryUpdate(key, record, current));
        if (!written)
            return Task.FromException(Inconsistent(stateName, grainId, grainState.ETag));
        grainState.ETag = record.Etag;
        grainState.RecordExists = true;
        return Task.CompletedTask;
    }

    public Task ClearStateAsync<T>(string stateName, GrainId grainId, IGrainState<T> grainState)
    {
        var key = (stateName, grainId);
        var current = _records.GetValueOrDefault(key);
        var cleared = current?.Etag == grainState.ETag && (current is null || _records.TryRemove(new(key, current)));
        if (!cleared)
            return Task.FromException(Inconsistent(stateName, grainId, grainState.ETag));
        grainState.State = StoredState<T>.NewState();
        grainState.ETag = null;
        grainState.RecordExists = false;
        return Task.CompletedTask;
    }

    private static string NextEtag(string? etag) =>
        ((etag is null ? 0 : long.Parse(etag, CultureInfo.InvariantCulture)) + 1).ToString(CultureInfo.InvariantCulture);

    private InconsistentStateException Inconsistent(string stateName, GrainId grainId, string? etag)
    {
        var stored = _records.GetValueOrDefault((stateName, grainId))?.Etag;
        return new InconsistentStateException($"The state \"{stateName}\" of {grainId} is at version {stored ?? "none"}, not {etag ?? "none"}: another activation wrote it.", stored, etag);
    }

    /// <summary>Compared by identity, so that an update replaces exactly what was seen.</summary>
    internal sealed class Record(object? state, string etag)
    {
        public object? State { get; } = state;

        public string Etag { get; } = etag;
    }

    /// <summary>Types that grains can exchange are copied as such, others, which a storage takes as well, by way of JSON.</summary>
    private static class Stored<T>
    {
        private static readonly JsonSerializerOptions s_options = new() { IncludeFields = true };
        private static readonly bool s_hasCopier = CopyKinds.HasCopier(typeof(T));

        public static T? Copy(T? state) =>
            state is null ? state
            : s_hasCopier ? Copier<T>.Copy(state)
            : JsonSerializer.Deserialize<T>(JsonSerializer.SerializeToUtf8Bytes(state, s_options), s_options);
    }
}
