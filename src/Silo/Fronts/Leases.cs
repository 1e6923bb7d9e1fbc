namespace Realtime.Silo.Fronts;

/// <summary>Leases by id, each held as long as it is renewed in time. The rule, without Orleans.</summary>
internal sealed class Leases(TimeSpan length, TimeProvider time)
{
    private readonly SortedDictionary<string, long> _renewed = new(StringComparer.Ordinal);

    /// <summary>True when the lease was still held.</summary>
    public bool Renew(string id)
    {
        var known = IsAlive(id);
        _renewed[id] = time.GetTimestamp();
        return known;
    }

    public void End(string id) => _renewed.Remove(id);

    public bool IsAlive(string id) =>
        _renewed.TryGetValue(id, out var at) && time.GetElapsedTime(at) <= length;

    /// <summary>The ids with a lease, in ordinal order; the others are removed.</summary>
    public string[] Alive()
    {
        foreach (var id in _renewed.Keys.Where(id => !IsAlive(id)).ToArray())
            _renewed.Remove(id);
        return [.. _renewed.Keys];
    }
}
