using System.Diagnostics.Metrics;
using System.Globalization;
using Realtime.Settings;

namespace Realtime.Connections.Hosting;

/// <summary>
/// Measures connections. What happens often is only counted; the instruments read the counts when somebody looks.
/// </summary>
internal sealed class ConnectionMetrics : IDisposable
{
    private static readonly KeyValuePair<string, object?> s_in = new("network.io.direction", "receive"), s_out = new("network.io.direction", "transmit");

    private readonly Meter _meter;
    private readonly Counter<long> _closes, _refusals;
    private readonly Histogram<double> _life;
    private long _open, _messagesIn, _messagesOut, _bytesIn, _bytesOut, _slow, _dropped, _throttled;

    public ConnectionMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(ConnectionTelemetry.MeterName);
        _meter.CreateObservableUpDownCounter("realtime.connection.active", () => Volatile.Read(ref _open), "{connection}", "Connections that are open.");
        _meter.CreateObservableCounter("realtime.connection.messages", () => InAndOut(ref _messagesIn, ref _messagesOut), "{message}", "Messages received, and taken for sending, once per connection.");
        _meter.CreateObservableCounter("realtime.connection.io", () => InAndOut(ref _bytesIn, ref _bytesOut), "By", "Payload bytes received, and bytes of frames taken for sending, uncompressed.");
        _meter.CreateObservableCounter("realtime.connection.slow_consumers", () => Volatile.Read(ref _slow), "{connection}", "Connections closed because their queue was full.");
        _meter.CreateObservableCounter("realtime.connection.dropped_messages", () => Volatile.Read(ref _dropped), "{message}", "Messages dropped from full queues.");
        _meter.CreateObservableCounter("realtime.connection.throttles", () => Volatile.Read(ref _throttled), "{time}", "Times that a peer was not read for a second as it had sent too many control frames or fragments.");
        _closes = _meter.CreateCounter<long>("realtime.connection.closes", "{connection}", "Connections that ended, by close code; codes that are not this library's nor the protocol's are 'other'.");
        _refusals = _meter.CreateCounter<long>("realtime.connection.refused_upgrades", "{request}", "Requests for a connection that were refused by this library or its gate, by reason.");
        _life = _meter.CreateLives("realtime.connection.duration", "Time that a connection was open.");
    }

    /// <summary>An upgrade was refused.</summary>
    /// <param name="reason">One of a few.</param>
    public void Refused(string reason) => _refusals.Add(1, new KeyValuePair<string, object?>("error.type", reason));

    public void Opened() => Interlocked.Increment(ref _open);

    public void Closed(ushort code, TimeSpan life)
    {
        _life.Record(life.TotalSeconds);
        Interlocked.Decrement(ref _open);
        _closes.Add(1, new KeyValuePair<string, object?>("realtime.close.code", Label(code)));
    }

    public void Received(int bytes)
    {
        Interlocked.Increment(ref _messagesIn);
        Interlocked.Add(ref _bytesIn, bytes);
    }

    /// <summary>Counts a send, or a whole fan-out at once.</summary>
    public void Sent(long messages, long bytes)
    {
        Interlocked.Add(ref _messagesOut, messages);
        Interlocked.Add(ref _bytesOut, bytes);
    }

    public void Throttled() => Interlocked.Increment(ref _throttled);

    public void SlowConsumer() => Interlocked.Increment(ref _slow);

    public void Dropped(int messages) => Interlocked.Add(ref _dropped, messages);

    private static Measurement<long>[] InAndOut(ref long received, ref long sent) => [new(Volatile.Read(ref received), s_in), new(Volatile.Read(ref sent), s_out)];

    // Peers choose from 2,000 codes, and each label is a series that is kept.
    private static string Label(ushort code) => CloseCodes.IsKnown(code) ? code.ToString(CultureInfo.InvariantCulture) : "other";

    public void Dispose() => _meter.Dispose();
}
