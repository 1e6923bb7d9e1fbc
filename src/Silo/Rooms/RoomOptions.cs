using System.ComponentModel.DataAnnotations;
using Realtime.Settings;

namespace Realtime.Silo.Rooms;

/// <summary>How rooms behave; configuration section <c>Rooms</c>.</summary>
public sealed class RoomOptions
{
    internal const int DefaultHistoryBytes = 8 * 1024 * 1024;
    internal const int DefaultDedupeBytes = 4 * 1024 * 1024;

    /// <summary>
    /// Up to so many users in a room, presence is by name; above it members get only a count, at most one
    /// per <see cref="PresenceCountInterval"/>: a room of n members would otherwise cost n * n frames to fill. 0 to 100,000.
    /// </summary>
    [Range(0, 100_000)]
    public int PresenceLimit { get; set; } = 100;

    /// <summary>How often a room above <see cref="PresenceLimit"/> publishes its count. 100 ms to 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan PresenceCountInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// So many comings and goings of one user, and changes of what it shows, are told at once; then one per
    /// <see cref="PresenceChangeInterval"/>, and what they come to in the end. 1 to 1,000.
    /// </summary>
    [Range(1, 1000)]
    public int PresenceChangeBurst { get; set; } = 5;

    /// <summary>How often a user who comes and goes, or changes, all the time is told. 100 ms to 1 h.</summary>
    [Range(typeof(TimeSpan), "00:00:00.1", "01:00:00")]
    public TimeSpan PresenceChangeInterval { get; set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// The longest <c>data</c> that a member shows of itself, in bytes of JSON. 0, for none, to 64 KiB. Fronts read the same setting, to
    /// refuse early.
    /// </summary>
    [Range(0, 64 * 1024)]
    public int MaxPresenceBytes { get; set; } = 1024;

    /// <summary>
    /// What the data of all members of a room may take in memory, with 200 bytes for each; a join or update beyond is refused with
    /// <c>room_full</c>. 1,024 to 1 GiB.
    /// </summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int MaxPresenceRoomBytes { get; set; } = 4 * 1024 * 1024;

    /// <summary>
    /// The most messages that a room keeps for those who come back. While there are others among them, those of one user count for
    /// at most half of it: then there may be more, and a flood pushes nobody's messages out. 0 to 100,000.
    /// </summary>
    [Range(0, 100_000)]
    public int HistoryMessages { get; set; } = 300;

    /// <summary>
    /// What they may take in memory, bodies and 160 bytes for each; beyond it the oldest go early. 1,024 to 1 GiB.
    /// </summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int HistoryBytes { get; set; } = DefaultHistoryBytes;

    /// <summary>
    /// What all rooms of a silo may keep together, histories and publish ids; beyond it those that were not used for the longest
    /// release theirs. By default a quarter of the memory that the process may use. 64 KiB to 1 PiB.
    /// </summary>
    [Range(typeof(long), "65536", "1125899906842624")]
    public long? TotalHistoryBytes { get; set; }

    /// <summary>How long a room keeps them. 1 s to 1 day.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan HistoryAge { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>
    /// How many bytes of missed messages one user's resumes of a room get in the long run; beyond it, after
    /// <see cref="ResumeBurstBytes"/>, they are told <c>recovered: false</c>. 1,024 to 1 GiB.
    /// </summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int ResumeBytesPerSecond { get; set; } = 1024 * 1024;

    /// <summary>How many they get at once. 1,024 to 1 GiB.</summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int ResumeBurstBytes { get; set; } = 32 * 1024 * 1024;

    /// <summary>How long a publish id is remembered. 1 s to 1 day.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan DedupeWindow { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>
    /// The most publish ids that a room remembers; beyond it the user who has the most forgets the oldest early. 0 to 1,000,000.
    /// </summary>
    [Range(0, 1_000_000)]
    public int DedupeEntries { get; set; } = 10_000;

    /// <summary>What they may take in memory, their text and 200 bytes for each; beyond it as above. 1,024 to 1 GiB.</summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int DedupeBytes { get; set; } = DefaultDedupeBytes;

    /// <summary>The most keys that the state of a room has; a message that would add one is refused with <c>state_full</c>. 0 to 100,000.</summary>
    [Range(0, 100_000)]
    public int MaxStateKeys { get; set; } = 1000;

    /// <summary>
    /// What the state of a room may take in memory, its text and 240 bytes for each key; a message that would add to it beyond is refused with
    /// <c>state_full</c>. Who joins gets all of it. 1,024 to 64 MiB.
    /// </summary>
    [Range(1024, 64 * 1024 * 1024)]
    public int MaxStateBytes { get; set; } = 1024 * 1024;

    /// <summary>
    /// The same for all rooms of a silo together. By default an eighth of the memory that the process may use. 64 KiB to 1 PiB.
    /// </summary>
    [Range(typeof(long), "65536", "1125899906842624")]
    public long? TotalStateBytes { get; set; }

    /// <summary>The most connections in a room; a join beyond is refused with <c>room_full</c>. 1 to 10,000,000.</summary>
    [Range(1, 10_000_000)]
    public int MaxMembers { get; set; } = 100_000;

    /// <summary>
    /// The most rooms that a silo has open; a join or publish that would open another one is refused with <c>unavailable</c>. No bound
    /// by default. 1 to 100,000,000.
    /// </summary>
    [Range(1, 100_000_000)]
    public int? MaxRooms { get; set; }

    /// <summary>
    /// How long a room must have been without users for hooks to be told that it is vacated: who only reconnects does not count. 0 to 1 h.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "01:00:00")]
    public TimeSpan VacateDelay { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The longest <c>content</c> of a message, and the longest <c>data</c>, in bytes of JSON; also of a text or binary frame that a
    /// service sends, and for messages to a user and to everybody. 1 to 16 MiB. Fronts read the same setting, to refuse early.
    /// </summary>
    [Range(1, 16 * 1024 * 1024)]
    public int MaxContentBytes { get; set; } = 64 * 1024;

    /// <summary>Rooms that keep another number or size of messages, or keep them for another time. The first that matches counts.</summary>
    public IList<RoomPattern> Patterns { get; set; } = [];

    /// <summary>What the room of this name keeps.</summary>
    internal Retention RetentionOf(string room)
    {
        foreach (var pattern in Patterns)
        {
            if (pattern.Matches(room))
                return new Retention(pattern.HistoryMessages ?? HistoryMessages, pattern.HistoryAge ?? HistoryAge, pattern.HistoryBytes ?? HistoryBytes);
        }
        return new Retention(HistoryMessages, HistoryAge, HistoryBytes);
    }

    /// <summary>Older messages are of no use in any room.</summary>
    internal TimeSpan LongestHistoryAge => Patterns.Select(pattern => pattern.HistoryAge ?? HistoryAge).Append(HistoryAge).Max();

    internal static readonly SettingsSection Settings = new("Rooms", typeof(RoomOptions))
    {
        Others = ["Access", "AccessTimeout", "Capabilities", "JoinClaim", "Open"], // who may do what, which fronts decide
    };
}

/// <summary>What rooms of some names do otherwise; an entry of <c>Rooms:Patterns</c>.</summary>
public sealed class RoomPattern : ISettings
{
    /// <summary>A room's name, or with <c>*</c> at its end the beginning of many: <c>orders-*</c>.</summary>
    public string Room { get; set; } = "";

    /// <summary>Instead of <see cref="RoomOptions.HistoryMessages"/>. 0 to 100,000.</summary>
    [Range(0, 100_000)]
    public int? HistoryMessages { get; set; }

    /// <summary>Instead of <see cref="RoomOptions.HistoryBytes"/>. 1,024 to 1 GiB.</summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int? HistoryBytes { get; set; }

    /// <summary>Instead of <see cref="RoomOptions.HistoryAge"/>. 1 s to 1 day.</summary>
    [Range(typeof(TimeSpan), "00:00:01", "1.00:00:00")]
    public TimeSpan? HistoryAge { get; set; }

    private NamePattern? _pattern;

    IEnumerable<SettingProblem> ISettings.Problems()
    {
        if (NamePattern.Problem(Room) is { } problem)
            yield return new(nameof(Room), $"is '{Room}'. {problem}");
    }

    internal bool Matches(string room) => (_pattern ??= new NamePattern(Room)).Matches(room);
}
