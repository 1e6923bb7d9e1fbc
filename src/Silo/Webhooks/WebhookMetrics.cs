using System.Diagnostics.Metrics;

namespace Realtime.Silo.Webhooks;

/// <summary>What goes to receivers, by the attribute <c>realtime.webhook.receiver</c>: the pattern of its rooms.</summary>
internal static class WebhookMetrics
{
    private static readonly Meter s_meter = new(SiloTelemetry.MeterName);
    private static readonly Counter<long> s_events = s_meter.CreateCounter<long>(
        "realtime.webhook.events", "{event}", "Events for receivers of webhooks, by outcome: accepted or dropped.");
    private static readonly Counter<long> s_requests = s_meter.CreateCounter<long>(
        "realtime.webhook.requests", "{request}", "Requests to receivers of webhooks, by outcome: accepted, refused, timeout or failed.");
    private static readonly UpDownCounter<long> s_waiting = s_meter.CreateUpDownCounter<long>(
        "realtime.webhook.backlog", "{event}", "Events that wait for receivers of webhooks.");
    private static readonly UpDownCounter<long> s_bytes = s_meter.CreateUpDownCounter<long>(
        "realtime.webhook.backlog_size", "By", "What the events that wait for receivers of webhooks take in memory.");

    public static void Accepted(string receiver, long events) => s_events.Add(events, Receiver(receiver), Outcome("accepted"));

    public static void Dropped(string receiver, long events) => s_events.Add(events, Receiver(receiver), Outcome("dropped"));

    public static void Request(string receiver, string outcome) => s_requests.Add(1, Receiver(receiver), Outcome(outcome));

    public static void Waiting(string receiver, long events, long bytes)
    {
        s_waiting.Add(events, Receiver(receiver));
        s_bytes.Add(bytes, Receiver(receiver));
    }

    private static KeyValuePair<string, object?> Receiver(string receiver) => new("realtime.webhook.receiver", receiver);

    private static KeyValuePair<string, object?> Outcome(string outcome) => new("realtime.outcome", outcome);
}
