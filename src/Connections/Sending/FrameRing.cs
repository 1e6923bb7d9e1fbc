using System.Runtime.InteropServices;

namespace Realtime.Connections.Sending;

/// <summary>The frames of a <see cref="SendQueue"/>, oldest first, in an array that is used round and round, and their sums.</summary>
internal sealed class FrameRing
{
    private QueuedFrame[] _frames = new QueuedFrame[4]; // the length is a power of two
    private int _head;

    public int Count { get; private set; }

    public int Messages { get; private set; }

    public int Bytes { get; private set; }

    /// <summary>How many of the frames are ephemeral.</summary>
    public int Ephemeral { get; private set; }

    /// <summary>Gaps that another may still join.</summary>
    public int OpenGaps { get; private set; }

    public ref readonly QueuedFrame this[int index] => ref At(index);

    public void Add(in QueuedFrame frame)
    {
        if (Count == _frames.Length)
            Grow();
        At(Count++) = frame;
        Include(frame, +1);
    }

    public void Set(int index, in QueuedFrame frame)
    {
        Include(At(index), -1);
        At(index) = frame;
        Include(frame, +1);
    }

    // Moves the shorter side: what is removed mostly is near the head.
    public void RemoveAt(int index)
    {
        Include(At(index), -1);
        if (index < Count / 2)
        {
            for (int i = index; i > 0; i--)
                At(i) = At(i - 1);
            At(0) = default;
            _head = (_head + 1) & (_frames.Length - 1);
        }
        else
        {
            for (int i = index; i + 1 < Count; i++)
                At(i) = At(i + 1);
            At(Count - 1) = default;
        }
        Count--;
    }

    public void RemoveFrom(int first)
    {
        while (Count > first)
            RemoveAt(Count - 1);
    }

    /// <summary>Puts others in the place of all from an index on.</summary>
    public void ReplaceFrom(int first, List<QueuedFrame> frames)
    {
        RemoveFrom(first);
        foreach (ref readonly var frame in CollectionsMarshal.AsSpan(frames))
            Add(frame);
    }

    private ref QueuedFrame At(int index) => ref _frames[(_head + index) & (_frames.Length - 1)];

    private void Include(in QueuedFrame frame, int sign)
    {
        Messages += sign * frame.Messages;
        Bytes += sign * frame.Bytes.Length;
        if (frame.IsOpenGap)
            OpenGaps += sign;
        if (frame.EphemeralKey is not null)
            Ephemeral += sign;
    }

    private void Grow()
    {
        var larger = new QueuedFrame[2 * _frames.Length];
        for (int i = 0; i < Count; i++)
            larger[i] = At(i);
        (_frames, _head) = (larger, 0);
    }
}
