using System.Diagnostics.Metrics;
using Microsoft.Extensions.Options;

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

    public LimitMetrics(IMeterFactory meters, IOptions<LimitOptions> options)
    {
        var limits = options.Value;
        Measurement<long>[] most = limits is { Enabled: true, Connections: > 0 } ? [new(limits.Connections)] : [];
        _meter = meters.Create(FrontTelemetry.MeterName);
        _meter.CreateObservableCounter("realtime.front.limits", Read, "{time}", "Times that a client met a limit, by the limit.");
        _meter.CreateObservableUpDownCounter("realtime.front.connection.max", () => most, "{connection}", "Connections that the front may have; not there when nothing bounds them.");
    }

    public void Met(Limit limit) => Interlocked.Increment(ref _met[(int)limit]);

    public void Dispose() => _meter.Dispose();

    private IEnumerable<Measurement<long>> Read() =>
        s_limits.Select(limit => new Measurement<long>(Volatile.Read(ref _met[(int)limit]), s_tags[(int)limit]));

    /// <summary><c>MessageBytes</c> becomes <c>message_bytes</c>.</summary>
    public static string Name(Limit limit) =>
        string.Concat($"{limit}".Select((letter, at) => at > 0 && char.IsUpper(letter) ? $"_{char.ToLowerInvariant(letter)}" : $"{char.ToLowerInvariant(letter)}"));
}
