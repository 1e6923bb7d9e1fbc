namespace Realtime.Silo.Rooms;

/// <summary>How many bytes each user resumes with, so that nobody has a room send its history all the time.</summary>
/// <param name="bytesPerSecond"><see cref="RoomOptions.ResumeBytesPerSecond"/>.</param>
/// <param name="burst"><see cref="RoomOptions.ResumeBurstBytes"/>.</param>
internal sealed class ResumeRates(int bytesPerSecond, int burst)
{
    /// <summary>Less is what any join may cost, and is not counted: most rooms never see more.</summary>
    private const int Uncounted = 16 * 1024;

    private const int LeastToPurge = 8;

    private Dictionary<string, double>? _fullAt; // milliseconds
    private int _purgeAt = LeastToPurge;

    /// <summary>False when the user has had so much a short time ago that this is too much.</summary>
    public bool TryTake(string user, long bytes, long nowMs)
    {
        if (bytes <= Uncounted)
            return true;
        _fullAt ??= [];
        var fullAt = Math.Max(nowMs, _fullAt.GetValueOrDefault(user)) + bytes * 1000d / bytesPerSecond;
        if (fullAt - nowMs > burst * 1000d / bytesPerSecond)
            return false;
        if (_fullAt.Count >= _purgeAt)
        {
            foreach (var (other, at) in _fullAt)
            {
                if (at <= nowMs)
                    _fullAt.Remove(other);
            }
            _purgeAt = Math.Max(LeastToPurge, 2 * _fullAt.Count);
        }
        _fullAt[user] = fullAt;
        return true;
    }
}
