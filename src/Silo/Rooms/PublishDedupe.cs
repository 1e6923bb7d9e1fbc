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

    public void Add(string? user, string id, byte[] body, Receipt receipt)
    {
        if (capacity == 0)
            return;
        if (_order.Count == capacity)
            Forget();
        _entries[(user, id)] = new Entry(receipt, Hash(body));
        _order.Enqueue((user, id, receipt.Timestamp));
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

    private static int Hash(byte[] body)
    {
        var hash = new HashCode();
        hash.AddBytes(body);
        return hash.ToHashCode();
    }

    private readonly record struct Entry(Receipt Receipt, int BodyHash);
}
