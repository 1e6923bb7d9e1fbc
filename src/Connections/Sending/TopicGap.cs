namespace Realtime.Connections.Sending;

/// <summary>Messages of a topic that one queue has evicted; it stands there in their place until it is written.</summary>
internal sealed class TopicGap(FramePlace evicted)
{
    public FrameTopic Topic => evicted.Topic;

    public MissingMessages Missing { get; private set; } = evicted.AsMissing;

    /// <summary>Adds what is missing of the topic right after it; false when it does not go on where this ends.</summary>
    public bool TryAdd(in MissingMessages next)
    {
        if (Missing.From == 0)
            Missing = next with { Unnumbered = true };
        else if (next.From == 0)
            Missing = Missing with { Unnumbered = true };
        else if (Missing.Epoch == next.Epoch && next.From == Missing.To + 1)
            Missing = Missing with { To = next.To, Unnumbered = Missing.Unnumbered || next.Unnumbered };
        else
            return false;
        return true;
    }
}
