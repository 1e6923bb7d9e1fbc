namespace Realtime.Silo.Rooms;

/// <summary>How rooms behave; configuration section <c>Rooms</c>.</summary>
public sealed class RoomOptions
{
    /// <summary>
    /// Up to so many users in a room, members are told who comes and goes; above it they get only a count, at most one
    /// per <see cref="PresenceCountInterval"/>: a room of n members would otherwise cost n * n frames to fill. 0 to 100,000.
    /// </summary>
    public int PresenceLimit { get; set; } = 100;

    /// <summary>How often a room above <see cref="PresenceLimit"/> tells its count. 100 ms to 1 h.</summary>
    public TimeSpan PresenceCountInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>The most messages that a room keeps for those who come back. 0 to 100,000.</summary>
    public int HistoryMessages { get; set; } = 300;

    /// <summary>How long a room keeps them. 1 s to 1 day.</summary>
    public TimeSpan HistoryAge { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a publish id is remembered. 1 s to 1 day.</summary>
    public TimeSpan DedupeWindow { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>The most publish ids that a room remembers; beyond it the oldest are forgotten early. 0 to 1,000,000.</summary>
    public int DedupeEntries { get; set; } = 10_000;

    internal IEnumerable<string> Problems()
    {
        if (Out(PresenceLimit, 0, 100_000)) yield return Say(nameof(PresenceLimit), PresenceLimit, 0, 100_000);
        if (Out(HistoryMessages, 0, 100_000)) yield return Say(nameof(HistoryMessages), HistoryMessages, 0, 100_000);
        if (Out(DedupeEntries, 0, 1_000_000)) yield return Say(nameof(DedupeEntries), DedupeEntries, 0, 1_000_000);
        var day = TimeSpan.FromDays(1);
        var second = TimeSpan.FromSeconds(1);
        if (Out(HistoryAge, second, day)) yield return Say(nameof(HistoryAge), HistoryAge, second, day);
        if (Out(DedupeWindow, second, day)) yield return Say(nameof(DedupeWindow), DedupeWindow, second, day);
        var (least, most) = (TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1));
        if (Out(PresenceCountInterval, least, most)) yield return Say(nameof(PresenceCountInterval), PresenceCountInterval, least, most);

        static bool Out<T>(T value, T from, T to) where T : IComparable<T> => value.CompareTo(from) < 0 || value.CompareTo(to) > 0;
        static string Say<T>(string setting, T value, T from, T to) => $"Rooms:{setting} is {value}; it must be from {from} to {to}.";
    }
}
