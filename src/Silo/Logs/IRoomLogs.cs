using Realtime.Silo.Rooms;

namespace Realtime.Silo.Logs;

/// <summary>
/// Where rooms keep their messages. A room reads its log once, when it opens it, and has what it retains in memory from
/// then on; so a log is appended to and trimmed, and read by nobody else.
/// </summary>
/// <remarks>
/// An application with a store of its own adds it to the silo's services as a singleton, after <see cref="SiloExtensions.AddRealtime"/>. The
/// tests that every log passes are in <c>tests/Silo.Tests/Logs/RoomLogCases.cs</c>; they use nothing but these interfaces. Calls come from
/// many rooms at once, must not block, and should end within 3 s: the caller waits for 5 s. What fails with anything but a
/// <see cref="LogException"/> counts as a defect: it costs the room's turn as well, and is logged with its stack trace.
/// </remarks>
public interface IRoomLogs
{
    /// <summary>Opens a room's log for the one activation that writes it; who had it open before cannot append any more.</summary>
    /// <param name="room">The room's name.</param>
    /// <param name="retention">What the room keeps: the newest messages are given, of which it keeps at least as many, by their bytes.</param>
    /// <param name="user">Who wants it: each user's openings are done in turn. Empty for services.</param>
    /// <exception cref="LogException">It cannot be opened now, or not by this release.</exception>
    ValueTask<OpenedLog> Open(string room, Retention retention, string user = "");

    /// <summary>As <see cref="Open"/>, for a room that has a log; null, and nothing is written, for one that has none.</summary>
    /// <exception cref="LogException">It cannot be opened now, or not by this release.</exception>
    ValueTask<OpenedLog?> Find(string room, Retention retention, string user = "");

    /// <summary>The log of a room that has come from another silo with all that it held, as it was open there.</summary>
    IRoomLog Resume(LogMark mark);
}

/// <summary>A room's open log. One call at a time.</summary>
public interface IRoomLog
{
    /// <summary>Names this opening.</summary>
    LogMark Mark { get; }

    /// <summary>Appends messages, with consecutive sequences that begin after the last one; completes when they are committed.</summary>
    /// <exception cref="LogException">
    /// They may be committed or not. The log is unusable from then on: opened again, it has its last sequence.
    /// </exception>
    ValueTask Append(ReadOnlySpan<LogEntry> entries);

    /// <summary>Messages before this sequence are not needed any more; they are deleted later, in the background.</summary>
    void Trim(long before);
}

/// <summary>A message, and the id under which it was published, if it had one.</summary>
/// <param name="Message">To be given again as it is, but for <see cref="FrontEvent.Order"/>: kind, sender, whether it is of a service, sequence, time, body.</param>
/// <param name="Id">Any text, up to 128 bytes of UTF-8.</param>
/// <param name="BodyHash">Of the message's body, to be kept with the id.</param>
public readonly record struct LogEntry(FrontEvent Message, string? Id, ulong BodyHash)
{
    /// <summary>
    /// What a key of the room's state has from this message on; with an empty body the key is deleted. Null for most messages. It is kept with the
    /// message or not at all, replaces what the key had, and stays when the message goes.
    /// </summary>
    public StateEntry? State { get; init; }
}

/// <summary>An opening of a room's log.</summary>
/// <param name="Room">The log's own number for the room.</param>
/// <param name="Term">Grows with each opening; 0 in a log that begins a new epoch each time.</param>
[GenerateSerializer, Immutable, Alias("realtime.log.mark")]
public readonly record struct LogMark([property: Id(0)] long Room, [property: Id(1)] long Term)
{
    /// <summary>
    /// The room's events of this opening have greater orders than this, and all events before it had smaller ones: else
    /// fronts would take them for repeats. Leaves place for 10^12 events of an opening, and 8 million openings.
    /// </summary>
    public long FirstOrder => Term << 40;
}

/// <summary>What a log held when it was opened.</summary>
/// <param name="Log">To append to.</param>
/// <param name="Epoch">The room's epoch.</param>
/// <param name="Sequence">Of the last message.</param>
/// <param name="Messages">The newest ones, without holes up to <paramref name="Sequence"/>; their order is that of the opening.</param>
/// <param name="Publishes">The ids of the dedupe window, oldest first.</param>
public sealed record OpenedLog(IRoomLog Log, string Epoch, long Sequence, FrontEvent[] Messages, KnownPublish[] Publishes)
{
    /// <summary>
    /// What the keys of the room's state have, each once, in any order; what has expired may be left out. A log that keeps none of it gives none:
    /// then the state is lost whenever the room is opened anew.
    /// </summary>
    public StateEntry[] State { get; init; } = [];
}
