using System.Buffers.Binary;
using System.Numerics;

namespace Realtime.Silo.Rooms;

/// <summary>Remembers the receipts of publishes that carried an id, bounded in count and age.</summary>
internal sealed class PublishDedupe(int capacity, TimeSpan window)
{
    private readonly Dictionary<(string? User, string Id), Entry> _entries = [];
    private readonly Queue<(string? User, string Id, long At)> _order = new();

    /// <summary>The first receipt for this id, and whether the body was the same then.</summary>
    public bool TryGet(string? user, string id, byte[] body, long nowMs, out Receipt receipt, out bool sameBody)
    {
        Trim(nowMs);
        var found = _entries.TryGetValue((user, id), out var entry);
        receipt = entry.Receipt;
        sameBody = found && entry.BodyHash == Hash(body);
        return found;
    }

    public void Add(string? user, string id, byte[] body, Receipt receipt) => Add(new KnownPublish(user, id, Hash(body), receipt));

    public KnownPublish[] Save() => [.. _order.Select(entry => (entry.User, entry.Id)).Select(key =>
        new KnownPublish(key.User, key.Id, _entries[key].BodyHash, _entries[key].Receipt))];

    public void Load(KnownPublish[] publishes)
    {
        foreach (var publish in publishes)
            Add(publish);
    }

    private void Add(KnownPublish publish)
    {
        if (capacity == 0)
            return;
        if (_order.Count == capacity)
            Forget();
        _entries[(publish.User, publish.Id)] = new Entry(publish.Receipt, publish.BodyHash);
        _order.Enqueue((publish.User, publish.Id, publish.Receipt.Timestamp));
    }

    private void Trim(long nowMs)
    {
        while (_order.TryPeek(out var oldest) && nowMs - oldest.At > window.TotalMilliseconds)
            Forget();
    }

    private void Forget()
    {
        var (user, id, _) = _order.Dequeue();
        _entries.Remove((user, id));
    }

    /// <summary>The same in every process, as it goes with the room to another silo. It finds mistakes, not forgeries.</summary>
    private static ulong Hash(byte[] body)
    {
        var crc = uint.MaxValue;
        var rest = body.AsSpan();
        for (; rest.Length >= sizeof(ulong); rest = rest[sizeof(ulong)..])
            crc = BitOperations.Crc32C(crc, BinaryPrimitives.ReadUInt64LittleEndian(rest));
        foreach (var item in rest)
            crc = BitOperations.Crc32C(crc, item);
        return (ulong)body.Length << 32 | crc;
    }

    private readonly record struct Entry(Receipt Receipt, ulong BodyHash);
}
