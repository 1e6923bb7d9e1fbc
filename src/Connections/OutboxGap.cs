namespace Realtime.Connections;

/// <summary>Messages of a topic that gave way in one queue; it stands there in their place until it is told.</summary>
internal sealed class OutboxGap(FramePlace lost)
{
    public FrameTopic Topic => lost.Topic;

    public MissingMessages Missing { get; private set; } = lost.AsMissing;

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
