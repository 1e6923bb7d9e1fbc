namespace Realtime.Client.State;

/// <summary>What a room knows of this client's own messages that it gets no echo of. Under the session's lock.</summary>
internal sealed class OwnMessages
{
    /// <summary>Numbers that are kept while others before them may come yet.</summary>
    public const int MaxNumbers = 1_000;

    /// <summary>The numbers of such messages after the position.</summary>
    public SortedSet<long> Numbers { get; } = [];

    /// <summary>Frames that wait until it is known whether a hole before them is such a number.</summary>
    public HeldFrames Held { get; } = new();

    public int CountBefore(long sequence)
    {
        var count = 0;
        if (Numbers.Count == 0)
            return count; // to enumerate none would make garbage
        foreach (var number in Numbers)
        {
            if (number >= sequence)
                break;
            count++;
        }
        return count;
    }

    /// <summary>The position behind those that follow it.</summary>
    public Position Advance(Position place)
    {
        while (Numbers.Count > 0 && Numbers.Min <= place.Sequence + 1)
        {
            if (Numbers.Min == place.Sequence + 1)
                place = place with { Sequence = place.Sequence + 1 };
            Numbers.Remove(Numbers.Min);
        }
        return place;
    }
}

/// <summary>Frames that wait, in their order.</summary>
internal sealed class HeldFrames
{
    private List<byte[]> _frames = [];

    public int Count => _frames.Count;

    public int Bytes { get; private set; }

    public void Add(byte[] frame)
    {
        _frames.Add(frame);
        Bytes += frame.Length;
    }

    /// <summary>All of them; then there are none.</summary>
    public List<byte[]> Take()
    {
        var taken = _frames;
        (_frames, Bytes) = ([], 0);
        return taken;
    }

    public void Clear() => Take();
}
