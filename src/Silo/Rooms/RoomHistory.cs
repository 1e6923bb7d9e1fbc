namespace Realtime.Silo.Rooms;

/// <summary>The last messages of a room, bounded in count and age.</summary>
internal sealed class RoomHistory(Retention retention)
{
    private readonly Queue<FrontEvent> _messages = new();
    private long _last; // the newest sequence ever added
    private long _newestExpiresAt; // Unix milliseconds
    private long _oldestExpiresAt; // or earlier: until then no message needs to be looked at

    /// <summary>The sequence of the oldest message that is here; that of the next one when there is none.</summary>
    public long First => _last - _messages.Count + 1;

    public void Add(FrontEvent message)
    {
        _last = message.Sequence;
        if (retention.Messages == 0)
            return;
        if (_messages.Count == retention.Messages)
            _messages.Dequeue();
        if (_messages.Count == 0)
            _oldestExpiresAt = ExpiryOf(message);
        _messages.Enqueue(message);
        _newestExpiresAt = ExpiryOf(message);
    }

    /// <summary>When the newest message expires, Unix milliseconds; 0 when there is none.</summary>
    public long ExpiresAt => _messages.Count == 0 ? 0 : _newestExpiresAt;

    public FrontEvent[] Save() => [.. _messages];

    /// <summary>Holds these and no others; without holes, up to the last.</summary>
    public void Load(FrontEvent[] messages, long last)
    {
        _messages.Clear();
        foreach (var message in messages)
            Add(message);
        _last = last;
    }

    /// <summary>Everything after <paramref name="sequence"/>, or null when some of it has expired or it lies in the future.</summary>
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

    /// <summary>
    /// The newest messages before <paramref name="sequence"/>, oldest first: at most <paramref name="limit"/>, and fewer
    /// when their bodies are over <paramref name="bytes"/> together, but at least one if there is one.
    /// </summary>
    public FrontEvent[] Before(long sequence, int limit, int bytes, long nowMs)
    {
        Trim(nowMs);
        var older = _messages.TakeWhile(message => message.Sequence < sequence).ToArray();
        var start = older.Length;
        while (start > 0 && older.Length - start < limit && (start == older.Length || bytes >= older[start - 1].Body.Length))
            bytes -= older[--start].Body.Length;
        return older[start..];
    }

    public void Trim(long nowMs)
    {
        if (nowMs <= _oldestExpiresAt)
            return;
        while (_messages.TryPeek(out var oldest))
        {
            _oldestExpiresAt = ExpiryOf(oldest);
            if (nowMs <= _oldestExpiresAt)
                return;
            _messages.Dequeue();
        }
    }

    private long ExpiryOf(FrontEvent message) => message.Timestamp + (long)retention.Age.TotalMilliseconds;
}

/// <summary>How much of a room is kept for those who come back.</summary>
/// <param name="Messages">The most messages.</param>
/// <param name="Age">How old the oldest may be.</param>
internal readonly record struct Retention(int Messages, TimeSpan Age);
