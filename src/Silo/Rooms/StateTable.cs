namespace Realtime.Silo.Rooms;

/// <summary>What a message changes of the room's state.</summary>
/// <param name="Key">The key.</param>
/// <param name="IsDeleted">Whether it is deleted.</param>
internal sealed record StateChange(string Key, bool IsDeleted)
{
    /// <summary>The version that the key must have; null for any.</summary>
    public long? IfVersion { get; init; }

    /// <summary>The epoch of that version; null for the room's.</summary>
    public string? IfEpoch { get; init; }

    /// <summary>How long the key lives, milliseconds; null for always.</summary>
    public long? Ttl { get; init; }
}

/// <summary>The state of a room: what its keys have. Changes of a turn are undone when they do not get into the log.</summary>
internal sealed class StateTable
{
    /// <summary>What an entry takes in memory beside its body and its text: objects and places in tables. For every entry alike.</summary>
    public const int Overhead = 240;

    private readonly Dictionary<string, StateEntry> _entries = [];
    private readonly PriorityQueue<StateEntry, long> _expiring = new(); // entries that have been replaced among them
    private readonly List<(string Key, StateEntry? Before)> _undo = [];
    private StateEntry[]? _sorted;
    private long _lastExpiry;
    private int _lasting; // entries that never expire

    /// <summary>What the entries take in memory, all in all.</summary>
    public long Bytes { get; private set; }

    public int Count => _entries.Count;

    /// <summary>When all of it is gone, Unix milliseconds, or a little earlier than that; <see cref="long.MaxValue"/> for never, 0 when there is nothing.</summary>
    public long ExpiresAt => _entries.Count == 0 ? 0 : _lasting > 0 ? long.MaxValue : _lastExpiry;

    /// <summary>In ordinal order of their keys. The same array until something changes.</summary>
    public StateEntry[] Entries
    {
        get
        {
            if (_sorted is not null)
                return _sorted;
            StateEntry[] sorted = [.. _entries.Values];
            Array.Sort(sorted, static (one, other) => string.CompareOrdinal(one.Key, other.Key));
            return _sorted = sorted;
        }
    }

    public static int BytesOf(StateEntry entry) => Overhead + entry.Body.Length + 2 * (entry.Key.Length + (entry.From?.Length ?? 0));

    public StateEntry? Find(string key) => _entries.GetValueOrDefault(key);

    /// <summary>Sets a key, or with an empty body deletes it, until <see cref="Commit"/> or <see cref="RollBack"/>.</summary>
    public void Change(StateEntry entry)
    {
        _undo.Add((entry.Key, _entries.GetValueOrDefault(entry.Key)));
        Put(entry.Key, entry.Body.Length == 0 ? null : entry);
    }

    public void Commit() => _undo.Clear();

    public void RollBack()
    {
        for (var i = _undo.Count - 1; i >= 0; i--)
            Put(_undo[i].Key, _undo[i].Before);
        _undo.Clear();
    }

    /// <summary>Has these and no others.</summary>
    public void Load(StateEntry[] entries)
    {
        _entries.Clear();
        _expiring.Clear();
        _undo.Clear();
        (_sorted, _lastExpiry, _lasting, Bytes) = (null, 0, 0, 0);
        foreach (var entry in entries)
            Put(entry.Key, entry);
    }

    /// <summary>Removes what has expired.</summary>
    public void Trim(long nowMs)
    {
        while (_expiring.TryPeek(out var entry, out var expires) && expires <= nowMs)
        {
            _expiring.Dequeue();
            if (ReferenceEquals(_entries.GetValueOrDefault(entry.Key), entry))
                Put(entry.Key, null);
        }
    }

    private void Put(string key, StateEntry? entry)
    {
        _sorted = null;
        if (_entries.Remove(key, out var before))
        {
            Bytes -= BytesOf(before);
            _lasting -= before.Expires == 0 ? 1 : 0;
        }
        if (entry is null)
            return;
        _entries.Add(key, entry);
        Bytes += BytesOf(entry);
        if (entry.Expires == 0)
        {
            _lasting++;
            return;
        }
        _lastExpiry = Math.Max(_lastExpiry, entry.Expires);
        if (_expiring.Count > 2 * _entries.Count + 16)
        {
            _expiring.Clear();
            _expiring.EnqueueRange(_entries.Values.Where(item => item.Expires > 0).Select(item => (item, item.Expires)));
        }
        else
            _expiring.Enqueue(entry, entry.Expires);
    }
}
