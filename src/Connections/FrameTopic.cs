namespace Realtime.Connections;

/// <summary>
/// Numbered messages of which a slow peer may miss some, and is told which: those of a room, for one. When a connection's queue is full,
/// waiting messages of topics are evicted, before any policy of the connection applies: first those with a newer one of the same key behind
/// them, then the oldest of the topic that wants in, then the oldest of the topic that takes the most space. One object stands for a topic in all its frames; see <see cref="FrameBuilder.Build(FrameTopic, string, long)"/>.
/// </summary>
public abstract class FrameTopic
{
    /// <summary>
    /// Whether messages have keys. They make each message that meets a full queue look through all of it.
    /// </summary>
    public virtual bool HasKeys => false;

    /// <summary>
    /// The key of a message, or null. Asked once for each message of a frame that has to wait at some connection, under that connection's
    /// lock. Must not throw.
    /// </summary>
    /// <param name="payload">The message, uncompressed.</param>
    public virtual string? KeyOf(ReadOnlySpan<byte> payload) => null;

    /// <summary>
    /// Makes the frame that tells a peer what it does not get; it goes before the next message of the topic. Called under the lock of a
    /// connection. Must not throw.
    /// </summary>
    public abstract Frame Missing(in MissingMessages missing);
}

/// <summary>Messages of a topic that were evicted: a range of numbers, or unnumbered ones, or both.</summary>
/// <param name="Epoch">Of the numbers; null when there are none.</param>
/// <param name="From">The first number; 0 when there are none.</param>
/// <param name="To">The last number.</param>
/// <param name="Unnumbered">Whether messages without a number were among them.</param>
public readonly record struct MissingMessages(string? Epoch, long From, long To, bool Unnumbered);
