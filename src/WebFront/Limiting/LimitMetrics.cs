using System.Diagnostics.Metrics;

namespace Realtime.WebFront.Limiting;

/// <summary>The limits, as the metric names them.</summary>
internal enum Limit : byte { Commands, Publishes, MessageBytes, Joins, Reads, Directs, Refreshes, Calls, Errors, Excess, UserConnections, AddressConnections, Connections, Handshakes, Upgrades, Requests }

/// <summary>Counts how often each limit was met. Attacks meet them often, so that counting costs an addition and no more.</summary>
internal sealed class LimitMetrics : IDisposable
{
    private static readonly Limit[] s_limits = Enum.GetValues<Limit>();
    private static readonly KeyValuePair<string, object?>[] s_tags = [.. s_limits.Select(limit => KeyValuePair.Create("realtime.limit", (object?)Name(limit)))];

    private readonly long[] _met = new long[s_limits.Length];
    private readonly Meter _meter;

    public LimitMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(FrontTelemetry.MeterName);
        _meter.CreateObservableCounter("realtime.front.limits", Read, "{time}", "Times that a client met a limit, by the limit.");
    }

    public void Met(Limit limit) => Interlocked.Increment(ref _met[(int)limit]);

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> Read() =>
        s_limits.Select(limit => new Measurement<long>(Volatile.Read(ref _met[(int)limit]), s_tags[(int)limit]));

    /// <summary><c>MessageBytes</c> becomes <c>message_bytes</c>.</summary>
    public static string Name(Limit limit) =>
        string.Concat($"{limit}".Select((letter, at) => at > 0 && char.IsUpper(letter) ? $"_{char.ToLowerInvariant(letter)}" : $"{char.ToLowerInvariant(letter)}"));
}
