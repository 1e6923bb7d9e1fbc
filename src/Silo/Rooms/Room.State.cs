using Realtime.Silo.Logs;

namespace Realtime.Silo.Rooms;

/// <summary>The state of the room: the last that messages with a key have said, by key.</summary>
internal sealed partial class Room
{
    private StateTable? _state; // made for the first message with a key

    /// <summary>What the state takes in memory.</summary>
    public long StateBytes => _state?.Bytes ?? 0;

    /// <summary>When nothing of the state is left; <see cref="long.MaxValue"/> for never, 0 when there is nothing.</summary>
    public long StateExpiresAt => _state?.ExpiresAt ?? 0;

    /// <summary>Of the silo; null for no bound.</summary>
    public StateBudget? StateBudget { get; init; }

    private static StateChange? ChangeOf(PublishCommand publish) => publish.Key is null || publish.IsEphemeral ? null : new(publish.Key, publish.IsDeleted)
    {
        IfVersion = publish.IfVersion,
        IfEpoch = publish.IfEpoch,
        Ttl = publish.Ttl,
    };

    /// <summary>A page of the state.</summary>
    public StatePage StatePage(string? after, int limit)
    {
        var entries = State();
        var start = 0;
        if (!string.IsNullOrEmpty(after))
        {
            start = Array.BinarySearch(entries, new StateEntry(after, 0, []), s_byKey);
            start = start < 0 ? ~start : start + 1;
        }
        var (end, bytes) = (start, Limits.StateBytes);
        while (end < entries.Length && end - start < limit && ((bytes -= StateTable.BytesOf(entries[end])) >= 0 || end == start))
            end++;
        return new StatePage(Position, entries[start..end], end < entries.Length ? entries[end - 1].Key : null);
    }

    private static readonly Comparer<StateEntry> s_byKey = Comparer<StateEntry>.Create(static (one, other) => string.CompareOrdinal(one.Key, other.Key));

    /// <summary>All of it, in ordinal order of the keys; pending changes are in it.</summary>
    private StateEntry[] State()
    {
        _state?.Trim(NowMs());
        return _state?.Entries ?? [];
    }

    private void LoadState(StateEntry[] entries)
    {
        if (entries.Length > 0 || _state is not null)
            (_state ??= new()).Load(entries);
    }

    /// <summary>Why the change is not made; null when it is.</summary>
    /// <param name="change">The change.</param>
    /// <param name="from">Who makes it.</param>
    /// <param name="body">What the key is to have.</param>
    /// <param name="now">Unix milliseconds.</param>
    private RefusedReply? Problem(StateChange change, string? from, byte[] body, long now)
    {
        _state?.Trim(now);
        var before = _state?.Find(change.Key);
        var version = before?.Sequence ?? 0;
        if (change.IfVersion is { } expected && (expected != version || (expected > 0 && change.IfEpoch is { } epoch && epoch != Epoch)))
        {
            return new RefusedReply(RoomException.VersionConflict, version == 0
                ? "The key is not there (any more); 'if' must be 0." : $"The key has the version {version}; 'if' must be that.");
        }
        if (change.IsDeleted)
            return null;
        if (before is null && (_state?.Count ?? 0) >= options.MaxStateKeys)
            return Full($"The room's state has {options.MaxStateKeys} keys, as many as it may (Rooms:MaxStateKeys).");
        var growth = StateTable.BytesOf(new StateEntry(change.Key, 0, body) { From = from }) - (before is null ? 0 : StateTable.BytesOf(before));
        if (growth <= 0)
            return null;
        if (StateBytes + growth > options.MaxStateBytes)
            return Full($"The room's state would have more than {options.MaxStateBytes} bytes (Rooms:MaxStateBytes).");
        return StateBudget?.HasSpace(growth) == false ? Full("The state of all rooms has as many bytes as it may (Rooms:TotalStateBytes).") : null;

        static RefusedReply Full(string reason)
        {
            SiloLimits.Met(SiloLimits.State);
            return new RefusedReply(RoomException.StateFull, reason);
        }
    }

    /// <summary>Changes the state, as the message that has just been numbered says.</summary>
    private StateEntry Change(StateChange change, string? from, bool isService, byte[] body, long now)
    {
        var entry = new StateEntry(change.Key, _sequence, change.IsDeleted ? [] : body)
        {
            From = from,
            IsService = isService,
            Timestamp = now,
            Expires = change.Ttl is { } ttl ? now + ttl : 0,
        };
        (_state ??= new()).Change(entry);
        return entry;
    }

    /// <summary>The replies of a turn whose changes are undone have the state without them.</summary>
    private StateEntry[]? Committed(StateEntry[]? state) => state is null ? null : State();
}
