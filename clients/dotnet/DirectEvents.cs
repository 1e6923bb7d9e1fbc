namespace Realtime.Client;

/// <summary>Something that concerns the user's direct messages: one of the types below. New ones may come.</summary>
public abstract class DirectEvent
{
    private protected DirectEvent()
    {
    }
}

/// <summary>A message to this user, or to everyone. Those of the inbox that was asked for come once each, in order.</summary>
public sealed class DirectMessage : DirectEvent
{
    internal DirectMessage()
    {
    }

    /// <summary>This client's user; null in a message to everyone.</summary>
    public string? To { get; internal init; }

    /// <summary>The user who wrote it; null when a service did and named none.</summary>
    public string? From { get; internal init; }

    /// <summary>Whether a service sent it: then <see cref="From"/> is no user, whatever name it is.</summary>
    public bool IsService { get; internal init; }

    /// <summary>Its text, if it has one.</summary>
    public string? Content { get; internal init; }

    /// <summary>Its data, if it has some.</summary>
    public JsonData Data { get; internal init; }

    /// <summary>Its place in the user's inbox; null when the user has none.</summary>
    public Position? Position { get; internal init; }

    /// <summary>When the server took it.</summary>
    public DateTimeOffset Timestamp { get; internal init; }

    /// <summary>Not null when messages before this one are lost to this client.</summary>
    public DirectMissed? Missed { get; internal set; }
}

/// <summary>Direct messages are lost to this client.</summary>
public sealed class DirectMissed : DirectEvent
{
    internal DirectMissed()
    {
    }

    /// <summary>The inbox's last position before the loss; null when there was none, or those that are lost are of no inbox.</summary>
    public Position? Since { get; internal init; }

    /// <summary>Where the inbox goes on; null when those that are lost are of no inbox: they are not kept, so nobody can load them.</summary>
    public Position? Position { get; internal init; }

    /// <summary>Of no inbox: the user whose messages they were, or the name that a service gave itself. Null when they were of several, or a service gave none.</summary>
    public string? Sender { get; internal init; }

    /// <summary>Whether a service sent them: its <see cref="Sender"/> is no user.</summary>
    public bool IsService { get; internal init; }

    /// <summary>Why.</summary>
    public MissedReason Reason { get; internal init; }
}
