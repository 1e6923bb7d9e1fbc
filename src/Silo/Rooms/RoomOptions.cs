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

    /// <summary>
    /// The longest <c>content</c> of a message, and the longest <c>data</c>, in bytes of JSON; also of a text or binary frame that a
    /// service sends, and for messages to a user and to everybody. 1 to 16 MiB. Fronts read the same setting, to refuse early.
    /// </summary>
    public int MaxContentBytes { get; set; } = 64 * 1024;

    /// <summary>Rooms that keep another number of messages, or keep them for another time. The first that matches counts.</summary>
    public IList<RoomPattern> Patterns { get; set; } = [];

    /// <summary>What the room of this name keeps.</summary>
    internal Retention RetentionOf(string room)
    {
        foreach (var pattern in Patterns)
        {
            if (pattern.Matches(room))
                return new Retention(pattern.HistoryMessages ?? HistoryMessages, pattern.HistoryAge ?? HistoryAge);
        }
        return new Retention(HistoryMessages, HistoryAge);
    }

    /// <summary>Older messages are of no use in any room.</summary>
    internal TimeSpan LongestHistoryAge => Patterns.Select(pattern => pattern.HistoryAge ?? HistoryAge).Append(HistoryAge).Max();

    internal IEnumerable<string> Problems()
    {
        if (Out(PresenceLimit, 0, 100_000)) yield return Say(nameof(PresenceLimit), PresenceLimit, 0, 100_000);
        if (Out(HistoryMessages, 0, 100_000)) yield return Say(nameof(HistoryMessages), HistoryMessages, 0, 100_000);
        if (Out(DedupeEntries, 0, 1_000_000)) yield return Say(nameof(DedupeEntries), DedupeEntries, 0, 1_000_000);
        if (Out(MaxContentBytes, 1, 16 * 1024 * 1024)) yield return Say(nameof(MaxContentBytes), MaxContentBytes, 1, 16 * 1024 * 1024);
        var day = TimeSpan.FromDays(1);
        var second = TimeSpan.FromSeconds(1);
        if (Out(HistoryAge, second, day)) yield return Say(nameof(HistoryAge), HistoryAge, second, day);
        if (Out(DedupeWindow, second, day)) yield return Say(nameof(DedupeWindow), DedupeWindow, second, day);
        var (least, most) = (TimeSpan.FromMilliseconds(100), TimeSpan.FromHours(1));
        if (Out(PresenceCountInterval, least, most)) yield return Say(nameof(PresenceCountInterval), PresenceCountInterval, least, most);
        for (var i = 0; i < Patterns.Count; i++)
        {
            var pattern = Patterns[i];
            if (NamePattern.Problem(pattern.Room) is { } problem)
                yield return $"Rooms:Patterns:{i}:Room is '{pattern.Room}'. {problem}";
            if (pattern.HistoryMessages is { } messages && Out(messages, 0, 100_000)) yield return Say($"Patterns:{i}:HistoryMessages", messages, 0, 100_000);
            if (pattern.HistoryAge is { } age && Out(age, second, day)) yield return Say($"Patterns:{i}:HistoryAge", age, second, day);
        }

        static bool Out<T>(T value, T from, T to) where T : IComparable<T> => value.CompareTo(from) < 0 || value.CompareTo(to) > 0;
        static string Say<T>(string setting, T value, T from, T to) => $"Rooms:{setting} is {value}; it must be from {from} to {to}.";
    }
}

/// <summary>What rooms of some names do otherwise; an entry of <c>Rooms:Patterns</c>.</summary>
public sealed class RoomPattern
{
    /// <summary>A room's name, or with <c>*</c> at its end the beginning of many: <c>orders-*</c>.</summary>
    public string Room { get; set; } = "";

    /// <summary>Instead of <see cref="RoomOptions.HistoryMessages"/>. 0 to 100,000.</summary>
    public int? HistoryMessages { get; set; }

    /// <summary>Instead of <see cref="RoomOptions.HistoryAge"/>. 1 s to 1 day.</summary>
    public TimeSpan? HistoryAge { get; set; }

    private NamePattern? _pattern;

    internal bool Matches(string room) => (_pattern ??= new NamePattern(Room)).Matches(room);
}
