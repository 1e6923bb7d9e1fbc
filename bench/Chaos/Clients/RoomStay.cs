using Realtime.Chaos.Checking;

namespace Realtime.Chaos.Clients;

/// <summary>A room that a client wants to be in, whatever happens to its connection; or its user's inbox, or one that it only writes to.</summary>
internal sealed class RoomStay(string name)
{
    public string Name => name;

    /// <summary>Whose inbox it is; null for a room.</summary>
    public string? InboxOf => Inbox.UserOf(name);

    /// <summary>Of the last message that was handed out; null before the first join.</summary>
    public Position? Position { get; set; }

    public bool IsJoined { get; set; }

    /// <summary>The request on this connection whose answer is waited for: a join or a leave.</summary>
    public string? Request { get; set; }

    /// <summary>Joins or publishes that were refused in a row.</summary>
    public int Attempt { get; set; }

    /// <summary>No publish goes out until the pause after a refusal has ended.</summary>
    public bool IsPaused { get; set; }

    /// <summary>Where the last hole was that was mended: a second try would not do better.</summary>
    public Position? Mended { get; set; }
}
