using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using Orleans.Runtime;

namespace Orleans.Embedded;

/// <summary>An activation that is to move.</summary>
internal sealed class Migration(Dictionary<string, object>? requestContext)
{
    /// <summary>Of whoever asked for it: for the placement and OnDehydrate.</summary>
    public Dictionary<string, object>? RequestContext { get; } = requestContext;

    /// <summary>Where to, if that is known already.</summary>
    public Silo? Target { get; set; }
}

/// <summary>What a moving activation takes along. A value is copied when it is added and each time it is read, so nobody shares it.</summary>
internal sealed class MigrationContext : IDehydrationContext, IRehydrationContext
{
    private readonly Dictionary<string, object?> _values = new(StringComparer.Ordinal);

    public IEnumerable<string> Keys => _values.Keys;

    public void AddBytes(string key, ReadOnlySpan<byte> value) => _values.Add(key, new Bytes(value.ToArray()));

    public void AddBytes<T>(string key, Action<T, IBufferWriter<byte>> valueWriter, T value)
    {
        ArgumentNullException.ThrowIfNull(valueWriter);
        var buffer = new ArrayBufferWriter<byte>();
        valueWriter(value, buffer);
        AddBytes(key, buffer.WrittenSpan);
    }

    public bool TryAddValue<T>(string key, T? value) =>
        CopyKinds.Of(typeof(T)) != CopyKind.Unknown && !_values.ContainsKey(key) && _values.TryAdd(key, Copier<T?>.Copy(value));

    public bool TryGetBytes(string key, out ReadOnlySequence<byte> value)
    {
        var found = _values.GetValueOrDefault(key) as Bytes;
        value = found is null ? default : new ReadOnlySequence<byte>(found.Content);
        return found is not null;
    }

    public bool TryGetValue<T>(string key, [NotNullWhen(true)] out T? value)
    {
        var found = _values.GetValueOrDefault(key) is T typed;
        value = found ? Copier<T>.Copy((T)_values[key]!) : default;
        return found;
    }

    private sealed record Bytes(byte[] Content);
}
