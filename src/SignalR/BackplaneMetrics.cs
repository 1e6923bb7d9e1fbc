using System.Diagnostics.Metrics;

namespace Realtime.SignalR;

/// <summary>Measurements: of this server's hubs together.</summary>
internal static class BackplaneMetrics
{
    private static readonly Meter s_meter = new(BackplaneTelemetry.MeterName);

    public static readonly Counter<long> Sends = s_meter.CreateCounter<long>(
        "realtime.signalr.sends", "{message}", "Messages that hubs sent to the cluster, one for each group or user.");

    public static readonly Counter<long> Deliveries = s_meter.CreateCounter<long>(
        "realtime.signalr.deliveries", "{message}", "Messages from the cluster that connections were given.");

    public static readonly Counter<long> Missed = s_meter.CreateCounter<long>(
        "realtime.signalr.missed_events", "{event}", "Events of the cluster that did not reach this server.");

    public static readonly Counter<long> Slow = s_meter.CreateCounter<long>(
        "realtime.signalr.slow_consumers", "{connection}", "Times that a connection was closed as too much waited for it.");
}
