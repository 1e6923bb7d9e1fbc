namespace Realtime.Connections;

/// <summary>What a connection has taken of a thread's time; when the turn is over, others have theirs.</summary>
internal struct Turn
{
    /// <summary>Frames in a turn, those among them that are answered without a handler.</summary>
    public const int MostFrames = 32;

    private const int MostBytes = 64 * 1024; // the last frame may go over it

    private int _frames;
    private int _bytes;

    public readonly bool IsOver => _frames >= MostFrames || _bytes >= MostBytes;

    public void CountFrame() => _frames++;

    public void CountBytes(int bytes) => _bytes += Math.Min(bytes, MostBytes);
}
