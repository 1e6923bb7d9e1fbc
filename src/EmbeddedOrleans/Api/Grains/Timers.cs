using System.Diagnostics.CodeAnalysis;

namespace Orleans.Runtime;

/// <summary>A timer of a grain; it ends with the activation.</summary>
public interface IGrainTimer : IDisposable
{
    /// <summary>Starts anew: first after <paramref name="dueTime"/>, then each <paramref name="period"/> after the last callback ended.</summary>
    void Change(TimeSpan dueTime, TimeSpan period);
}

public readonly struct GrainTimerCreationOptions
{
    public GrainTimerCreationOptions()
    {
    }

    [SetsRequiredMembers]
    public GrainTimerCreationOptions(TimeSpan dueTime, TimeSpan period)
    {
        DueTime = dueTime;
        Period = period;
    }

    public required TimeSpan DueTime { get; init; }

    public required TimeSpan Period { get; init; }

    /// <summary>Whether the callback may run while a call of the grain awaits. By default it waits its turn like a call.</summary>
    public bool Interleave { get; init; }

    /// <summary>Whether a callback counts as use, which keeps idle collection away.</summary>
    public bool KeepAlive { get; init; }
}
