using System.Diagnostics.Metrics;

namespace Realtime.WebFront.Calls;

/// <summary>How a call ended, as the metric names it.</summary>
internal enum CallOutcome : byte
{
    /// <summary>With a result.</summary>
    Ok,

    /// <summary>With an error that the other side meant, or that was found before it was asked.</summary>
    Refused,

    /// <summary>The method failed.</summary>
    Failed,

    /// <summary>Without an answer in time.</summary>
    Timeout,

    /// <summary>The connection closed, or nobody wanted the answer any more.</summary>
    Cancelled,

    /// <summary>An answer of a client that nobody waited for.</summary>
    Unclaimed,
}

/// <summary>Counts calls, by who made them and how they ended.</summary>
internal sealed class CallMetrics : IDisposable
{
    private static readonly KeyValuePair<string, object?> s_fromClient = new("realtime.call.direction", "from_client"), s_toClient = new("realtime.call.direction", "to_client");
    private static readonly KeyValuePair<string, object?>[] s_outcomes =
        [.. Enum.GetValues<CallOutcome>().Select(outcome => KeyValuePair.Create("realtime.outcome", (object?)outcome.ToString().ToLowerInvariant()))];

    private readonly Meter _meter;
    private readonly Counter<long> _calls;
    private int _running;

    public CallMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(FrontTelemetry.MeterName);
        _calls = _meter.CreateCounter<long>("realtime.front.calls", "{call}", "Calls of clients and to clients, by direction and outcome.");
        _meter.CreateObservableUpDownCounter("realtime.front.active_calls", () => Volatile.Read(ref _running), "{call}", "Methods that run for clients.");
    }

    public void Begin() => Interlocked.Increment(ref _running);

    public void End() => Interlocked.Decrement(ref _running);

    public void FromClient(CallOutcome outcome) => _calls.Add(1, s_fromClient, s_outcomes[(int)outcome]);

    public void ToClient(CallOutcome outcome) => _calls.Add(1, s_toClient, s_outcomes[(int)outcome]);

    public void Dispose() => _meter.Dispose();
}
