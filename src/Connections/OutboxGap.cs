namespace Realtime.Connections;

/// <summary>Messages of a topic that gave way in one queue; it stands there in their place until it is told.</summary>
internal sealed class OutboxGap
{
    private MissingMessages _missing;

    public OutboxGap(FramePlace lost)
    {
        Topic = lost.Topic;
        TryAdd(lost);
    }

    public FrameTopic Topic { get; }

    /// <summary>Adds messages of the topic that follow; false when they do not go on where this ends.</summary>
    public bool TryAdd(FramePlace lost)
    {
        if (lost.First == 0)
            _missing = _missing with { Unnumbered = true };
        else if (_missing.From == 0)
            _missing = _missing with { Epoch = lost.Epoch, From = lost.First, To = lost.Last };
        else if (_missing.Epoch == lost.Epoch && lost.First == _missing.To + 1)
            _missing = _missing with { To = lost.Last };
        else
            return false;
        return true;
    }

    public Frame Tell() => Topic.Missing(_missing);
}
