namespace Realtime.Connections.Frames;

/// <summary>Where the messages of a frame stand in their topic: one after the other from <see cref="First"/> on. Shared by all queues.</summary>
internal sealed class FramePlace(FrameTopic topic, string? epoch, long first, int messages)
{
    private volatile bool _keysRead = !topic.HasKeys;

    public FrameTopic Topic => topic;

    public string? Epoch => epoch;

    /// <summary>0 for messages without numbers.</summary>
    public long First => first;

    /// <summary>What is missing when the frame is.</summary>
    public MissingMessages AsMissing => first == 0 ? new(null, 0, 0, Unnumbered: true) : new(epoch, first, first + messages - 1, Unnumbered: false);

    /// <summary>The key of each message; null when none has one.</summary>
    public string?[]? Keys { get; private set; }

    /// <summary>Reads the keys when the frame has to wait for the first time. Two threads may do it at once: they find the same.</summary>
    public void ReadKeys(ReadOnlySpan<byte> frames)
    {
        if (_keysRead)
            return;
        string?[]? keys = null;
        for (int i = 0; i < messages; i++)
        {
            var (head, payload) = FrameHeader.ReadOwn(frames);
            if (topic.KeyOf(frames.Slice(head, payload)) is { } key)
                (keys ??= new string?[messages])[i] = key;
            frames = frames[(head + payload)..];
        }
        Keys = keys;
        _keysRead = true;
    }

    /// <summary>The place of one message alone.</summary>
    public FramePlace Of(int message) => new(topic, epoch, first == 0 ? 0 : first + message, 1)
    {
        Keys = Keys is null ? null : [Keys[message]],
        _keysRead = true,
    };
}
