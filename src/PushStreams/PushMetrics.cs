using System.Diagnostics.Metrics;
using Realtime.Settings;

namespace Realtime.PushStreams;

/// <summary>Measurements of this process, each with the attribute <c>realtime.stream.provider</c>.</summary>
internal static class PushMetrics
{
    private static readonly Meter s_meter = new(PushStreamTelemetry.MeterName);

    public static readonly Histogram<double> Calls = s_meter.CreateTimes("realtime.push.call.duration", "Time until a subscriber has acknowledged a call.");

    public static readonly Counter<long> Batches = s_meter.CreateCounter<long>(
        "realtime.push.batches", "{batch}", "Calls that a subscriber has acknowledged.");

    public static readonly Counter<long> Events = s_meter.CreateCounter<long>(
        "realtime.push.events", "{event}", "Events that a subscriber has acknowledged.");

    public static readonly Counter<long> Retries = s_meter.CreateCounter<long>(
        "realtime.push.retries", "{batch}", "Calls that failed or were not answered in time.");

    public static readonly Counter<long> Drops = s_meter.CreateCounter<long>(
        "realtime.push.drops", "{event}", "Events that a subscriber did not take in time, or that waited for one that went.");

    public static readonly UpDownCounter<long> Pending = s_meter.CreateUpDownCounter<long>(
        "realtime.push.pending", "{event}", "Events that wait for a subscriber.");

    public static readonly UpDownCounter<long> PendingBytes = s_meter.CreateUpDownCounter<long>(
        "realtime.push.pending_size", "By", "What the events that wait for a subscriber take in memory, about, where they tell it.");

    public static readonly Counter<long> Announcements = s_meter.CreateCounter<long>(
        "realtime.push.announcements", "{call}", "Calls of subscribers that tell that they are there.");

    public static readonly Counter<long> Lookups = s_meter.CreateCounter<long>(
        "realtime.push.lookups", "{call}", "Calls of producers that ask who listens.");
}
