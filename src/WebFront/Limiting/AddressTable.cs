using System.Collections.Concurrent;
using Microsoft.Extensions.Options;

namespace Realtime.WebFront.Limiting;

/// <summary>
/// Connections and handshakes by address. An address is forgotten when it has no connection and a full bucket: with its last connection, or
/// when others come a while later.
/// </summary>
internal sealed class AddressTable
{
    private static readonly TimeSpan s_sweepPeriod = TimeSpan.FromSeconds(10);

    private readonly ConcurrentDictionary<UInt128, Entry> _entries = new();
    private readonly TimeProvider _time;
    private readonly Rate _handshakes;
    private readonly int _most;
    private long _swept;

    public AddressTable(IOptions<LimitOptions> options, TimeProvider time)
    {
        _time = time;
        _handshakes = new Rate(options.Value.Handshakes, time.TimestampFrequency);
        _most = options.Value.ConnectionsPerAddress;
        _swept = time.GetTimestamp();
    }

    /// <summary>Whether there is anything to count.</summary>
    public bool IsUsed => !_handshakes.IsOff || _most > 0;

    /// <summary>Addresses that are known.</summary>
    public int Count => _entries.Count;

    /// <summary>Counts a connection, or says which limit it is over and how long that lasts, if that is known.</summary>
    public (Limit Limit, TimeSpan? Wait)? Enter(UInt128 address)
    {
        Sweep();
        while (true)
        {
            var entry = _entries.GetOrAdd(address, static _ => new Entry());
            lock (entry)
            {
                if (entry.IsForgotten)
                    continue;
                var now = _time.GetTimestamp();
                if (entry.Handshakes.Missing(_handshakes, 1, now) is > 0 and var missing)
                    return (Limit.Handshakes, TimeSpan.FromSeconds((double)missing / _time.TimestampFrequency));
                entry.Handshakes.Take(_handshakes, 1, now);
                if (_most > 0 && entry.Connections >= _most)
                    return (Limit.AddressConnections, null);
                entry.Connections++;
                return null;
            }
        }
    }

    /// <summary>One connection less.</summary>
    public void Leave(UInt128 address)
    {
        if (!_entries.TryGetValue(address, out var entry))
            return;
        lock (entry)
        {
            entry.Connections--;
            Forget(address, entry);
        }
    }

    private void Sweep()
    {
        var swept = Volatile.Read(ref _swept);
        if (_time.GetElapsedTime(swept) < s_sweepPeriod || Interlocked.CompareExchange(ref _swept, _time.GetTimestamp(), swept) != swept)
            return;
        foreach (var (address, entry) in _entries)
        {
            lock (entry)
                Forget(address, entry);
        }
    }

    // Under the entry's lock.
    private void Forget(UInt128 address, Entry entry)
    {
        if (entry.Connections > 0 || !entry.Handshakes.IsFull(_time.GetTimestamp()))
            return;
        entry.IsForgotten = true;
        _entries.TryRemove(new(address, entry));
    }

    private sealed class Entry
    {
        public TokenBucket Handshakes;

        public int Connections { get; set; }

        public bool IsForgotten { get; set; }
    }
}
