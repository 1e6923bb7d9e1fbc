namespace Realtime.Silo.Rooms;

/// <summary>The last messages of a room without holes, bounded in count, bytes and age.</summary>
/// <remarks>
/// The count is fair: as long as others have messages in it too, those of one user count for at most half of it. So a flood of one user
/// pushes what others said, and all that came since, out by bytes and age only.
/// </remarks>
internal sealed class RoomHistory(Retention retention)
{
    /// <summary>What a message takes in memory beside its body: objects, headers and its place here. For every message alike.</summary>
    public const int Overhead = 160;

    private FrontEvent[] _ring = []; // its length is a power of two; made for the first message
    private int _head;
    private int _count;
    private long _last; // the newest sequence ever added
    private long _newestExpiresAt; // Unix milliseconds
    private long _oldestExpiresAt; // or earlier: until then no message needs to be looked at
    private HistoryShares? _shares; // while there are as many messages as the count allows

    /// <summary>The sequence of the oldest message that is here; that of the next one when there is none.</summary>
    public long First => _last - _count + 1;

    /// <summary>How many messages there are.</summary>
    public int CountAt(long nowMs)
    {
        Trim(nowMs);
        return _count;
    }

    /// <summary>What the messages take in memory, all in all.</summary>
    public long Bytes { get; private set; }

    /// <summary>When the newest message expires, Unix milliseconds; 0 when there is none.</summary>
    public long ExpiresAt => _count == 0 ? 0 : _newestExpiresAt;

    public void Add(FrontEvent message)
    {
        _last = message.Sequence;
        if (retention.Messages == 0)
            return;
        if (_count == 0)
            _oldestExpiresAt = ExpiryOf(message);
        if (_count == _ring.Length)
            Resize(Math.Max(4, 2 * _count));
        _ring[Place(_count++)] = message;
        _newestExpiresAt = ExpiryOf(message);
        Bytes += BytesOf(message);
        _shares?.Add(message);
        TrimSize();
    }

    public FrontEvent[] Save() => From(0);

    /// <summary>Holds these, as far as they are within the bounds, and no others; without holes, up to the last.</summary>
    public void Load(FrontEvent[] messages, long last)
    {
        (_ring, _head, _count, Bytes, _shares) = ([], 0, 0, 0, null);
        foreach (var message in messages)
            Add(message);
        _last = last;
    }

    /// <summary>
    /// Everything after <paramref name="sequence"/>; null when some of it has expired, it lies in the future, or its bodies have more
    /// than <paramref name="bytes"/>.
    /// </summary>
    public FrontEvent[]? After(long sequence, long nowMs, long bytes = long.MaxValue)
    {
        Trim(nowMs);
        if (sequence < 0 || sequence > _last)
            return null;
        var missing = _last - sequence;
        if (missing > _count)
            return null;
        for (var i = _count - (int)missing; i < _count; i++)
        {
            if ((bytes -= _ring[Place(i)].Body.Length) < 0)
                return null;
        }
        return From(_count - (int)missing);
    }

    /// <summary>
    /// The newest messages before <paramref name="sequence"/>, oldest first: at most <paramref name="limit"/>, and fewer
    /// when their bodies are over <paramref name="bytes"/> together, but at least one if there is one.
    /// </summary>
    public FrontEvent[] Before(long sequence, int limit, int bytes, long nowMs)
    {
        Trim(nowMs);
        var end = (int)Math.Clamp(sequence - First, 0, _count);
        var start = end;
        while (start > 0 && end - start < limit && (start == end || bytes >= _ring[Place(start - 1)].Body.Length))
            bytes -= _ring[Place(--start)].Body.Length;
        return From(start, end);
    }

    /// <summary>Removes what is too old.</summary>
    public void Trim(long nowMs)
    {
        if (nowMs <= _oldestExpiresAt)
            return;
        while (_count > 0)
        {
            _oldestExpiresAt = ExpiryOf(_ring[_head]);
            if (nowMs <= _oldestExpiresAt)
                break;
            RemoveOldest();
        }
        TrimSize(); // those of the one user that is left count in full again
    }

    /// <summary>Removes the oldest messages until so many bytes are free, or none is left.</summary>
    public void Release(long bytes)
    {
        for (var until = Bytes - bytes; _count > 0 && Bytes > until;)
            RemoveOldest();
    }

    private void TrimSize()
    {
        if (Bytes > retention.Bytes)
        {
            SiloLimits.Met(SiloLimits.HistoryBytes);
            while (Bytes > retention.Bytes)
                RemoveOldest();
        }
        if (_count <= retention.Messages)
            return;
        if (_shares is null)
        {
            _shares = new HistoryShares(retention.Messages);
            for (var i = 0; i < _count; i++)
                _shares.Add(_ring[Place(i)]);
        }
        // Two who have each their half fill it.
        while (_count > retention.Messages && _shares!.Counted >= retention.Messages)
            RemoveOldest();
    }

    private void RemoveOldest()
    {
        var oldest = _ring[_head];
        Bytes -= BytesOf(oldest);
        _ring[_head] = null!;
        _head = Place(1);
        _count--;
        _shares?.Remove(oldest);
        if (_count < retention.Messages / 2)
            _shares = null;
        if (_count < _ring.Length / 4)
            Resize(_ring.Length / 2);
    }

    private void Resize(int length)
    {
        var ring = new FrontEvent[length];
        From(0).CopyTo(ring, 0);
        (_ring, _head) = (ring, 0);
    }

    private FrontEvent[] From(int start) => From(start, _count);

    private FrontEvent[] From(int start, int end)
    {
        if (start == end)
            return [];
        var messages = new FrontEvent[end - start];
        var first = Math.Min(messages.Length, _ring.Length - Place(start));
        Array.Copy(_ring, Place(start), messages, 0, first);
        Array.Copy(_ring, 0, messages, first, messages.Length - first);
        return messages;
    }

    private int Place(int index) => (_head + index) & (_ring.Length - 1);

    private long ExpiryOf(FrontEvent message) => message.Timestamp + (long)retention.Age.TotalMilliseconds;

    private static int BytesOf(FrontEvent message) => Overhead + message.Body.Length + 2 * (message.From?.Length ?? 0);
}

/// <summary>How much of a room is kept for those who come back.</summary>
/// <param name="Messages">The most messages.</param>
/// <param name="Age">How old the oldest may be.</param>
/// <param name="Bytes">What they may take in memory, at <see cref="RoomHistory.Overhead"/> each and their bodies.</param>
public readonly record struct Retention(int Messages, TimeSpan Age, int Bytes = RoomOptions.DefaultHistoryBytes);
