using System.Buffers;
using System.Diagnostics.CodeAnalysis;

namespace Orleans.Runtime;

/// <summary>A grain class that takes what it holds along when its activation moves to another silo.</summary>
public interface IGrainMigrationParticipant
{
    /// <summary>On the old activation, after OnDeactivateAsync. An error is logged; the activation moves with what was added before.</summary>
    void OnDehydrate(IDehydrationContext dehydrationContext);

    /// <summary>On the new activation, before OnActivateAsync. An error is logged; the activation goes on.</summary>
    void OnRehydrate(IRehydrationContext rehydrationContext);
}

/// <summary>What an activation takes along. Values are copied as those of calls are.</summary>
public interface IDehydrationContext
{
    IEnumerable<string> Keys { get; }

    /// <exception cref="ArgumentException">The key is taken.</exception>
    void AddBytes(string key, ReadOnlySpan<byte> value);

    /// <exception cref="ArgumentException">The key is taken.</exception>
    void AddBytes<T>(string key, Action<T, IBufferWriter<byte>> valueWriter, T value);

    /// <summary>False if the key is taken, or values of the type cannot pass between grains.</summary>
    bool TryAddValue<T>(string key, T? value);
}

/// <summary>What the activation before this one has sent along.</summary>
public interface IRehydrationContext
{
    IEnumerable<string> Keys { get; }

    /// <summary>Finds what was added as bytes.</summary>
    bool TryGetBytes(string key, out ReadOnlySequence<byte> value);

    /// <summary>Finds what was added as a value, under the type it was added as. False also if the value is null.</summary>
    bool TryGetValue<T>(string key, [NotNullWhen(true)] out T? value);
}
