using System.Runtime.InteropServices;

namespace Realtime.Connections.Sending;

/// <summary>
/// What a full queue does with the messages of topics that wait in it: those with a newer one of their key behind them are evicted first,
/// then the oldest of the topic that takes the most space, so that a busy one does not push out what others have there. A gap takes
/// their place, and gaps of a topic with nothing of it between them are one.
/// </summary>
/// <param name="frames">The queue's.</param>
/// <param name="first">The first frame that is not being written: what comes before can be neither evicted nor counted, or a queue that is all in one write would have no space for the newest.</param>
/// <param name="options">The queue's bounds.</param>
internal readonly ref struct TopicEviction(FrameRing frames, int first, ConnectionOptions options)
{
    [ThreadStatic]
    private static List<QueuedFrame>? t_kept;
    [ThreadStatic]
    private static Dictionary<(FrameTopic, string), int>? t_ofKey;
    [ThreadStatic]
    private static Dictionary<FrameTopic, int>? t_lastOf;
    [ThreadStatic]
    private static Dictionary<FrameTopic, (int Bytes, int Oldest)>? t_sizeOf;

    /// <summary>Evicts until there is space for a frame of no topic.</summary>
    /// <returns>Whether there is space now.</returns>
    public bool TryMakeSpace(ref int evicted)
    {
        if (!HasSpace(newest: 0))
            evicted += Conflate();
        while (!HasSpace(newest: 0))
        {
            int oldest = OldestOfLargest(frames.Count);
            if (oldest < 0)
                return false;
            evicted += Evict(oldest);
        }
        return true;
    }

    /// <summary>Evicts until there is space for the newest frame, which is of a topic; if need be that frame itself.</summary>
    public void MakeSpaceForNewest(ref int evicted)
    {
        if (HasSpace(newest: 1))
            return;
        evicted += Conflate();
        while (!HasSpace(newest: 1))
        {
            int newest = frames.Count - 1, oldest = OldestOf(frames[newest].Topic, newest);
            if (oldest < 0)
                oldest = OldestOfLargest(newest);
            evicted += Evict(oldest < 0 ? newest : oldest);
            if (oldest < 0)
                return;
        }
    }

    private bool HasSpace(int newest)
    {
        int messages = frames.Messages, bytes = frames.Bytes;
        for (int i = 0; i < first; i++)
            Subtract(i, ref messages, ref bytes);
        for (int i = frames.Count - newest; i < frames.Count; i++)
            Subtract(i, ref messages, ref bytes);
        return messages < options.QueueMessages && bytes < options.QueueBytes;
    }

    private void Subtract(int index, ref int messages, ref int bytes)
    {
        messages -= frames[index].Messages;
        bytes -= frames[index].Bytes.Length;
    }

    /// <summary>The oldest of a topic before an index that may be evicted; -1 for none.</summary>
    private int OldestOf(FrameTopic? topic, int before)
    {
        for (int i = first; i < before; i++)
            if (frames[i].Place is { } place && place.Topic == topic)
                return i;
        return -1;
    }

    /// <summary>The same of the topic that has the most bytes there.</summary>
    private int OldestOfLargest(int before)
    {
        var sizeOf = t_sizeOf ??= [];
        (int Bytes, int Oldest) largest = (-1, -1);
        for (int i = first; i < before; i++)
        {
            if (frames[i].Place is not { } place)
                continue;
            ref var size = ref CollectionsMarshal.GetValueRefOrAddDefault(sizeOf, place.Topic, out bool known);
            size = (size.Bytes + frames[i].Bytes.Length, known ? size.Oldest : i);
            if (size.Bytes > largest.Bytes)
                largest = size;
        }
        sizeOf.Clear();
        return largest.Oldest;
    }

    /// <summary>Puts a gap in the place of a frame, which must be the oldest of its topic or the newest of all. Returns its messages.</summary>
    private int Evict(int index)
    {
        var (messages, place) = (frames[index].Messages, frames[index].Place);
        frames.Set(index, QueuedFrame.GapOf(place!));
        if (NextOf(place!.Topic, index, -1) is var last and >= 0 && TryMerge(frames[last], frames[index]))
        {
            frames.RemoveAt(index);
            index = last;
        }
        if (NextOf(place.Topic, index, +1) is var next and >= 0 && TryMerge(frames[index], frames[next]))
            frames.RemoveAt(next);
        return messages;
    }

    /// <summary>The nearest of a topic before or after another; -1 for none.</summary>
    private int NextOf(FrameTopic topic, int index, int step)
    {
        for (int i = index + step; i >= first && i < frames.Count; i += step)
            if (frames[i].Topic == topic)
                return i;
        return -1;
    }

    /// <summary>Of messages of a topic with the same key, evicts all but the newest; frames of several are taken apart. Returns how many.</summary>
    private int Conflate()
    {
        var ofKey = t_ofKey ??= [];
        int keys = 0;
        for (int i = first; i < frames.Count; i++)
        {
            if (frames[i].Place is not { Keys: { } own } place)
                continue;
            foreach (var key in own)
            {
                if (key is null)
                    continue;
                CollectionsMarshal.GetValueRefOrAddDefault(ofKey, (place.Topic, key), out _)++;
                keys++;
            }
        }
        int evicted = keys - ofKey.Count;
        if (evicted > 0)
            TakeApart(ofKey);
        ofKey.Clear();
        return evicted;
    }

    // Goes through the queue once more, in order: a message is the newest of its key when none is left to come.
    private void TakeApart(Dictionary<(FrameTopic, string), int> toCome)
    {
        var kept = t_kept ??= [];
        var lastOf = t_lastOf ??= []; // where in it each topic's last entry is
        for (int i = first; i < frames.Count; i++)
        {
            var frame = frames[i];
            if (frame.Place is not { Keys: { } keys, Topic: var topic })
            {
                Keep(kept, lastOf, frame);
                continue;
            }
            int at = 0;
            for (int message = 0; message < keys.Length; message++)
            {
                var single = Single(frame, message, options.Events is not null, ref at);
                bool isNewest = keys[message] is not { } key || --CollectionsMarshal.GetValueRefOrNullRef(toCome, (topic, key)) == 0;
                Keep(kept, lastOf, isNewest ? single : QueuedFrame.GapOf(single.Place!));
            }
        }
        frames.ReplaceFrom(first, kept);
        kept.Clear();
        lastOf.Clear();
    }

    private static void Keep(List<QueuedFrame> kept, Dictionary<FrameTopic, int> lastOf, in QueuedFrame frame)
    {
        if (frame.Topic is { } topic)
        {
            if (lastOf.TryGetValue(topic, out int last) && TryMerge(kept[last], frame))
                return;
            lastOf[topic] = kept.Count;
        }
        kept.Add(frame);
    }

    private static QueuedFrame Single(in QueuedFrame frame, int message, bool isEvents, ref int at)
    {
        if (frame.Messages == 1)
            return frame;
        var rest = frame.Bytes.AsSpan(at);
        var bytes = rest[..(isEvents ? EventFormat.SizeOfFirst(rest) : SizeOfFirst(rest))].ToArray(); // of its own: a piece would hold the whole frame in memory
        at += bytes.Length;
        return new(bytes, 1, frame.Place!.Of(message));
    }

    private static int SizeOfFirst(ReadOnlySpan<byte> frames)
    {
        var (head, payload) = FrameHeader.ReadOwn(frames);
        return head + payload;
    }

    /// <summary>Makes one gap of two that follow each other in their topic, as long as neither is written.</summary>
    private static bool TryMerge(in QueuedFrame into, in QueuedFrame next) =>
        into.IsOpenGap && next.IsOpenGap && into.Gap!.TryAdd(next.Gap!.Missing);
}
