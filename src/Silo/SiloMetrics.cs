using System.Diagnostics.Metrics;
using Realtime.Settings;

namespace Realtime.Silo;

/// <summary>How long a silo's steps take.</summary>
internal static class SiloMetrics
{
    private static readonly Meter s_meter = new(SiloTelemetry.MeterName);
    private static readonly Histogram<double> s_turn = s_meter.CreateTimes("realtime.room.turn.duration", "Time of a room's turn: what a call of a front or a service asks for, from its start until the streams have taken its events.");
    private static readonly Histogram<double> s_append = s_meter.CreateTimes("realtime.log.append.duration", "Time until the log has a turn's messages; of one that failed with error.type.");
    private static readonly Histogram<double> s_wait = s_meter.CreateTimes("realtime.log.wait_time", "Time that the first append of a statement waited for its turn.");
    private static readonly Counter<long> s_lost = s_meter.CreateCounter<long>("realtime.cluster.lost_leases", "{lease}", "Fronts and silos that did not renew their lease in time.");

    private static readonly KeyValuePair<string, object?> s_fenced = new("error.type", "fenced"), s_failed = new("error.type", "failed");

    /// <summary>A turn that began at a timestamp has ended.</summary>
    public static void Turned(long start) => s_turn.RecordSince(start);

    /// <summary>The log has what was to be kept.</summary>
    public static void Appended(long start) => s_append.RecordSince(start);

    /// <summary>The log did not take it.</summary>
    /// <param name="isFenced">The room is on another silo.</param>
    public static void NotAppended(long start, bool isFenced) => s_append.RecordSince(start, isFenced ? s_fenced : s_failed);

    /// <summary>A statement begins, whose first append came at a timestamp.</summary>
    public static void Waited(long since) => s_wait.RecordSince(since);

    /// <param name="holder"><c>front</c> or <c>silo</c>.</param>
    public static void LostLease(string holder) => s_lost.Add(1, new KeyValuePair<string, object?>("realtime.lease.holder", holder));
}
