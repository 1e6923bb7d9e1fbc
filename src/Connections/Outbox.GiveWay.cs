using System.Runtime.InteropServices;

namespace Realtime.Connections;

// A full queue that holds messages of topics. Those that wait give way, and a gap takes their place, which becomes a message only when
// it is written; gaps of a topic with nothing between them are one. What the pump is writing cannot be taken back; it is not counted
// here, or a queue that is all in one write would have no place for the newest.
internal sealed partial class Outbox
{
    [ThreadStatic]
    private static List<Entry>? t_kept;
    [ThreadStatic]
    private static Dictionary<(FrameTopic, string), int>? t_ofKey;
    [ThreadStatic]
    private static Dictionary<FrameTopic, int>? t_lastOf;

    private static readonly byte[] s_notTold = [];

    private int _gaps; // that are not told yet

    /// <summary>Whether messages of topics are in it, or have been since something has waited.</summary>
    public bool HasTopics { get; private set; }

    /// <summary>Has messages of topics give way until there is room for one of none.</summary>
    /// <returns>Whether there is room now.</returns>
    public bool GiveWay(ConnectionOptions options, ref int dropped)
    {
        if (!HasRoomBehindWrite(options, newest: 0))
            dropped += Conflate();
        while (!HasRoomBehindWrite(options, newest: 0))
        {
            int oldest = OldestOf(null, _count);
            if (oldest < 0)
                return false;
            dropped += Drop(oldest);
        }
        return true;
    }

    /// <summary>Adds a frame of a topic; what is too much gives way, if need be the frame itself.</summary>
    public void AddGivingWay(byte[] bytes, int messages, FramePlace place, ConnectionOptions options, ref int dropped)
    {
        Add(bytes, messages, place);
        if (HasRoomBehindWrite(options, newest: 1))
            return;
        dropped += Conflate();
        while (!HasRoomBehindWrite(options, newest: 1))
        {
            int oldest = OldestOf(place.Topic, _count - 1);
            if (oldest < 0)
                oldest = OldestOf(null, _count - 1);
            if (oldest < 0)
            {
                dropped += Drop(_count - 1);
                return;
            }
            dropped += Drop(oldest);
        }
    }

    /// <summary><see cref="HasRoom"/>, of what is not being written and came before the newest entries.</summary>
    private bool HasRoomBehindWrite(ConnectionOptions options, int newest)
    {
        int messages = Messages, bytes = Bytes + _offset;
        for (int i = FixedEntries - 1; i >= 0; i--)
        {
            messages -= At(i).Messages;
            bytes -= At(i).Bytes.Length;
        }
        for (int i = _count - newest; i < _count; i++)
        {
            messages -= At(i).Messages;
            bytes -= At(i).Bytes.Length;
        }
        return messages < options.QueueMessages && bytes < options.QueueBytes;
    }

    /// <summary>The oldest entry before an index that may give way, of a topic or of any (null); -1 for none.</summary>
    private int OldestOf(FrameTopic? topic, int before)
    {
        for (int i = FixedEntries; i < before; i++)
            if (At(i).Place is { } place && (topic is null || place.Topic == topic))
                return i;
        return -1;
    }

    /// <summary>Replaces an entry, which must be the oldest of its topic or the newest of all, by a gap. Returns its messages.</summary>
    private int Drop(int index)
    {
        var (bytes, messages, place, _) = At(index);
        Messages -= messages;
        Bytes -= bytes.Length;
        At(index) = NewGap(place!);
        if (OfTopic(place!.Topic, index, -1) is var last and >= 0 && TryMerge(At(last), At(index)))
        {
            Remove(index);
            index = last;
        }
        if (OfTopic(place.Topic, index, +1) is var next and >= 0 && TryMerge(At(index), At(next)))
            Remove(next);
        return messages;
    }

    /// <summary>The nearest entry of a topic before or after another; -1 for none.</summary>
    private int OfTopic(FrameTopic topic, int index, int step)
    {
        int first = FixedEntries;
        for (int i = index + step; i >= first && i < _count; i += step)
            if (TopicOf(At(i)) == topic)
                return i;
        return -1;
    }

    /// <summary>Of messages of a topic with the same key, drops all but the newest; frames of several are taken apart. Returns how many.</summary>
    private int Conflate()
    {
        var ofKey = t_ofKey ??= [];
        int first = FixedEntries, keys = 0;
        for (int i = first; i < _count; i++)
        {
            if (At(i).Place is not { Keys: { } own } place)
                continue;
            foreach (var key in own)
            {
                if (key is null)
                    continue;
                CollectionsMarshal.GetValueRefOrAddDefault(ofKey, (place.Topic, key), out _)++;
                keys++;
            }
        }
        int dropped = keys - ofKey.Count;
        if (dropped > 0)
            TakeApart(first, ofKey);
        ofKey.Clear();
        return dropped;
    }

    // Goes through the queue once more, in order: a message is the newest of its key when none is left to come.
    private void TakeApart(int first, Dictionary<(FrameTopic, string), int> toCome)
    {
        var kept = t_kept ??= [];
        var lastOf = t_lastOf ??= []; // where in it each topic's last entry is
        for (int i = first; i < _count; i++)
        {
            var entry = At(i);
            if (entry.Place is not { Keys: { } keys, Topic: var topic })
            {
                Keep(kept, lastOf, entry);
                continue;
            }
            Messages -= entry.Messages;
            Bytes -= entry.Bytes.Length;
            int at = 0;
            for (int message = 0; message < keys.Length; message++)
            {
                var single = Single(entry, message, ref at);
                if (keys[message] is not { } key || --CollectionsMarshal.GetValueRefOrNullRef(toCome, (topic, key)) == 0)
                {
                    Keep(kept, lastOf, single);
                    Messages++;
                    Bytes += single.Bytes.Length;
                }
                else
                    Keep(kept, lastOf, NewGap(single.Place!));
            }
        }
        while (_ring.Length < first + kept.Count)
            Grow();
        for (int i = first; i < Math.Max(_count, first + kept.Count); i++)
            At(i) = i - first < kept.Count ? kept[i - first] : default;
        _count = first + kept.Count;
        kept.Clear();
        lastOf.Clear();
    }

    private void Keep(List<Entry> kept, Dictionary<FrameTopic, int> lastOf, in Entry entry)
    {
        if (TopicOf(entry) is { } topic)
        {
            if (lastOf.TryGetValue(topic, out int last) && TryMerge(kept[last], entry))
                return;
            lastOf[topic] = kept.Count;
        }
        kept.Add(entry);
    }

    private static Entry Single(in Entry entry, int message, ref int at)
    {
        if (entry.Messages == 1)
            return entry;
        var (head, payload) = FrameHeader.ReadOwn(entry.Bytes.AsSpan(at));
        var bytes = entry.Bytes.AsSpan(at, head + payload).ToArray(); // of its own: a piece would hold the whole frame in memory
        at += bytes.Length;
        return new(bytes, 1, entry.Place!.Of(message), null);
    }

    private Entry NewGap(FramePlace lost)
    {
        _gaps++;
        return new(s_notTold, 0, null, new(lost)); // not one of the messages that are counted: what gives way has to make room
    }

    /// <summary>Makes one gap of two that are not told yet, and follow each other in their topic.</summary>
    private bool TryMerge(in Entry into, in Entry next)
    {
        if (into.Bytes != s_notTold || next.Bytes != s_notTold || !into.Gap!.TryAdd(next.Gap!.Missing))
            return false;
        _gaps--;
        return true;
    }

    private static FrameTopic? TopicOf(in Entry entry) => entry.Place?.Topic ?? entry.Gap?.Topic;

    /// <summary>Makes messages of the gaps that the next write may reach.</summary>
    private void TellGaps(int limit)
    {
        for (int i = 0, ahead = -_offset; i < _count && ahead < limit; i++)
        {
            ref var entry = ref At(i);
            if (entry.Bytes == s_notTold)
            {
                entry = entry with { Bytes = connection.BytesOf(entry.Gap!.Topic.Missing(entry.Gap.Missing)) };
                Bytes += entry.Bytes.Length;
                _gaps--;
            }
            ahead += entry.Bytes.Length;
        }
    }
}
