using System.Security.Cryptography;
using Realtime.Silo.Rooms;

namespace Realtime.Silo.Logs;

/// <summary>
/// No log but the room's own memory. It migrates with its room, and is lost with a silo that is killed: then the room begins a
/// new epoch.
/// </summary>
internal sealed class MemoryLogs : IRoomLogs
{
    private static readonly MemoryLog s_log = new();

    public ValueTask<OpenedLog> Open(string room, Retention retention, string user = "") =>
        new(new OpenedLog(s_log, NewEpoch(), 0, [], []));

    public ValueTask<OpenedLog?> Find(string room, Retention retention, string user = "") => default;

    public IRoomLog Resume(LogMark mark) => s_log;

    /// <summary>64 random bits.</summary>
    public static string NewEpoch() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(8));

    private sealed class MemoryLog : IRoomLog
    {
        public LogMark Mark => default;

        public ValueTask Append(ReadOnlySpan<LogEntry> entries) => ValueTask.CompletedTask;

        public void Trim(long before)
        {
            // The room's own history is all there is.
        }
    }
}
