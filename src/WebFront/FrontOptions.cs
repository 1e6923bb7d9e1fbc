using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Microsoft.Extensions.Options;
using Realtime.Grains;
using Realtime.Settings;

namespace Realtime.WebFront;

/// <summary>How a front treats its clients; configuration section <c>Front</c>.</summary>
public sealed class FrontOptions
{
    /// <summary>The most rooms that one connection may be in. 1 to 100,000.</summary>
    [Range(1, 100_000)]
    public int MaxRoomsPerConnection { get; set; } = 100;

    /// <summary>
    /// The longest <c>content</c> of a client's message, and the longest <c>data</c>, in bytes of JSON. 1 to 16 MiB. Rooms and users
    /// hold this bound; a front refuses at once what they would. Its setting is theirs, <c>Rooms:MaxContentBytes</c>.
    /// </summary>
    public int MaxContentBytes { get; internal set; } = 64 * 1024;

    /// <summary>
    /// The longest <c>data</c> that a member of a room shows of itself, in bytes of JSON. Its setting is that of rooms,
    /// <c>Rooms:MaxPresenceBytes</c>.
    /// </summary>
    public int MaxPresenceBytes { get; internal set; } = 1024;

    /// <summary>How often who has asked for that is told how many are in a room. Its setting is that of rooms, <c>Rooms:PresenceCountInterval</c>.</summary>
    public TimeSpan PresenceCountInterval { get; internal set; } = TimeSpan.FromSeconds(1);

    /// <summary>
    /// How many commands of one connection may wait for their answer; at this many its socket is not read further until
    /// one is answered. 1 to 100,000.
    /// </summary>
    [Range(1, 100_000)]
    public int MaxCommandsInFlight { get; set; } = 256;

    /// <summary>
    /// A client that resumes and has missed more bytes of messages than this gets <c>recovered: false</c> and none of them.
    /// What it gets goes into the connection's queue at once, over its bounds; while it waits there a new message closes a
    /// connection that disconnects slow consumers, which then resumes with the rest. So much of a room's events is also kept while a
    /// join waits for the room's answer, and while a repair does. 1,024 to 1 GiB.
    /// </summary>
    [Range(1024, 1024 * 1024 * 1024)]
    public int MaxResumeBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>How many user ids a <c>members</c> answer has when the client names no limit. 1 to 1,000.</summary>
    [Range(1, Limits.PageSize)]
    public int MembersPageSize { get; set; } = 100;

    /// <summary>
    /// How long a call to a room or user is tried again while its silo is dying and another takes over; then the client
    /// gets the error <c>unavailable</c>. 1 s to 5 min.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan CallTimeout { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>
    /// How long messages of a room wait at the front for others that go in the same write. 0, for not at all, to 1 s. Where
    /// messages come closer than that it saves most of a front's CPU; each comes later by as much.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "00:00:01")]
    public TimeSpan WriteDelay { get; set; }

    /// <summary>
    /// How often a stream of server-sent events gets a comment, so that it is not taken for dead by proxies, and a dead client is
    /// found. 1 s to 5 min.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:01", "00:05:00")]
    public TimeSpan EventsHeartbeat { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// What a full queue means, by room: the first rule that fits counts. Rooms that none fits follow
    /// <see cref="Connections.ConnectionOptions.SlowConsumer"/>.
    /// </summary>
    public IList<SlowConsumerRule> SlowConsumers { get; set; } = [];

    /// <summary>Whether <c>/openapi/v1.json</c> is served; by default in Development only. It wants what the HTTP API wants.</summary>
    public bool? OpenApi { get; set; }

    /// <summary>
    /// For the front as a process: whether it serves what <see cref="RealtimeFrontExtensions.MapRealtimePages"/> maps; by default in
    /// Development only. An application of one's own calls that or does not.
    /// </summary>
    public bool? Pages { get; set; }

    /// <summary>
    /// For the front as a process: whether it serves <see cref="RealtimeFrontExtensions.MapRealtimeConsole"/>; by default in Development, and
    /// where <c>Management:Urls</c> gives it an address that is not the clients'. An application of one's own calls that or does not.
    /// </summary>
    public bool? Console { get; set; }

    /// <summary>The settings of rooms that fronts and silos read from one place.</summary>
    /// <exception cref="OptionsValidationException">One is no number or time, or out of its range.</exception>
    internal void ReadRooms(IConfiguration configuration)
    {
        MaxContentBytes = Bytes("Rooms:MaxContentBytes", 1, 16 * 1024 * 1024, MaxContentBytes);
        MaxPresenceBytes = Bytes("Rooms:MaxPresenceBytes", 0, 64 * 1024, MaxPresenceBytes);
        const string interval = "Rooms:PresenceCountInterval";
        if (configuration[interval] is not { } time)
            return;
        PresenceCountInterval = TimeSpan.TryParse(time, CultureInfo.InvariantCulture, out var span) && span >= TimeSpan.FromMilliseconds(100) && span <= TimeSpan.FromHours(1)
            ? span
            : throw Wrong($"{interval} is '{time}'; it must be a time from 00:00:00.1 to 01:00:00.");

        int Bytes(string path, int least, int most, int otherwise) => configuration[path] is not { } text ? otherwise
            : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var bytes) && bytes >= least && bytes <= most ? bytes
            : throw Wrong($"{path} is '{text}'; it must be a whole number from {least} to {most}.");

        static OptionsValidationException Wrong(string problem) => new("Rooms", typeof(FrontOptions), [problem]);
    }

    internal static readonly SettingsSection Settings = new("Front", typeof(FrontOptions))
    {
        Moved = new Dictionary<string, string>
        {
            [nameof(MaxContentBytes)] = "Rooms:MaxContentBytes",
            [nameof(MaxPresenceBytes)] = "Rooms:MaxPresenceBytes",
            [nameof(PresenceCountInterval)] = "Rooms:PresenceCountInterval",
        },
    };
}
