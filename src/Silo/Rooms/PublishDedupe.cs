using System.Buffers.Binary;
using System.Numerics;

namespace Realtime.Silo.Rooms;

/// <summary>Remembers the receipts of publishes that carried an id, bounded in count and age.</summary>
internal sealed class PublishDedupe(int capacity, TimeSpan window)
{
    // Made for the first id: most rooms of many never see one.
    private Dictionary<(string? User, string Id), KnownPublish>? _entries;
    private Queue<(string? User, string Id)> _order = null!;

    /// <summary>The first publish with this id.</summary>
    public bool TryGet(string? user, string id, long nowMs, out KnownPublish publish)
    {
        publish = default;
        if (_entries is null)
            return false;
        Trim(nowMs);
        return _entries.TryGetValue((user, id), out publish);
    }

    /// <summary>When the newest expires, Unix milliseconds; 0 when there is none.</summary>
    public long ExpiresAt { get; private set; }

    public void Add(KnownPublish publish)
    {
        if (capacity == 0)
            return;
        ExpiresAt = publish.Receipt.Timestamp + (long)window.TotalMilliseconds;
        _entries ??= [];
        _order ??= new();
        if (_order.Count == capacity)
            Evict();
        _entries[(publish.User, publish.Id)] = publish;
        _order.Enqueue((publish.User, publish.Id));
    }

    /// <summary>Removes those of later messages, which were not committed.</summary>
    public void RollBackTo(long sequence)
    {
        if (_entries is null)
            return;
        KnownPublish[] committed = [.. Save().Where(publish => publish.Receipt.Sequence <= sequence)];
        Load(committed);
    }

    public KnownPublish[] Save() => _entries is null ? [] : [.. _order.Select(key => _entries[key])];

    /// <summary>Remembers these and no others; oldest first.</summary>
    public void Load(KnownPublish[] publishes)
    {
        ExpiresAt = 0;
        _entries?.Clear();
        _order?.Clear();
        foreach (var publish in publishes)
            Add(publish);
    }

    /// <summary>The same in every process and release, as it is stored. It finds mistakes, not forgeries.</summary>
    public static ulong Hash(byte[] body)
    {
        var crc = uint.MaxValue;
        var rest = body.AsSpan();
        for (; rest.Length >= sizeof(ulong); rest = rest[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(rest));
        foreach (var item in rest)
            crc = BitOperations.Crc32C(crc, item);
        return (ulong)body.Length << 32 | crc;
    }

    private void Trim(long nowMs)
    {
        while (_order.TryPeek(out var oldest) && nowMs - _entries![oldest].Receipt.Timestamp > window.TotalMilliseconds)
            Evict();
    }

    private void Evict() => _entries!.Remove(_order.Dequeue());
}
