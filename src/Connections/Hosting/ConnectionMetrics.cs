using System.Diagnostics.Metrics;
using System.Globalization;

namespace Realtime.Connections.Hosting;

/// <summary>
/// The meter <c>Realtime.Connections</c>. What happens often is only counted; the instruments read the counts when somebody looks.
/// </summary>
internal sealed class ConnectionMetrics : IDisposable
{
    public const string MeterName = "Realtime.Connections";

    private readonly Meter _meter;
    private readonly Counter<long> _closes;
    private long _open, _messagesIn, _messagesOut, _bytesIn, _bytesOut, _slow, _dropped, _throttled;

    public ConnectionMetrics(IMeterFactory meters)
    {
        _meter = meters.Create(MeterName);
        _meter.CreateObservableUpDownCounter("realtime.connections.open", () => Volatile.Read(ref _open), "{connection}", "Connections that are open.");
        _meter.CreateObservableCounter("realtime.connections.messages.received", () => Volatile.Read(ref _messagesIn), "{message}", "Messages received.");
        _meter.CreateObservableCounter("realtime.connections.messages.sent", () => Volatile.Read(ref _messagesOut), "{message}", "Messages taken for sending, counted once per connection.");
        _meter.CreateObservableCounter("realtime.connections.bytes.received", () => Volatile.Read(ref _bytesIn), "By", "Payload bytes received.");
        _meter.CreateObservableCounter("realtime.connections.bytes.sent", () => Volatile.Read(ref _bytesOut), "By", "Bytes of frames taken for sending, uncompressed.");
        _meter.CreateObservableCounter("realtime.connections.slow_consumers", () => Volatile.Read(ref _slow), "{connection}", "Connections closed because their queue was full.");
        _meter.CreateObservableCounter("realtime.connections.messages.dropped", () => Volatile.Read(ref _dropped), "{message}", "Messages dropped from full queues.");
        _meter.CreateObservableCounter("realtime.connections.throttled", () => Volatile.Read(ref _throttled), "{time}", "Times that a peer was not read for a second as it had sent too many control frames or fragments.");
        _closes = _meter.CreateCounter<long>("realtime.connections.closed", "{connection}", "Connections that ended, by close code; codes that are not this library's nor the protocol's are 'other'.");
    }

    public void Opened() => Interlocked.Increment(ref _open);

    public void Closed(ushort code)
    {
        Interlocked.Decrement(ref _open);
        _closes.Add(1, new KeyValuePair<string, object?>("code", Label(code)));
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

    // Peers choose from 2,000 codes, and each label is a series that is kept.
    private static string Label(ushort code) => CloseCodes.IsKnown(code) ? code.ToString(CultureInfo.InvariantCulture) : "other";

    public void Dispose() => _meter.Dispose();
}
