using System.Collections;
using Microsoft.AspNetCore.Http.Features;

namespace Realtime.Connections.Listening;

// The features: what this object is itself, and a list of what others set. There are few, and HTTP asks for most of them once.
internal sealed partial class PolledConnection : IFeatureCollection
{
    private static long s_lastId = DateTime.UtcNow.Ticks;

    private KeyValuePair<Type, object?>[] _features = new KeyValuePair<Type, object?>[8];
    private int _featureCount;

    public override IFeatureCollection Features => this;

    bool IFeatureCollection.IsReadOnly => false;

    int IFeatureCollection.Revision => _revision;

    private int _revision;

    object? IFeatureCollection.this[Type key]
    {
        get
        {
            ArgumentNullException.ThrowIfNull(key);
            int index = IndexOf(key);
            return index >= 0 ? _features[index].Value : IsOwn(key) ? this : null;
        }
        set
        {
            ArgumentNullException.ThrowIfNull(key);
            SetFeature(key, value);
        }
    }

    TFeature? IFeatureCollection.Get<TFeature>()
        where TFeature : default
    {
        int index = IndexOf(typeof(TFeature));
        if (index >= 0)
            return (TFeature?)_features[index].Value;
        return IsOwn(typeof(TFeature)) ? (TFeature)(object)this : default;
    }

    void IFeatureCollection.Set<TFeature>(TFeature? instance)
        where TFeature : default => SetFeature(typeof(TFeature), instance);

    IEnumerator<KeyValuePair<Type, object>> IEnumerable<KeyValuePair<Type, object>>.GetEnumerator()
    {
        foreach (var own in s_own)
            if (IndexOf(own) < 0)
                yield return new(own, this);
        for (int i = 0; i < _featureCount; i++)
            if (_features[i].Value is { } value)
                yield return new(_features[i].Key, value);
    }

    IEnumerator IEnumerable.GetEnumerator() => ((IEnumerable<KeyValuePair<Type, object>>)this).GetEnumerator();

    private static readonly Type[] s_own =
    [
        typeof(Microsoft.AspNetCore.Connections.Features.IConnectionIdFeature),
        typeof(Microsoft.AspNetCore.Connections.Features.IConnectionTransportFeature),
        typeof(Microsoft.AspNetCore.Connections.Features.IConnectionItemsFeature),
        typeof(Microsoft.AspNetCore.Connections.Features.IConnectionLifetimeFeature),
        typeof(Microsoft.AspNetCore.Connections.Features.IConnectionEndPointFeature),
        typeof(Microsoft.AspNetCore.Connections.Features.IMemoryPoolFeature),
    ];

    private static bool IsOwn(Type key) => Array.IndexOf(s_own, key) >= 0;

    private int IndexOf(Type key)
    {
        for (int i = 0; i < _featureCount; i++)
            if (_features[i].Key == key)
                return i;
        return -1;
    }

    // Without an instance, what this object is itself is hidden as well.
    private void SetFeature(Type key, object? instance)
    {
        int index = IndexOf(key);
        if (index < 0)
        {
            if (_featureCount == _features.Length)
                Array.Resize(ref _features, Math.Max(4, 2 * _featureCount));
            index = _featureCount++;
        }
        _features[index] = new(key, instance);
        _revision++;
    }

    // 13 digits of 32, as Kestrel's own ids have.
    private static string NewId() => string.Create(13, Interlocked.Increment(ref s_lastId), static (text, id) =>
    {
        const string digits = "0123456789ABCDEFGHIJKLMNOPQRSTUV";
        for (int i = text.Length - 1; i >= 0; i--, id = (long)((ulong)id >> 5))
            text[i] = digits[(int)(id & 31)];
    });
}
