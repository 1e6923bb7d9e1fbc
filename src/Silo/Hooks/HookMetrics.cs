using System.Diagnostics.Metrics;

namespace Realtime.Silo.Hooks;

/// <summary>Counts the calls of hooks that did not go as they should.</summary>
internal static class HookMetrics
{
    public const string Failed = "failed";
    public const string Late = "timeout";
    public const string Busy = "busy";
    public const string Dropped = "dropped";

    private static readonly Counter<long> s_failures = new Meter(SiloTelemetry.MeterName).CreateCounter<long>(
        "realtime.hook.failures", "{call}", "Calls of hooks that failed, by reason: failed, timeout, busy (Hooks:MaxRunning) or dropped (Hooks:QueueEvents, QueueBytes).");

    public static void Count(string reason) => s_failures.Add(1, new KeyValuePair<string, object?>("error.type", reason));
}
