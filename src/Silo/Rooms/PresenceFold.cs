using System.Runtime.InteropServices;

namespace Realtime.Silo.Rooms;

/// <summary>
/// Of a user who comes and goes all the time, a room tells only so many changes, and then how it ends. The rule, without a timer.
/// </summary>
/// <param name="burst"><see cref="RoomOptions.PresenceChangeBurst"/>.</param>
/// <param name="interval"><see cref="RoomOptions.PresenceChangeInterval"/>.</param>
internal sealed class PresenceFold(int burst, TimeSpan interval)
{
    private const int LeastToPurge = 8;

    private readonly long _interval = (long)interval.TotalMilliseconds;

    // Users who have left a moment ago: made for the first who does.
    private Dictionary<string, Change>? _changes;
    private int _purgeAt = LeastToPurge;
    private int _untold;

    /// <summary>There is something that is not told yet.</summary>
    public bool IsDue => _untold > 0;

    /// <summary>A user has come or gone; true when it is to be told now.</summary>
    public bool TryTell(string user, bool isIn, long nowMs)
    {
        if (isIn && _changes?.ContainsKey(user) != true)
            return true; // who only comes is not remembered
        if (_changes?.Count >= _purgeAt)
            Purge(nowMs);
        _changes ??= [];
        ref var change = ref CollectionsMarshal.GetValueRefOrAddDefault(_changes, user, out var known);
        if (!known)
            change = new Change(nowMs + _interval, IsIn: true, IsUntold: false); // it came
        if (IsAllowed(change, nowMs))
        {
            var isNews = change.IsIn != isIn;
            SetUntold(ref change, false);
            if (isNews)
                change = change with { FullAt = Math.Max(change.FullAt, nowMs) + _interval, IsIn = isIn };
            return isNews;
        }
        SetUntold(ref change, change.IsIn != isIn);
        SiloLimits.Met(SiloLimits.Presence);
        return false;
    }

    /// <summary>The users of whom something can be told now, if they are not as they were told to be; it is told then.</summary>
    public IReadOnlyList<(string User, bool IsIn)> Take(Func<string, bool> isIn, long nowMs)
    {
        if (_untold == 0)
            return [];
        var news = new List<(string, bool)>();
        foreach (var user in _changes!.Keys)
        {
            ref var change = ref CollectionsMarshal.GetValueRefOrNullRef(_changes, user);
            if (!change.IsUntold || !IsAllowed(change, nowMs))
                continue;
            SetUntold(ref change, false);
            var isInNow = isIn(user);
            if (isInNow == change.IsIn)
                continue;
            change = change with { FullAt = Math.Max(change.FullAt, nowMs) + _interval, IsIn = isInNow };
            news.Add((user, isInNow));
        }
        Purge(nowMs);
        return news;
    }

    /// <summary>Nobody is told names any more.</summary>
    public void Clear() => (_changes, _untold, _purgeAt) = (null, 0, LeastToPurge);

    /// <summary>Of whom something is not told yet, and what was told last.</summary>
    public ToldPresence[] Save() =>
        _untold == 0 ? [] : [.. _changes!.Where(entry => entry.Value.IsUntold).Select(entry => new ToldPresence(entry.Key, entry.Value.IsIn))];

    public void Load(ToldPresence[] untold)
    {
        Clear();
        if (untold.Length == 0)
            return;
        _changes = [];
        foreach (var (user, isIn) in untold)
            _changes[user] = new Change(0, isIn, IsUntold: true);
        _untold = _changes.Count;
    }

    private bool IsAllowed(in Change change, long nowMs) => change.FullAt - nowMs <= (burst - 1) * _interval;

    private void SetUntold(ref Change change, bool isUntold)
    {
        if (change.IsUntold == isUntold)
            return;
        change = change with { IsUntold = isUntold };
        _untold += isUntold ? 1 : -1;
    }

    private void Purge(long nowMs)
    {
        foreach (var (user, change) in _changes!)
        {
            if (!change.IsUntold && change.FullAt <= nowMs)
                _changes.Remove(user);
        }
        _purgeAt = Math.Max(LeastToPurge, 2 * _changes.Count);
        if (_changes.Count == 0)
            _changes = null;
    }

    /// <param name="FullAt">When the user may change as often again as somebody new.</param>
    /// <param name="IsIn">What was told last.</param>
    /// <param name="IsUntold">It is not so any more.</param>
    private readonly record struct Change(long FullAt, bool IsIn, bool IsUntold);
}
