using System.Buffers.Binary;
using System.Numerics;

namespace Realtime.Silo.Rooms;

/// <summary>
/// Remembers the receipts of publishes that carried an id, bounded in count, bytes and age. When it is full the user with the most ids
/// forgets the oldest, so that nobody can make a room forget the ids of others.
/// </summary>
internal sealed class PublishDedupe(int capacity, TimeSpan window, int capacityBytes = RoomOptions.DefaultDedupeBytes)
{
    /// <summary>What an id takes in memory beside its text: entry, receipt, and places in tables.</summary>
    public const int Overhead = 200;

    // Made for the first id: most rooms of many never see one.
    private Dictionary<string, IdShare>? _shares; // by user
    private SortedSet<IdShare>? _bySize; // made when it is full for the first time, as most never are
    private KnownId? _oldest, _newest;
    private int _count;

    /// <summary>What the ids take in memory, all in all.</summary>
    public long Bytes { get; private set; }

    /// <summary>When the newest expires, Unix milliseconds; 0 when there is none.</summary>
    public long ExpiresAt { get; private set; }

    /// <summary>The first publish with this id.</summary>
    public bool TryGet(string? user, string id, long nowMs, out KnownPublish publish)
    {
        publish = default;
        if (_shares is null)
            return false;
        Trim(nowMs);
        if (!_shares.TryGetValue(user ?? "", out var share) || !share.Ids.TryGetValue(id, out var known))
            return false;
        publish = known.Publish;
        return true;
    }

    /// <summary>Remembers one that is not known, newer than all others.</summary>
    public void Add(KnownPublish publish)
    {
        if (capacity == 0)
            return;
        ExpiresAt = publish.Receipt.Timestamp + (long)window.TotalMilliseconds;
        _shares ??= [];
        var user = publish.User ?? "";
        if (!_shares.TryGetValue(user, out var share))
            _shares.Add(user, share = new IdShare(user));
        if (share.Ids.ContainsKey(publish.Id))
            return; // the log had it twice
        var known = new KnownId(publish, share);
        _bySize?.Remove(share);
        share.Add(known);
        _bySize?.Add(share);
        known.Older = _newest;
        if (_newest is null)
            _oldest = known;
        else
            _newest.Newer = known;
        _newest = known;
        _count++;
        Bytes += known.Bytes;
        if (_count <= capacity && Bytes <= capacityBytes)
            return;
        SiloLimits.Met(SiloLimits.Dedupe);
        while (_count > capacity || Bytes > capacityBytes)
            ForgetOfLargest();
    }

    /// <summary>Removes those of later messages, which were not committed.</summary>
    public void RollBackTo(long sequence)
    {
        while (_newest is { } newest && newest.Publish.Receipt.Sequence > sequence)
            Remove(newest);
    }

    /// <summary>All of them, oldest first.</summary>
    public KnownPublish[] Save()
    {
        var saved = new KnownPublish[_count];
        var at = 0;
        for (var known = _oldest; known is not null; known = known.Newer)
            saved[at++] = known.Publish;
        return saved;
    }

    /// <summary>Remembers these and no others; oldest first.</summary>
    public void Load(KnownPublish[] publishes)
    {
        (_shares, _bySize, _oldest, _newest, _count, Bytes, ExpiresAt) = (null, null, null, null, 0, 0, 0);
        foreach (var publish in publishes)
            Add(publish);
    }

    /// <summary>Forgets ids of who has the most, until so many bytes are free, or none is left.</summary>
    public void Release(long bytes)
    {
        for (var until = Bytes - bytes; _count > 0 && Bytes > until;)
            ForgetOfLargest();
        if (_count == 0)
            ExpiresAt = 0;
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
        while (_oldest is { } oldest && nowMs - oldest.Publish.Receipt.Timestamp > window.TotalMilliseconds)
            Remove(oldest);
        if (_count < capacity / 2 && Bytes < capacityBytes / 2)
            _bySize = null;
    }

    private void ForgetOfLargest()
    {
        _bySize ??= new SortedSet<IdShare>(_shares!.Values, IdShare.BySize);
        Remove(_bySize.Min!.Oldest!);
    }

    private void Remove(KnownId known)
    {
        if (known.Older is { } older)
            older.Newer = known.Newer;
        else
            _oldest = known.Newer;
        if (known.Newer is { } newer)
            newer.Older = known.Older;
        else
            _newest = known.Older;
        var share = known.Share;
        _bySize?.Remove(share);
        share.Remove(known);
        if (share.Ids.Count > 0)
            _bySize?.Add(share);
        else
            _shares!.Remove(share.User);
        _count--;
        Bytes -= known.Bytes;
    }
}
