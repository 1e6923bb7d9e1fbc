using System.ComponentModel.DataAnnotations;
using Realtime.Settings;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Users;

/// <summary>Who has an inbox, and what it keeps; configuration section <c>Inbox</c>.</summary>
public sealed class InboxOptions
{
    internal const string Off = "off";
    internal const string OptIn = "optIn";
    internal const string All = "all";

    /// <summary>
    /// <c>off</c>: nobody. <c>optIn</c>: users of whom a connection has asked for it. <c>all</c>: everybody, so that what was sent before
    /// the first one asks is kept too; a message to a user id that nobody has makes an inbox as well.
    /// </summary>
    [AllowedValues(Off, OptIn, All)]
    public string Mode { get; set; } = OptIn;

    /// <summary>The most messages that an inbox keeps; those of one sender count for at most half of it, as in <see cref="RoomOptions.HistoryMessages"/>. 1 to 10,000.</summary>
    [Range(1, 10_000)]
    public int Messages { get; set; } = 100;

    /// <summary>What they may take in memory, bodies and 160 bytes for each; beyond it the oldest go early. 1,024 to 1 GiB.</summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int Bytes { get; set; } = 1024 * 1024;

    /// <summary>How long it keeps them; and how long an inbox without messages is there for a user who is away, at least. 1 min to 365 days.</summary>
    [Range(typeof(TimeSpan), "00:01:00", "365.00:00:00")]
    public TimeSpan Age { get; set; } = TimeSpan.FromDays(7);

    internal Retention Retention => new(Messages, Age, Bytes);

    internal static readonly SettingsSection Settings = new("Inbox", typeof(InboxOptions));
}
