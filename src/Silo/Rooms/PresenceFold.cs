using System.Runtime.InteropServices;

namespace Realtime.Silo.Rooms;

/// <summary>
/// Of a user who comes and goes, or changes what it shows of itself, all the time, a room tells only so many changes, and then how it ends.
/// The rule, without a timer.
/// </summary>
/// <param name="burst"><see cref="RoomOptions.PresenceChangeBurst"/>.</param>
/// <param name="interval"><see cref="RoomOptions.PresenceChangeInterval"/>.</param>
internal sealed class PresenceFold(int burst, TimeSpan interval)
{
    private const int LeastToPurge = 8;

    private readonly long _interval = (long)interval.TotalMilliseconds;

    // Users who have changed a moment ago: made for the first who does.
    private Dictionary<string, Change>? _changes;
    private int _purgeAt = LeastToPurge;
    private int _untold;

    /// <summary>There is something that is not told yet.</summary>
    public bool IsDue => _untold > 0;

    /// <summary>A user has come or gone, or its data has changed; returns what is to be told now, null for nothing.</summary>
    /// <param name="user">The user.</param>
    /// <param name="kind">What has happened: <c>Joined</c>, <c>Left</c> or <c>Updated</c>.</param>
    /// <param name="hasData">Who comes back may show other data than before.</param>
    /// <param name="except">The connection that has written the data, which is not told of it; null when all are.</param>
    /// <param name="nowMs">Unix milliseconds.</param>
    public PresenceNews? Tell(string user, FrontEventKind kind, bool hasData, string? except, long nowMs)
    {
        if (kind == FrontEventKind.Joined && _changes?.ContainsKey(user) != true)
            return new(user, FrontEventKind.Joined, null); // who only comes is not remembered
        if (_changes?.Count >= _purgeAt)
            Purge(nowMs);
        _changes ??= [];
        ref var change = ref CollectionsMarshal.GetValueRefOrAddDefault(_changes, user, out var isKnown);
        if (!isKnown)
            change = new Change(kind == FrontEventKind.Left ? nowMs + _interval : 0, IsIn: true); // who goes has come
        var isIn = kind != FrontEventKind.Left;
        var isData = kind == FrontEventKind.Updated || hasData;
        var isDataUntold = isIn && change.IsIn && (isData || change.IsDataUntold);
        SetUntold(ref change, change.IsIn != isIn, isDataUntold, isData ? except : change.Except);
        if (IsAllowed(change, nowMs))
            return Take(user, ref change, isIn, nowMs);
        SiloLimits.Met(SiloLimits.Presence);
        return null;
    }

    /// <summary>What can be told now of users who are not as they were told to be; it is told then.</summary>
    public IReadOnlyList<PresenceNews> Take(Func<string, bool> isIn, long nowMs)
    {
        if (_untold == 0)
            return [];
        var news = new List<PresenceNews>();
        foreach (var user in _changes!.Keys)
        {
            ref var change = ref CollectionsMarshal.GetValueRefOrNullRef(_changes, user);
            if (change.IsUntold && IsAllowed(change, nowMs) && Take(user, ref change, isIn(user), nowMs) is { } item)
                news.Add(item);
        }
        Purge(nowMs);
        return news;
    }

    /// <summary>The users who are not as they were told to be, and whether they were told to be in the room.</summary>
    public IEnumerable<(string User, bool IsIn)> Untold => _untold == 0 ? [] :
        _changes!.Where(entry => entry.Value.IsGoneUntold).Select(entry => (entry.Key, entry.Value.IsIn));

    /// <summary>Nobody is told names any more.</summary>
    public void Clear() => (_changes, _untold, _purgeAt) = (null, 0, LeastToPurge);

    /// <summary>Of whom something is not told yet, and what was told last.</summary>
    public ToldPresence[] Save() => _untold == 0 ? [] :
    [
        .. _changes!.Where(entry => entry.Value.IsUntold).Select(entry => new ToldPresence(entry.Key, entry.Value.IsIn)
        {
            IsData = entry.Value.IsDataUntold,
            Except = entry.Value.Except,
        }),
    ];

    public void Load(ToldPresence[] untold)
    {
        Clear();
        if (untold.Length == 0)
            return;
        _changes = [];
        foreach (var told in untold)
            _changes[told.User] = new Change(0, told.IsIn) { IsGoneUntold = !told.IsData, IsDataUntold = told.IsData, Except = told.Except };
        _untold = _changes.Count;
    }

    private PresenceNews? Take(string user, ref Change change, bool isIn, long nowMs)
    {
        var isNews = change.IsIn != isIn;
        var (isDataUntold, except) = (isIn && change.IsDataUntold, change.Except);
        SetUntold(ref change, false, false, null);
        if (!isNews && !isDataUntold)
            return null;
        change = change with { FullAt = Math.Max(change.FullAt, nowMs) + _interval, IsIn = isIn };
        return isNews ? new(user, isIn ? FrontEventKind.Joined : FrontEventKind.Left, null) : new(user, FrontEventKind.Updated, except);
    }

    private bool IsAllowed(in Change change, long nowMs) => change.FullAt - nowMs <= (burst - 1) * _interval;

    private void SetUntold(ref Change change, bool isGoneUntold, bool isDataUntold, string? except)
    {
        var wasUntold = change.IsUntold;
        change = change with { IsGoneUntold = isGoneUntold, IsDataUntold = isDataUntold, Except = isDataUntold ? except : null };
        _untold += (change.IsUntold ? 1 : 0) - (wasUntold ? 1 : 0);
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
    private readonly record struct Change(long FullAt, bool IsIn)
    {
        /// <summary>It is not in or out any more as was told.</summary>
        public bool IsGoneUntold { get; init; }

        /// <summary>It is in, and its data is not what was told.</summary>
        public bool IsDataUntold { get; init; }

        /// <summary>The connection that has written the data.</summary>
        public string? Except { get; init; }

        public bool IsUntold => IsGoneUntold || IsDataUntold;
    }
}

/// <summary>What a room tells of a user.</summary>
/// <param name="User">The user.</param>
/// <param name="Kind">It came, went, or its data has changed.</param>
/// <param name="Except">A connection that is not told.</param>
internal readonly record struct PresenceNews(string User, FrontEventKind Kind, string? Except);
