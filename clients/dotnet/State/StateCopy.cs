using System.Collections.Immutable;

namespace Realtime.Client.State;

/// <summary>A change of a key that this client asks for.</summary>
/// <param name="Data">None to delete it.</param>
internal sealed record StateChange(string Key, JsonData Data, long? IfVersion, TimeSpan? TimeToLive);

/// <summary>A room's state as this client knows it, as large as the server lets it be. Under the session's lock; what it hands out does not change.</summary>
internal sealed class StateCopy(TimeProvider time, Action expire)
{
    /// <summary>Deletions that are kept before those that have come in the room's order as well are forgotten.</summary>
    private const int MaxDeleted = 1_000;

    private static readonly TimeSpan s_maxWait = TimeSpan.FromMilliseconds(int.MaxValue);

    /// <summary>Versions at which this client has deleted keys without an echo: older messages about them may come yet.</summary>
    private readonly Dictionary<string, long> _deleted = [];

    /// <summary>What has come of a state that is on its way, with what has changed meanwhile.</summary>
    private ImmutableDictionary<string, RoomEntry>.Builder? _next = Empty.ToBuilder();

    private ITimer? _timer;
    private DateTimeOffset _due = DateTimeOffset.MaxValue;
    private int _bytes;
    private bool _isEnded;

    private static ImmutableDictionary<string, RoomEntry> Empty => ImmutableDictionary<string, RoomEntry>.Empty;

    /// <summary>The last that was whole, up to date.</summary>
    public ImmutableDictionary<string, RoomEntry> Entries { get; private set; } = Empty;

    /// <summary>All of it came, and what has changed since then.</summary>
    public bool IsComplete => _next is null;

    /// <summary>It is about to come anew.</summary>
    public void Begin()
    {
        _next = Empty.ToBuilder();
        _bytes = 0;
        _deleted.Clear();
    }

    /// <summary>Takes a part.</summary>
    /// <param name="bytes">Of its frame; then of all its frames.</param>
    /// <returns>Whether it was the last one.</returns>
    public bool Add(List<RoomEntry> entries, bool more, ref int bytes)
    {
        if (IsComplete)
            Begin();
        _bytes += bytes;
        foreach (var entry in entries)
            Change(entry.Key, entry.Version, entry);
        if (more)
            return false;
        bytes = _bytes;
        (Entries, _next) = (_next!.ToImmutable(), null);
        WatchAll();
        return true;
    }

    /// <summary>A key was set, or deleted (null), unless what is known of it is newer.</summary>
    /// <param name="position">Not null for a change that comes before its place in the room's order: where that is.</param>
    public void Change(string key, long version, RoomEntry? entry, long? position = null)
    {
        var known = _next is null ? Entries.GetValueOrDefault(key) : _next.GetValueOrDefault(key);
        if (version < (known?.Version ?? _deleted.GetValueOrDefault(key)))
            return;
        _deleted.Remove(key);
        if (entry is null)
        {
            if (position is { } place)
                AddDeleted(key, version, place);
            if (_next is null)
                Entries = Entries.Remove(key);
            else
                _next.Remove(key);
        }
        else if (_next is null)
        {
            Entries = Entries.SetItem(key, entry);
            Watch(entry);
        }
        else
        {
            _next[key] = entry;
        }
    }

    /// <summary>The room has begun anew, without a state.</summary>
    public void Clear()
    {
        _deleted.Clear();
        Entries = Empty;
    }

    /// <summary>Takes out the keys whose time is over.</summary>
    public List<string> TakeExpired()
    {
        var now = time.GetUtcNow();
        var gone = new List<string>();
        foreach (var entry in Entries.Values)
        {
            if (entry.Expires <= now)
                gone.Add(entry.Key);
        }
        Entries = Entries.RemoveRange(gone);
        WatchAll();
        return gone;
    }

    /// <summary>Nobody wants it any more.</summary>
    public void End()
    {
        _isEnded = true;
        _timer?.Dispose();
    }

    private void AddDeleted(string key, long version, long position)
    {
        if (_deleted.Count >= MaxDeleted)
        {
            foreach (var past in _deleted.Where(item => item.Value <= position).ToArray())
                _deleted.Remove(past.Key);
        }
        _deleted[key] = version;
    }

    private void WatchAll()
    {
        _due = DateTimeOffset.MaxValue;
        if (Entries.Values.Where(entry => entry.Expires is not null).MinBy(entry => entry.Expires) is { } first)
            Watch(first);
    }

    /// <summary>The timer fires at the earliest end, or sooner.</summary>
    private void Watch(RoomEntry entry)
    {
        if (_isEnded || entry.Expires is not { } expires || expires >= _due)
            return;
        _due = expires;
        var wait = expires - time.GetUtcNow();
        wait = wait < TimeSpan.Zero ? TimeSpan.Zero : wait > s_maxWait ? s_maxWait : wait;
        _timer ??= time.CreateTimer(static expire => ((Action)expire!)(), expire, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        // A millisecond more, so that it is over.
        _timer.Change(wait + TimeSpan.FromMilliseconds(1), Timeout.InfiniteTimeSpan);
    }
}
