namespace Realtime.Connections.Sending;

/// <summary>What a <see cref="SendQueue"/> holds: whole frames, or a gap in the place of messages that were evicted.</summary>
/// <param name="Bytes">As they go over the wire.</param>
/// <param name="Messages">How many there are. None of a gap: it must not take the space that an eviction has made.</param>
/// <param name="Place">Where they stand in their topic; null for frames of none.</param>
/// <param name="Gap">What is missing; null for frames.</param>
/// <param name="EphemeralKey">The key of an ephemeral message, empty for one without; null for what is not ephemeral.</param>
internal readonly record struct QueuedFrame(byte[] Bytes, int Messages, FramePlace? Place = null, TopicGap? Gap = null, string? EphemeralKey = null)
{
    // A gap becomes a frame only when it is written: until then another may join it.
    private static readonly byte[] s_unwritten = [];

    public bool IsOpenGap => Bytes == s_unwritten;

    public FrameTopic? Topic => Place?.Topic ?? Gap?.Topic;

    public static QueuedFrame GapOf(FramePlace evicted) => new(s_unwritten, 0, Gap: new(evicted));
}
