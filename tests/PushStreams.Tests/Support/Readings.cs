using System.Collections.Concurrent;
using System.Diagnostics.Metrics;

namespace Realtime.PushStreams.Tests.Support;

/// <summary>Adds up what the meter counts for one provider: of all silos and clients, since they are in one process.</summary>
internal sealed class Readings : IDisposable
{
    private readonly MeterListener _listener = new();
    private readonly ConcurrentDictionary<string, long> _sums = new();

    public Readings(string provider)
    {
        _listener.InstrumentPublished = (instrument, listener) =>
        {
            if (instrument.Meter.Name == PushStreamTelemetry.MeterName)
                listener.EnableMeasurementEvents(instrument);
        };
        _listener.SetMeasurementEventCallback<long>((instrument, value, tags, _) =>
        {
            foreach (var tag in tags)
            {
                if (tag.Key == "realtime.stream.provider" && provider.Equals(tag.Value))
                    _sums.AddOrUpdate(instrument.Name, value, (_, sum) => sum + value);
            }
        });
        _listener.Start();
    }

    public long this[string name] => _sums.GetValueOrDefault("realtime.push." + name);

    public void Dispose() => _listener.Dispose();
}
