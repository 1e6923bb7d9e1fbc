using System.Diagnostics.Metrics;

namespace Realtime.Silo.Rooms;

/// <summary>Counts how often each limit of rooms was met.</summary>
internal static class SiloLimits
{
    public const string HistoryBytes = "history_bytes";
    public const string TotalHistoryBytes = "total_history_bytes";
    public const string Dedupe = "dedupe";
    public const string Members = "members";
    public const string Rooms = "rooms";
    public const string Presence = "presence";
    public const string PresenceBytes = "presence_bytes";
    public const string Resume = "resume";
    public const string State = "state";
    public const string Openings = "openings";

    private static readonly Meter s_meter = new(SiloTelemetry.MeterName);
    private static readonly Counter<long> s_met = s_meter.CreateCounter<long>(
        "realtime.room.limits", "{time}", "How often a limit of rooms was met, by limit.");

    public static void Met(string limit) => s_met.Add(1, new KeyValuePair<string, object?>("realtime.limit", limit));
}
