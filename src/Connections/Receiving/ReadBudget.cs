namespace Realtime.Connections.Receiving;

/// <summary>What a connection may take of a thread's time in one go; when it is spent, others have theirs.</summary>
internal struct ReadBudget
{
    /// <summary>Frames in one go, those among them that are answered without a handler.</summary>
    public const int MostFrames = 32;

    private const int MostBytes = 64 * 1024; // the last frame may go over it

    private int _frames;
    private int _bytes;
    private int _parts;

    public readonly bool IsSpent => _frames >= MostFrames || _bytes >= MostBytes;

    public void CountFrame() => _frames++;

    /// <summary>Counts a frame that is no message of its own: a control frame or a fragment.</summary>
    public void CountPart() => _parts++;

    /// <summary>How many of those there were since this was asked last.</summary>
    public int TakeParts()
    {
        var parts = _parts;
        _parts = 0;
        return parts;
    }

    public void CountBytes(int bytes) => _bytes += Math.Min(bytes, MostBytes);
}
