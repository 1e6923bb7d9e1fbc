namespace Realtime.Silo.Rooms;

/// <summary>The last messages of a room, bounded in count and age.</summary>
internal sealed class RoomHistory(int capacity, TimeSpan age)
{
    private readonly Queue<FrontEvent> _messages = new();
    private long _last; // the newest sequence ever added

    public void Add(FrontEvent message)
    {
        _last = message.Sequence;
        if (capacity == 0)
            return;
        if (_messages.Count == capacity)
            _messages.Dequeue();
        _messages.Enqueue(message);
    }

    public FrontEvent[] Save() => [.. _messages];

    public void Load(FrontEvent[] messages, long last)
    {
        foreach (var message in messages)
            Add(message);
        _last = last;
    }

    /// <summary>Everything after <paramref name="sequence"/>, or null when any of it is gone or it lies in the future.</summary>
    public FrontEvent[]? After(long sequence, long nowMs)
    {
        Trim(nowMs);
        if (sequence < 0 || sequence > _last)
            return null;
        var missing = _last - sequence;
        if (missing > _messages.Count)
            return null;
        return missing == 0 ? [] : [.. _messages.Skip((int)(_messages.Count - missing))];
    }

    private void Trim(long nowMs)
    {
        while (_messages.TryPeek(out var oldest) && nowMs - oldest.Timestamp > age.TotalMilliseconds)
            _messages.Dequeue();
    }
}
