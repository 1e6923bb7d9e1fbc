namespace Realtime.Silo.Rooms;

/// <summary>
/// How members learn who is in the room: by name, or in a large room by a count, at most one per interval. The rule, without a timer.
/// </summary>
/// <param name="limit"><see cref="RoomOptions.PresenceLimit"/>.</param>
/// <param name="interval"><see cref="RoomOptions.PresenceCountInterval"/>.</param>
internal sealed class PresenceCount(int limit, TimeSpan interval)
{
    private long _publishedAt; // Unix milliseconds

    /// <summary>The count has changed and is not published yet.</summary>
    public bool IsDue { get; private set; }

    public bool Replaces(int users) => users > limit;

    public void Change() => IsDue = true;

    /// <summary>True when the count is to be published now; then it is no longer due.</summary>
    public bool TryPublish(long nowMs)
    {
        if (!IsDue || nowMs - _publishedAt < interval.TotalMilliseconds)
            return false;
        IsDue = false;
        _publishedAt = nowMs;
        return true;
    }
}
