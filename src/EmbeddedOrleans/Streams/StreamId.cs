using System.Diagnostics.CodeAnalysis;

namespace Orleans.Runtime;

/// <summary>Which stream of a provider: a namespace and a key.</summary>
[Immutable, GenerateSerializer]
public readonly struct StreamId : IEquatable<StreamId>, IComparable<StreamId>
{
    private readonly string? _namespace;
    private readonly IdSpan _key;

    private StreamId(string? ns, string key)
    {
        _namespace = ns;
        _key = IdSpan.Create(key);
    }

    public static StreamId Create(string? ns, string key)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(key);
        return new StreamId(ns, key);
    }

    public static StreamId Create(string? ns, Guid key) => new(ns, key.ToString("N"));

    public static StreamId Create(string? ns, long key) => new(ns, key.ToString(System.Globalization.CultureInfo.InvariantCulture));

    public string? GetNamespace() => _namespace;

    public string GetKeyAsString() => _key.ToString();

    public bool Equals(StreamId other) => _key.Equals(other._key) && _namespace == other._namespace;

    public override bool Equals([NotNullWhen(true)] object? obj) => obj is StreamId other && Equals(other);

    public override int GetHashCode() => HashCode.Combine(_namespace, _key);

    public int CompareTo(StreamId other)
    {
        var order = string.CompareOrdinal(_namespace, other._namespace);
        return order != 0 ? order : _key.CompareTo(other._key);
    }

    public override string ToString() => $"{_namespace ?? "null"}/{_key}";

    public static bool operator ==(StreamId s1, StreamId s2) => s1.Equals(s2);

    public static bool operator !=(StreamId s1, StreamId s2) => !s1.Equals(s2);
}
